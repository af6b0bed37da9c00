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
    open: async (from = 0) => discard(new DecompressedBytes(stored, compression), from),
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

/**
 * Feeds an engine of node:zlib, and looks at what it leaves when it ends: more frames of zstd are read by another engine, and
 * what is neither data nor padding is held against the file, for node:zlib passes over it in silence.
 */
class DecompressedBytes implements ByteStream {
  readonly #stored: Stored
  readonly #compression: Compression
  #frame: Frame | undefined

  constructor(stored: Stored, compression: Compression) {
    this.#stored = stored
    this.#compression = compression
  }

  get stored(): number {
    return this.#frame?.end ?? 0
  }

  async read(into: Buffer, at: number): Promise<number> {
    this.#frame ??= await this.#open(0)
    for (;;) {
      const count = await this.#frame.text.read(into, at)
      const { end } = this.#frame
      if (count > 0 || end >= this.#stored.bytes) return count
      if (!(await this.#goesOn(end))) return 0
      await this.#frame[Symbol.asyncDispose]()
      this.#frame = await this.#open(end)
    }
  }

  async #open(from: number): Promise<Frame> {
    return new Frame(await this.#stored.open(from), from, this.#compression, (error) => this.#broken(error))
  }

  /** Zeros after the end are the padding of tapes and block devices; anything else but another frame was meant to be read. */
  async #goesOn(end: number): Promise<boolean> {
    await using rest = await this.#stored.open(end)
    const start = Buffer.alloc(4)
    const length = await fill(rest, start)
    if (this.#compression === 'zstd' && isZstdFrame(start)) return true
    let padding = isZero(start.subarray(0, length))
    for await (const piece of pieces(rest)) padding &&= isZero(piece)
    if (!padding) throw this.#error(`goes on after the end of its ${this.#compression}, at byte ${end}`)
    return false
  }

  #broken(error: unknown): DwhError {
    if (error instanceof DwhError) return error
    const { code, message } = error as NodeJS.ErrnoException
    const what = this.#compression
    return code === 'Z_BUF_ERROR' || code === 'ZSTD_error_srcSize_wrong'
      ? this.#error(`is cut in the middle: its ${what} goes on after byte ${this.#stored.bytes}`, error)
      : this.#error(`is broken near byte ${this.stored}: no ${what} goes on like this (${message})`, error)
  }

  #error(what: string, cause?: unknown): DwhError {
    return new DwhError('INPUT_BROKEN', `${this.#stored.name} ${what}; nothing of it is loaded`, {
      hint: 'fetch the file again, or compare its size with that of the original',
      cause,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#frame?.[Symbol.asyncDispose]()
  }
}

/** One run of an engine: all members of a gzip, one frame of zstd. */
class Frame implements AsyncDisposable {
  readonly text: StreamBytes
  readonly #bytes: ByteStream
  readonly #from: number
  readonly #engine: Transform & { bytesWritten: number }

  constructor(
    bytes: ByteStream,
    from: number,
    compression: Compression,
    explain: (error: unknown) => DwhError,
  ) {
    this.#bytes = bytes
    this.#from = from
    this.#engine = compression === 'gzip' ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize })
    const input = Readable.from(copies(bytes), { objectMode: false, highWaterMark: chunkSize })
    input.once('error', (error) => this.#engine.destroy(error))
    this.text = new StreamBytes(input.pipe(this.#engine), explain)
  }

  /** Bytes of the stored file that the engine has taken. */
  get end(): number {
    return this.#from + this.#engine.bytesWritten
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.text[Symbol.asyncDispose]()
    await this.#bytes[Symbol.asyncDispose]()
  }
}

/** One of data, or one of those that decoders skip. */
function isZstdFrame(start: Buffer): boolean {
  const magic = start.readUInt32LE()
  return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}

/** The engine keeps what it is given for a while, and `pieces` does not. */
async function* copies(bytes: ByteStream): AsyncGenerator<Buffer> {
  for await (const piece of pieces(bytes)) yield Buffer.from(piece)
}
