import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { ahead } from '../ahead.ts'
import type { Fetched, Source, Surroundings } from '../source.ts'
import { type Wish, windowText } from '../window.ts'
import type { Archive, Index } from './archive.ts'
import { counting } from './counting.ts'
import { fingerprint } from './editions.ts'
import { geographyMembers, locationColumns, locationRows } from './geography.ts'
import type { Edition } from './index-page.ts'
import { memberOf } from './product-file.ts'
import type { DwdSettings } from './settings.ts'
import { spoolRows } from './spool-rows.ts'

/** The part of the stations whose file may be missing. */
const mostMissing = 0.1

/** Where the stations of a product have stood, and when: a dataset without windows. */
export class Locations implements Source {
  readonly #archive: Archive
  readonly #settings: DwdSettings
  readonly #surroundings: Surroundings

  constructor(archive: Archive, settings: DwdSettings, surroundings: Surroundings) {
    this.#archive = archive
    this.#settings = settings
    this.#surroundings = surroundings
  }

  /** Files change each day, and what they say of places does not. */
  async fingerprint(): Promise<undefined> {
    return undefined
  }

  async estimate(): Promise<undefined> {
    return undefined
  }

  async fetch({ window }: Wish, work: Work): Promise<Fetched> {
    if (window)
      throw new DwhError(
        'CONFIG_INVALID',
        `the places of stations have no windows, such as ${windowText(window)}`,
        { hint: 'run it without dates, as a whole: --force takes the newest ones' },
      )
    const { work: counted, cost } = counting(work)
    const read: string[] = []
    const csv = this.#rows(newestFiles(await this.#archive.index(counted, true)), counted, read)
    const rows = await spoolRows('places of stations', csv, this.#surroundings.spoolFolder, work)
    return { ...rows, fingerprint: fingerprint(read), announced: undefined, ...cost }
  }

  async *#rows(files: Edition[], work: Work, read: string[]): AsyncGenerator<Buffer> {
    yield Buffer.from(`${locationColumns.join(',')}\n`)
    let missing = 0
    for await (const text of ahead(files, this.#settings.concurrency + 1, (file) => this.#read(file, work))) {
      work.signal.throwIfAborted()
      if (text === undefined) missing += 1
      else {
        yield Buffer.from(text)
        read.push(text)
      }
      const done = read.length + missing
      work.emit({ type: 'progress', step: 'fetch', done, total: files.length, unit: 'files' })
    }
    if (missing <= Math.max(1, mostMissing * files.length)) return
    throw new DwhError(
      'SOURCE_FAILED',
      `the archive does not have ${missing} of the ${files.length} files that its index names: it may be being updated; nothing was loaded`,
      { hint: 'try again later' },
    )
  }

  /** @returns undefined where the archive does not have what its index names */
  async #read(edition: Edition, work: Work): Promise<string | undefined> {
    const found = await this.#archive.zip(edition, work)
    if (found) return await locationRows(await memberOf(found.path, edition.name, geographyMembers))
    const message = `station ${edition.station} goes without ${edition.name}: the index names it, and the archive does not have it`
    work.emit({ type: 'warning', message })
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** One file of each station knows all its places: the recent one where it still measures, else the one that goes furthest. */
function newestFiles({ historical, recent }: Index): Edition[] {
  const end = ({ to }: Edition) => to ?? Number.POSITIVE_INFINITY
  const newest = new Map<number, Edition>()
  for (const edition of [...historical.editions, ...recent.editions]) {
    const before = newest.get(edition.station)
    if (!before || end(edition) > end(before)) newest.set(edition.station, edition)
  }
  return [...newest.values()].toSorted((a, b) => a.station - b.station)
}
