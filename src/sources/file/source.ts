import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { z } from 'zod'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { sourceSchema } from '../../warehouse/source.ts'
import type { Fetched, Source, Surroundings } from '../source.ts'
import { fill, type Window, type Wish, windowText } from '../window.ts'
import { chain } from './chain.ts'
import { findInputs, type Input, pathsOf } from './find.ts'
import { readAs } from './read-as.ts'
import type { ReadOptions } from './reader.ts'

type FileSettings = Extract<z.output<typeof sourceSchema>, { kind: 'file' }>

/**
 * Files by a path that is filled in with the days of a window. A path that names a month holds more than one of its days: what
 * lies beyond the window is `load`'s to leave out.
 */
export async function openFile(settings: FileSettings, surroundings: Surroundings): Promise<Source> {
  return new FileSource(settings, surroundings)
}

class FileSource implements Source {
  readonly #settings: FileSettings
  readonly #surroundings: Surroundings

  constructor(settings: FileSettings, surroundings: Surroundings) {
    this.#settings = settings
    this.#surroundings = surroundings
  }

  async fingerprint(wish: Wish): Promise<string> {
    const { words } = await this.#find(wish)
    return fingerprintOf(words, this.#surroundings.folder)
  }

  /** By a sample; unknown where the files hold days beyond the window. */
  async estimate(wish: Wish, work: Work): Promise<number | undefined> {
    if (wish.window && this.#isShared(wish, wish.window)) return undefined
    await using fetched = await this.fetch(wish, work)
    if (fetched.input === undefined) return 0
    await using reader = await fetched.input.open({})
    return reader.rows ?? (await reader.sample()).rows
  }

  async fetch(wish: Wish, work: Work): Promise<Fetched> {
    const { words, missing } = await this.#find(wish)
    // Before they are read: whoever writes them now makes the fingerprint stale, never the rows.
    const fingerprint = await fingerprintOf(words, this.#surroundings.folder)
    const lacking = missing.length > 0 ? missingText(missing, wish) : undefined
    if (lacking !== undefined) work.emit({ type: 'note', message: lacking })
    const inputs = await this.#open([...words.keys()], work)
    const [first, ...others] = inputs
    const input = first && (others.length > 0 ? chain([first, ...others], this.#nameOf(wish, inputs)) : first)
    return {
      input: input && readAs(input, this.#reading()),
      missing: words.size === 0 ? lacking : undefined,
      fingerprint,
      announced: undefined,
      requests: 0,
      bytes: inputs.reduce((sum, { bytes }) => sum + bytes, 0),
      async [Symbol.asyncDispose]() {
        await input?.[Symbol.asyncDispose]()
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #open(words: string[], work: Work): Promise<Input[]> {
    const { folder, spoolFolder } = this.#surroundings
    try {
      return await findInputs(words, { cwd: folder, stdin: Readable.from([]), spoolFolder }, work)
    } catch (error) {
      throw asInput(error)
    }
  }

  /** The words that name files, with these, and those that name none. */
  async #find(wish: Wish): Promise<{ words: Map<string, string[]>; missing: string[] }> {
    const { folder } = this.#surroundings
    await this.#requirePlace()
    const words = new Map<string, string[]>()
    const missing: string[] = []
    for (const word of wordsOf(this.#settings.path, wish)) {
      const { paths } = await pathsOf(word, folder).catch((error) => Promise.reject(asInput(error)))
      if (paths.length > 0) words.set(word, paths)
      else missing.push(word)
    }
    return { words, missing }
  }

  /** A month without a file is one that is missing; a folder that is not there is a disk that is not mounted, or a mistake. */
  async #requirePlace(): Promise<void> {
    const { path } = this.#settings
    const { folder } = this.#surroundings
    const template = path.search(/[{*?[]/)
    const place = resolve(
      folder,
      template < 0 ? path.replace(/!.*$/, '') : dirname(`${path.slice(0, template)}x`),
    )
    const found = await stat(place).catch(() => undefined)
    if (found) return
    throw new DwhError('SOURCE_FAILED', `there is no ${template < 0 ? 'file' : 'folder'} ${place}`, {
      hint: `is it mounted? the source reads ${path}, from ${folder}`,
    })
  }

  /** Whether a neighbouring day lies in one of the same files. */
  #isShared(wish: Wish, { from, to, zone }: Window): boolean {
    const words = wordsOf(this.#settings.path, wish)
    const beside = [from.subtract({ days: 1 }), to].flatMap((day) =>
      wordsOf(this.#settings.path, { ...wish, window: { from: day, to: day.add({ days: 1 }), zone } }),
    )
    return beside.some((word) => words.includes(word))
  }

  #reading(): ReadOptions {
    const { format, delimiter, header, columns, encoding, null_text: nullText } = this.#settings
    return { format, delimiter, header, columns, encoding, nullText }
  }

  #nameOf({ window }: Wish, { length }: Input[]): string {
    return `${this.#settings.path}${window ? ` of ${windowText(window)}` : ''} (${length} files)`
  }
}

function missingText(missing: string[], { window }: Wish): string {
  const of = window ? ` of ${windowText(window)}` : ''
  const names = `${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ', …' : ''}`
  return missing.length === 1
    ? `there is no file ${names}${of}`
    : `${missing.length} files${of} are not there: ${names}`
}

/** The path for each day of the window, each word once, in the order of the days. */
function wordsOf(path: string, wish: Wish): string[] {
  const { window } = wish
  if (window === undefined) return [fill(path, wish)]
  const words = new Set<string>()
  for (let from = window.from; from.until(window.to).days > 0; from = from.add({ days: 1 })) {
    const day = { window: { from, to: from.add({ days: 1 }), zone: window.zone }, parameters: {} }
    words.add(
      fill(
        path.replace(/\{(year|quarter|month|day)\}/g, (name) => fill(name, day)),
        wish,
      ),
    )
  }
  return [...words]
}

async function fingerprintOf(words: Map<string, string[]>, folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const [word, paths] of words) {
    // Of a zip it is the word that says which members.
    hash.update(`${JSON.stringify(word.split('!')[1] ?? null)}\n`)
    for (const path of paths) {
      const { size, mtimeMs } = await stat(resolve(folder, path)).catch((error) =>
        Promise.reject(asInput(error)),
      )
      hash.update(`${JSON.stringify([relative(folder, resolve(folder, path)), size, mtimeMs])}\n`)
    }
  }
  return hash.digest('hex')
}

/** A path that cannot be read is no mistake of the command line here. */
function asInput(error: unknown): unknown {
  if (error instanceof DwhError && error.code !== 'USAGE') return error
  if (!(error instanceof Error)) return error
  const hint = error instanceof DwhError ? error.hint : undefined
  return new DwhError('INPUT_BROKEN', error.message, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}
