import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DwhError } from '../../errors.ts'

/** What tells one edition of a file from another. */
export interface Validators {
  etag: string | null
  lastModified: string | null
}

const none: Validators = { etag: null, lastModified: null }

/**
 * A download that is not whole yet: `part` with its edition in `part.json`. Whoever goes on with it takes it under a name of its
 * own, which of two processes one can do; one that dies leaves it to the next.
 */
export class Part implements AsyncDisposable {
  readonly #place: string
  readonly #path: string
  #handle: FileHandle | undefined
  #finished = false
  validators: Validators
  bytes: number

  private constructor(place: string, path: string, validators: Validators, bytes: number) {
    this.#place = place
    this.#path = path
    this.validators = validators
    this.bytes = bytes
  }

  static async take(place: string): Promise<Part> {
    await adoptOrphan(place)
    const path = join(place, `part.${process.pid}.${randomUUID()}`)
    try {
      await rename(join(place, 'part'), path)
    } catch {
      return new Part(place, path, none, 0)
    }
    const validators: Validators | undefined = await readFile(join(place, 'part.json'), 'utf8')
      .then((text): Validators => JSON.parse(text))
      .catch(() => undefined)
    return new Part(place, path, validators ?? none, validators ? (await stat(path)).size : 0)
  }

  /** What asks for its rest; undefined where it must begin anew. A weak ETag is not good enough for a range. */
  get range(): Record<string, string> | undefined {
    const { etag, lastModified } = this.validators
    const edition = etag && !etag.startsWith('W/') ? etag : lastModified
    if (this.bytes === 0 || !edition) return undefined
    return { range: `bytes=${this.bytes}-`, 'if-range': edition }
  }

  /** Forgets what is there. */
  async begin(validators: Validators): Promise<void> {
    this.validators = validators
    this.bytes = 0
    await (await this.#opened()).truncate(0)
    await writeFile(`${this.#path}.json`, JSON.stringify(validators), { mode: 0o600 })
    await rename(`${this.#path}.json`, join(this.#place, 'part.json'))
  }

  /** @throws DwhError DISK_FULL */
  async append(piece: Buffer): Promise<void> {
    try {
      await (await this.#opened()).write(piece, 0, piece.length, this.bytes)
      this.bytes += piece.length
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause
      throw new DwhError('DISK_FULL', `a download does not fit into ${this.#place}`, { cause })
    }
  }

  /** Gives the whole file its name. */
  async finish(path: string): Promise<void> {
    const handle = await this.#opened()
    await handle.truncate(this.bytes)
    await handle.close()
    this.#handle = undefined
    await rename(this.#path, path)
    this.#finished = true
  }

  async #opened(): Promise<FileHandle> {
    this.#handle ??= await open(this.#path, this.bytes > 0 ? 'r+' : 'w+', 0o600)
    return this.#handle
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close()
    if (this.#finished) return
    if (this.bytes > 0) await rename(this.#path, join(this.#place, 'part')).catch(() => {})
    else await rm(this.#path, { force: true })
  }
}

/** What a process has left that is no more. */
async function adoptOrphan(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    const [, pid] = /^part\.(\d+)\./.exec(name) ?? []
    if (pid === undefined || isAlive(Number(pid))) continue
    await rename(join(place, name), join(place, 'part')).catch(() => {})
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
