import { Readable, type Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { DwhError } from '../../errors.ts'
import { type ByteStream, discard, fill, pieces, type Stored, StreamBytes } from './byte-stream.ts'

type Compression = 'gzip' | 'zstd'

/** Bytes after decompression, to be read again and again. */
export interface Plain {
  stored: Stored
  compression: Compression | undefined
  /** @param from how many bytes of the text are passed over: sought in a plain file, read in others */
  open(from?: number): Promise<ByteStream>
}

const chunkSize = 256 * 1024

/** Looks at the first bytes, whatever the name says. */
export async function plain(stored: Stored): Promise<Plain> {
  const compression = compressionOf(await firstBytes(stored, 4))
  if (compression === undefined) return { stored, compression, open: (from) => stored.open(from) }
  return {
    stored,
    compression,
    open: async (from = 0) => discard(decompress(stored, compression, await stored.open()), from),
  }
}

/** As many of the first bytes as there are, at most `count`. */
export async function firstBytes(source: Pick<Stored, 'open'>, count: number): Promise<Buffer> {
  await using stream = await source.open()
  const bytes = Buffer.alloc(count)
  return bytes.subarray(0, await fill(stream, bytes))
}

function compressionOf(bytes: Buffer): Compression | undefined {
  if (bytes.length >= 2 && bytes.readUInt16BE() === 0x1f8b) return 'gzip'
  if (bytes.length >= 4 && bytes.readUInt32BE() === 0x28b52ffd) return 'zstd'
  return undefined
}

function decompress(stored: Stored, compression: Compression, bytes: ByteStream): ByteStream {
  const engine = compression === 'gzip' ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize })
  return new DecompressedBytes(stored, compression, bytes, engine)
}

/** Feeds an engine of node:zlib, and holds against it what it passes over in silence: bytes after the end. */
class DecompressedBytes implements ByteStream {
  readonly #stored: Stored
  readonly #compression: Compression
  readonly #bytes: ByteStream
  readonly #engine: Transform & { bytesWritten: number }
  readonly #text: StreamBytes

  constructor(
    stored: Stored,
    compression: Compression,
    bytes: ByteStream,
    engine: Transform & { bytesWritten: number },
  ) {
    this.#stored = stored
    this.#compression = compression
    this.#bytes = bytes
    this.#engine = engine
    const input = Readable.from(copies(bytes), { objectMode: false, highWaterMark: chunkSize })
    input.once('error', (error) => engine.destroy(error))
    this.#text = new StreamBytes(input.pipe(engine), (error) => this.#broken(error))
  }

  get stored(): number {
    return this.#engine.bytesWritten
  }

  async read(into: Buffer, at: number): Promise<number> {
    const count = await this.#text.read(into, at)
    if (count === 0) await this.#refuseRest()
    return count
  }

  /** Zeros after the end are the padding of tapes and block devices; anything else was meant to be read. */
  async #refuseRest(): Promise<void> {
    const end = this.#engine.bytesWritten
    if (end >= this.#stored.bytes) return
    await using rest = await this.#stored.open()
    let at = 0
    for await (const piece of pieces(rest)) {
      const tail = piece.subarray(Math.max(0, end - at))
      if (tail.some((byte) => byte !== 0))
        throw this.#error(`goes on after the end of its ${this.#compression}, at byte ${end}`)
      at += piece.length
    }
  }

  #broken(error: unknown): DwhError {
    if (error instanceof DwhError) return error
    const { code } = error as NodeJS.ErrnoException
    const at = this.#engine.bytesWritten
    if (code === 'Z_BUF_ERROR' || code === 'ZSTD_error_srcSize_wrong')
      return this.#error(
        `is cut in the middle: its ${this.#compression} goes on after byte ${this.#stored.bytes}`,
        error,
      )
    return this.#error(
      `is broken near byte ${at}: no ${this.#compression} goes on like this (${(error as Error).message})`,
      error,
    )
  }

  #error(what: string, cause?: unknown): DwhError {
    return new DwhError('INPUT_BROKEN', `${this.#stored.name} ${what}; nothing of it is loaded`, {
      hint: 'fetch the file again, or compare its size with that of the original',
      cause,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#text[Symbol.asyncDispose]()
    await this.#bytes[Symbol.asyncDispose]()
  }
}

/** The engine keeps what it is given for a while, and `pieces` does not. */
async function* copies(bytes: ByteStream): AsyncGenerator<Buffer> {
  for await (const piece of pieces(bytes)) yield Buffer.from(piece)
}
