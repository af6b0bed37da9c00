import { readdir } from 'node:fs/promises'
import { type Compression, compressFile, keepFile, type StoredFile } from './compress.ts'
import { filesIn } from './files.ts'
import { readGrowing } from './growing-file.ts'
import { dataNumber } from './toc.ts'

/** Milliseconds between two looks for files that pg_dump has begun. */
const interval = 100

export interface StoreOptions {
  /** That pg_dump writes. */
  folder: string
  compression: Compression
  jobs: number
  /** Whether files are read while they are written, or when pg_dump has ended. */
  follows: boolean
  signal: AbortSignal
  /** Told that the rows of a table are stored. */
  onTable: () => void
}

/**
 * Compresses and hashes the files of an archive while pg_dump writes them, each on the heels of its writer, so that the
 * largest table is stored when it has been dumped; held with `await using`.
 */
export class ArchiveStore implements AsyncDisposable {
  readonly #options: StoreOptions
  readonly #broken = new AbortController()
  /** Aborted when a file cannot be stored: pg_dump is to end too. */
  readonly signal: AbortSignal
  readonly #stored = new Map<string, Promise<StoredFile>>()
  readonly #finished = new Set<number>()
  /** The look that found it first. */
  readonly #seen = new Map<number, number>()
  readonly #timer: NodeJS.Timeout | undefined
  #looks = 0
  #looking = Promise.resolve()
  #ended = false

  constructor(options: StoreOptions) {
    this.#options = options
    this.signal = AbortSignal.any([options.signal, this.#broken.signal])
    if (options.follows) this.#timer = setInterval(() => this.#lookSoon(), interval)
  }

  /** pg_dump has written all of a table. */
  finish(number: number): void {
    this.#finished.add(number)
  }

  /** pg_dump has ended well: stores what is left, and waits for all. By name. */
  async end(): Promise<Map<string, StoredFile>> {
    clearInterval(this.#timer)
    await this.#looking
    this.#ended = true
    for (const name of await filesIn(this.#options.folder)) if (!name.endsWith('.zst')) this.#store(name)
    const files = await Promise.all(this.#stored.values())
    return new Map(files.map((file) => [file.name, file]))
  }

  /** Why it broke where it did; else the error that somebody else met. */
  reasonOf(error: unknown): unknown {
    return this.#broken.signal.aborted ? this.#broken.signal.reason : error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#broken.abort()
    await this.#looking
    await Promise.allSettled(this.#stored.values())
  }

  #lookSoon(): void {
    this.#looking = this.#looking.then(() => this.#look())
  }

  async #look(): Promise<void> {
    // Before pg_dump has made the folder there is none.
    const names = await readdir(this.#options.folder).catch(() => [])
    const found = names.filter((name) => dataNumber(name) !== undefined && !name.endsWith('.zst'))
    const fresh = found.filter((name) => !this.#stored.has(name))
    if (fresh.length > 0) this.#looks += 1
    for (const name of fresh) this.#store(name)
  }

  #store(name: string): void {
    if (this.#stored.has(name)) return
    const { folder, compression, onTable } = this.#options
    const number = dataNumber(name)
    if (number !== undefined) this.#seen.set(number, this.#looks)
    const content = readGrowing(`${folder}/${name}`, () => this.#isWhole(number), this.signal)
    const storing =
      compression === 'zstd' && number !== undefined
        ? compressFile(folder, name, content, this.signal)
        : keepFile(folder, name, content)
    this.#stored.set(name, storing)
    storing.then(
      () => number !== undefined && onTable(),
      (error) => this.#broken.abort(error),
    )
  }

  /** With one job, which says nothing, pg_dump has written a table when it has begun another. */
  #isWhole(number: number | undefined): boolean {
    if (this.#ended || number === undefined) return this.#ended
    const isPast = this.#options.jobs === 1 && (this.#seen.get(number) ?? 0) < this.#looks
    return isPast || this.#finished.has(number)
  }
}
