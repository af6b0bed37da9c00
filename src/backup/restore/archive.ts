import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { DwhError } from '../../errors.ts'
import { shown } from '../../postgres/identifiers.ts'
import { type BackedUpTable, dataFile, type FileDigest, type Manifest } from '../manifest.ts'

/** A file with the rows of one table, as the manifest knows it. */
export interface DataFile extends FileDigest {
  /** Absolute. */
  path: string
}

/** Bytes of text that come out of an engine at once: one message of COPY. */
const chunkSize = 64 * 1024

/**
 * Where the rows of a table lie on this machine, in the backup itself or in a pack of sealed leaves beside it.
 *
 * @param folder of backups
 * @throws DwhError INPUT_BROKEN where the manifest names a file without its hash
 */
export function openableFile(folder: string, manifest: Manifest, table: BackedUpTable): DataFile {
  const { path, digest } = dataFile(manifest, table)
  if (digest) return { path: join(folder, path), ...digest }
  throw new DwhError(
    'INPUT_BROKEN',
    `the manifest of ${manifest.backup} has no hash of ${path}, the rows of ${shown(table)}`,
    { hint: 'take another backup; see: dwh backup list' },
  )
}

/**
 * The text of COPY in a data file. Size and hash of the file are compared when it has been read to its end and *before* the
 * text ends, so that whoever copies it is stopped in front of the end of the COPY.
 *
 * @throws DwhError INPUT_BROKEN where the file is not the one of the manifest
 */
export async function* copyText(file: DataFile, signal: AbortSignal): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  let bytes = 0
  const tap = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  const engine = engineOf(file.path)
  const reading = pipeline(createReadStream(file.path, { highWaterMark: chunkSize * 4 }), tap, engine, {
    signal,
  })
  reading.catch(() => {})
  try {
    yield* engine
    await reading
  } catch (error) {
    signal.throwIfAborted()
    throw broken(file.path, error instanceof Error ? error.message : String(error), error)
  } finally {
    engine.destroy()
  }
  if (bytes !== file.bytes) throw broken(file.path, `it has ${bytes} bytes and not ${file.bytes}`)
  if (hash.digest('hex') !== file.sha256) throw broken(file.path, 'its hash is another one')
}

function engineOf(path: string): Transform {
  if (path.endsWith('.zst')) return createZstdDecompress({ chunkSize })
  return path.endsWith('.gz') ? createGunzip({ chunkSize }) : new PassThrough()
}

function broken(path: string, why: string, cause?: unknown): DwhError {
  return new DwhError('INPUT_BROKEN', `${path} is not what was backed up: ${why}`, {
    cause,
    hint: 'fetch the file again, or take another backup; see: dwh backup list',
  })
}
