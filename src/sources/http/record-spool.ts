import { createHash, type Hash, randomUUID } from 'node:crypto'
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DwhError } from '../../errors.ts'
import { releaseBlock } from '../file/blocks.ts'
import { storedFile } from '../file/byte-stream.ts'
import { type Input, inputOf } from '../file/find.ts'

const bufferBytes = 1024 * 1024
const LF = 0x0a

/** Where a spool stood, to which it can be taken back. */
export interface Mark {
  bytes: number
  records: number
  hash: Hash
}

/**
 * NDJSON that is put aside in a private file while it comes, one buffer at a time. Held with `await using`: the file goes with
 * it, unless `input` has taken it over.
 */
export class RecordSpool implements AsyncDisposable {
  readonly #folder: string
  readonly #path: string
  #handle: FileHandle | undefined
  /** What is filled, and what is being written meanwhile. */
  #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #other = Buffer.allocUnsafeSlow(bufferBytes)
  #filled = 0
  #written = 0
  #writing: Promise<unknown> = Promise.resolve()
  #hash = createHash('sha256')
  #handedOn = false
  records = 0

  constructor(folder: string) {
    this.#folder = folder
    this.#path = join(folder, `dwh-records-${randomUUID()}.ndjson`)
  }

  get bytes(): number {
    return this.#written + this.#filled
  }

  mark(): Mark {
    return { bytes: this.bytes, records: this.records, hash: this.#hash.copy() }
  }

  /** Forgets what came after a mark. */
  async rewind({ bytes, records, hash }: Mark): Promise<void> {
    await this.#writing
    if (bytes >= this.#written) this.#filled = bytes - this.#written
    else {
      this.#written = bytes
      this.#filled = 0
    }
    this.records = records
    this.#hash = hash.copy()
  }

  /** @throws DwhError DISK_FULL */
  async write(piece: Buffer): Promise<void> {
    this.#hash.update(piece)
    for (let at = 0; at < piece.length; ) {
      const copied = piece.copy(this.#buffer, this.#filled, at)
      at += copied
      this.#filled += copied
      if (this.#filled === bufferBytes) await this.#flush()
    }
  }

  /** The last record that came, as it stands there. */
  async lastRecord(): Promise<string | undefined> {
    if (this.bytes === 0) return undefined
    await this.#flush()
    await this.#writing
    const handle = await this.#opened()
    for (let size = 64 * 1024; ; size *= 2) {
      const start = Math.max(0, this.#written - size)
      const tail = Buffer.allocUnsafe(this.#written - start)
      await handle.read(tail, 0, tail.length, start)
      const before = tail.lastIndexOf(LF, tail.length - 2)
      if (before >= 0 || start === 0) return tail.toString('utf8', before + 1)
    }
  }

  /** Hexadecimal SHA-256 of what is there. */
  get digest(): string {
    return this.#hash.copy().digest('hex')
  }

  /**
   * What `load` reads; its file goes when that is closed.
   *
   * @param name for people
   */
  async input(name: string): Promise<Input> {
    await this.#flush()
    await this.#writing
    const handle = await this.#opened()
    await handle.truncate(this.#written)
    await handle.close()
    this.#handle = undefined
    this.#handedOn = true
    const stored = storedFile(name, this.#path, await stat(this.#path))
    const remove = () => rm(this.#path, { force: true })
    const { digest } = this
    return { ...inputOf(stored, null, this.#folder, remove), digest: async () => digest }
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return
    const handle = await this.#opened()
    await this.#writing
    const [full, length, position] = [this.#buffer, this.#filled, this.#written]
    this.#writing = handle.write(full, 0, length, position).catch((cause) => {
      if (cause.code !== 'ENOSPC') throw cause
      throw new DwhError('DISK_FULL', `the rows of a source do not fit into ${this.#folder}`, { cause })
    })
    // Its error is thrown where it is awaited, before the next write.
    this.#writing.catch(() => {})
    this.#buffer = this.#other
    this.#other = full
    this.#filled = 0
    this.#written += length
  }

  async #opened(): Promise<FileHandle> {
    this.#handle ??= await open(this.#path, 'wx+', 0o600)
    return this.#handle
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => {})
    // One spool follows the other: the garbage collector would come for the memory of every second one.
    for (const buffer of [this.#buffer, this.#other]) releaseBlock(buffer)
    await this.#handle?.close()
    if (!this.#handedOn) await rm(this.#path, { force: true })
  }
}
