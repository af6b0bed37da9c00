import type { Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { DwhError } from '../../errors.ts'

/** Bytes in order, pulled by their reader: held with `await using`. */
export interface ByteStream extends AsyncDisposable {
  /** Bytes of the stored file that have been used so far: for progress. */
  readonly stored: number
  /**
   * Puts bytes into `into` from index `at` on.
   *
   * @returns how many, at least one; 0 at the end
   * @throws DwhError INPUT_BROKEN
   */
  read(into: Buffer, at: number): Promise<number>
}

/** Bytes that lie somewhere and can be read again and again: a file, a member of a zip. */
export interface Stored {
  /** For people. */
  name: string
  bytes: number
  /** Of a file, which a reader may seek in. */
  path?: string
  /** Of a file, for whoever opens it by its path: @throws DwhError INPUT_BROKEN when somebody has written it since it was found */
  requireSame?(): Promise<void>
  open(from?: number): Promise<ByteStream>
}

/** What tells that a file is the one that was found, and that nobody has written it. */
type Found = Pick<Stats, 'size' | 'dev' | 'ino' | 'mtimeMs'>

/** A file of the disk, which must stay as it was when it was found. */
export function storedFile(name: string, path: string, found: Found): Stored & { path: string } {
  const unlessUnreadable = (error: unknown) => Promise.reject(unreadable(name, error))
  return {
    name,
    path,
    bytes: found.size,
    requireSame: async () => requireSame(name, found, await stat(path).catch(unlessUnreadable)),
    open: async (from = 0) => {
      const handle = await open(path).catch(unlessUnreadable)
      try {
        requireSame(name, found, await handle.stat())
        return new FileStream(name, handle, found, from)
      } catch (error) {
        await handle.close()
        throw error
      }
    },
  }
}

function requireSame(name: string, found: Found, now: Found): void {
  if ((['size', 'dev', 'ino', 'mtimeMs'] as const).every((what) => found[what] === now[what])) return
  const how =
    found.size === now.size
      ? `somebody has written it at ${new Date(now.mtimeMs).toISOString()}`
      : `it had ${found.size} bytes when it was found and has ${now.size} now`
  throw new DwhError('INPUT_BROKEN', `${name} changed while it was read: ${how}`, {
    hint: 'wait until whoever writes it is done, and load it then',
  })
}

class FileStream implements ByteStream {
  readonly #name: string
  readonly #handle: FileHandle
  readonly #found: Found
  stored: number

  constructor(name: string, handle: FileHandle, found: Found, from: number) {
    this.#name = name
    this.#handle = handle
    this.#found = found
    this.stored = from
  }

  async read(into: Buffer, at: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(into, at, into.length - at, this.stored)
      this.stored += bytesRead
      if (bytesRead === 0 || this.stored > this.#found.size)
        requireSame(this.#name, this.#found, await this.#handle.stat())
      return bytesRead
    } catch (error) {
      throw error instanceof DwhError ? error : unreadable(this.#name, error)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close()
  }
}

/** The bytes of a stream of Node.js. `stored` counts them unless told otherwise; `explain` makes its errors ours. */
export class StreamBytes implements ByteStream {
  readonly #stream: Readable
  readonly #chunks: AsyncIterator<Buffer>
  readonly #explain: (error: unknown) => DwhError
  readonly #countStored: (() => number) | undefined
  #rest: Buffer = Buffer.alloc(0)
  #given = 0

  constructor(stream: Readable, explain: (error: unknown) => DwhError, countStored?: () => number) {
    this.#stream = stream
    this.#chunks = stream[Symbol.asyncIterator]()
    this.#explain = explain
    this.#countStored = countStored
  }

  get stored(): number {
    return this.#countStored?.() ?? this.#given
  }

  async read(into: Buffer, at: number): Promise<number> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next().catch((error) => Promise.reject(this.#explain(error)))
      if (next.done) return 0
      this.#rest = next.value
    }
    const copied = this.#rest.copy(into, at)
    this.#rest = this.#rest.subarray(copied)
    this.#given += copied
    return copied
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.destroy()
  }
}

/** Reads until `into` is full from `at` on or the bytes end. */
export async function fill(stream: ByteStream, into: Buffer, at = 0): Promise<number> {
  let filled = at
  while (filled < into.length) {
    const count = await stream.read(into, filled)
    if (count === 0) break
    filled += count
  }
  return filled
}

/** Passes over some bytes of a stream, which is closed if that fails. */
export async function discard(stream: ByteStream, count: number): Promise<ByteStream> {
  try {
    for (let left = count; left > 0; ) {
      const read = await stream.read(Buffer.allocUnsafe(Math.min(left, 256 * 1024)), 0)
      if (read === 0) break
      left -= read
    }
    return stream
  } catch (error) {
    await stream[Symbol.asyncDispose]()
    throw error
  }
}

/** Everything from where it stands, in pieces that live only until the next one is asked for. */
export async function* pieces(stream: ByteStream, size = 256 * 1024): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(size)
  for (;;) {
    const count = await stream.read(buffer, 0)
    if (count === 0) return
    yield buffer.subarray(0, count)
  }
}

export function unreadable(name: string, cause: unknown): DwhError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new DwhError('INPUT_BROKEN', `${name} cannot be read: ${message}`, { cause })
}
