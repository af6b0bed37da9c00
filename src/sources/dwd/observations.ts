import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { ahead } from '../ahead.ts'
import type { Download } from '../http/download.ts'
import type { Fetched, Source, Surroundings } from '../source.ts'
import { fillAll, type Wish, windowText } from '../window.ts'
import type { Archive, Index } from './archive.ts'
import { convert } from './convert.ts'
import { counting } from './counting.ts'
import { filesOf, fingerprint, listedFingerprint, mostRows, type StationFiles } from './editions.ts'
import { type Hours, hoursOf } from './hours.ts'
import type { Edition } from './index-page.ts'
import { memberOf } from './product-file.ts'
import { columnsOf, products } from './products.ts'
import { RowBuffer } from './row-buffer.ts'
import type { DwdSettings } from './settings.ts'
import { spoolRows } from './spool-rows.ts'

/** The hours of one product. */
export class Observations implements Source {
  readonly #archive: Archive
  readonly #settings: DwdSettings
  readonly #surroundings: Surroundings

  constructor(archive: Archive, settings: DwdSettings, surroundings: Surroundings) {
    this.#archive = archive
    this.#settings = settings
    this.#surroundings = surroundings
  }

  async fingerprint(wish: Wish, work: Work): Promise<string | undefined> {
    const wanted = this.#wanted(wish)
    const index = await this.#archive.index(work)
    return listedFingerprint(filesOf(index, wanted), wanted.missing)
  }

  /** By the names of the files, as if no hour were missing. */
  async estimate(wish: Wish, work: Work): Promise<number> {
    const wanted = this.#wanted(wish)
    return mostRows(filesOf(await this.#archive.index(work), wanted), wanted.hours)
  }

  async fetch(wish: Wish, work: Work): Promise<Fetched> {
    const fetching = new Fetching(this.#archive, this.#settings, this.#wanted(wish), work)
    const name = `${this.#settings.product}${wish.window ? ` ${windowText(wish.window)}` : ''}`
    const rows = await spoolRows(name, fetching.rows(), this.#surroundings.spoolFolder, work)
    return {
      ...{ ...rows, fingerprint: fetching.fingerprint, announced: undefined, ...fetching.cost },
    }
  }

  #wanted(wish: Wish): Wanted {
    const named = fillAll(this.#settings.stations, wish)
    const stations = named && new Set(named.map(numberOfStation))
    return { hours: hoursOf(wish.window), stations, missing: new Set() }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function numberOfStation(text: string): number {
  if (/^\d{1,5}$/.test(text.trim())) return Number(text)
  throw new DwhError('CONFIG_INVALID', `${JSON.stringify(text)} is no number of a station`, {
    hint: 'stations have numbers of up to five digits, such as 433 or "00433"',
  })
}

interface Wanted {
  hours: Hours
  stations: Set<number> | undefined
  missing: Set<string>
}

/** A file of a station that lies in the cache. */
interface Found {
  edition: Edition
  download: Download
}

/** The part of the files that may be missing. */
const mostMissing = 0.1

/** One window being fetched. */
class Fetching {
  readonly cost: { requests: number; bytes: number }
  readonly #archive: Archive
  readonly #settings: DwdSettings
  readonly #wanted: Wanted
  readonly #work: Work
  readonly #used: Found[] = []
  readonly #given: Uint8Array
  /** The index, read again once a file was not there. */
  #later: Promise<Index> | undefined

  constructor(archive: Archive, settings: DwdSettings, wanted: Wanted, work: Work) {
    const { work: counted, cost } = counting(work)
    this.cost = cost
    this.#archive = archive
    this.#settings = settings
    this.#wanted = wanted
    this.#work = counted
    this.#given = new Uint8Array(wanted.hours.to - wanted.hours.from)
  }

  /** csv with a header; nothing at all without rows. */
  async *rows(): AsyncGenerator<Buffer> {
    const product = products[this.#settings.product]
    const files = filesOf(await this.#archive.index(this.#work, true), this.#wanted)
    let header: Buffer | undefined = Buffer.from(`${columnsOf(product).join(',')}\n`)
    const buffer = new RowBuffer()
    let done = 0
    for await (const found of ahead(files, this.#settings.concurrency + 1, (one) => this.#download(one))) {
      this.#given.fill(0)
      for (const [index, one] of found.entries()) {
        this.#work.signal.throwIfAborted()
        for await (const piece of this.#convert(one, index + 1, buffer)) {
          if (header) yield header
          header = undefined
          yield piece
        }
        this.#used.push(one)
      }
      done += 1
      this.#work.emit({ type: 'progress', step: 'fetch', done, total: files.length, unit: 'files' })
    }
    this.#refuseMany()
    const rest = buffer.take()
    if (rest.length === 0) return
    if (header) yield header
    yield rest
  }

  async *#convert({ edition, download }: Found, number: number, buffer: RowBuffer): AsyncGenerator<Buffer> {
    const product = products[this.#settings.product]
    const member = await memberOf(download.path, edition.name, 'produkt_*.txt')
    await using text = await member.open()
    const wanted = { hours: this.#wanted.hours, given: this.#given, number, rank: edition.rank }
    yield* convert(member.name, text, product, wanted, buffer)
  }

  /**
   * All files of a station. What the index names and the archive does not have may have got another name meanwhile, as all
   * historical files do once a year; else the station goes without it, and the fingerprint says so.
   */
  async #download(files: StationFiles): Promise<Found[]> {
    const found = await this.#tryDownload(files)
    if (found) return found
    this.#later ??= this.#archive.index(this.#work, true)
    const index = await this.#later
    for (;;) {
      const [now] = filesOf(index, { ...this.#wanted, stations: new Set([files.station]) })
      if (now === undefined) return []
      const again = await this.#tryDownload(now)
      if (again) return again
    }
  }

  async #tryDownload({ editions, station }: StationFiles): Promise<Found[] | undefined> {
    const found: Found[] = []
    for (const edition of editions) {
      const download = await this.#archive.zip(edition, this.#work)
      if (download === undefined) {
        this.#miss(edition, station)
        return undefined
      }
      found.push({ edition, download })
    }
    return found
  }

  #miss({ name }: Edition, station: number): void {
    this.#wanted.missing.add(name)
    const message = `station ${station} goes without ${name}: the index names it, and the archive does not have it`
    this.#work.emit({ type: 'warning', message })
  }

  /** One file that is not there is the archive's mistake; many are an update that goes on. */
  #refuseMany(): void {
    const missing = this.#wanted.missing.size
    const found = this.#used.length
    if (missing === 0 || (found > 0 && missing <= Math.max(1, mostMissing * (found + missing)))) return
    throw new DwhError(
      'SOURCE_FAILED',
      `the archive does not have ${missing} of the files that its index names: it may be being updated; nothing of the window was loaded`,
      { hint: 'try again later' },
    )
  }

  get fingerprint(): string {
    const files = [{ station: 0, editions: this.#used.map(({ edition }) => edition) }]
    const read = this.#used.map(
      ({ edition, download: { etag, lastModified, bytes } }) =>
        `${edition.name} ${etag ?? lastModified ?? bytes}`,
    )
    return listedFingerprint(files, this.#wanted.missing) ?? fingerprint(read)
  }
}
