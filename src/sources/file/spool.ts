import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DwhError } from '../../errors.ts'
import { type ByteStream, pieces, type Stored, storedFile, unreadable } from './byte-stream.ts'

/** Bytes that were put aside into a file, which is deleted when it is closed. */
export type Spooled = Stored & { path: string } & AsyncDisposable

/**
 * Puts a stream aside, so that its size and its hash are known before it is loaded and it can be read twice.
 *
 * @param folder must exist; the file is readable by its owner only
 */
export async function spool(
  name: string,
  bytes: NodeJS.ReadableStream | AsyncIterable<Buffer>,
  folder: string,
  signal?: AbortSignal,
): Promise<Spooled> {
  const path = join(folder, `dwh-input-${randomUUID()}`)
  const remove = () => rm(path, { force: true })
  try {
    await pipeline(bytes, createWriteStream(path, { flags: 'wx', mode: 0o600 }), signal ? { signal } : {})
    return { ...storedFile(name, path, await stat(path)), [Symbol.asyncDispose]: remove }
  } catch (error) {
    await remove()
    signal?.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new DwhError('DISK_FULL', `${name} does not fit into ${folder}`, { cause: error })
    throw error instanceof DwhError ? error : unreadable(name, error)
  }
}

/** Puts the bytes of a stream aside, for what must be read in any order. */
export async function spoolBytes(name: string, stream: ByteStream, folder: string): Promise<Spooled> {
  const copies = async function* () {
    for await (const piece of pieces(stream)) yield Buffer.from(piece)
  }
  return spool(name, copies(), folder)
}
