import { readFile } from 'node:fs/promises'
import type { Work } from '../../events.ts'
import type { Fetched, Source, Surroundings } from '../source.ts'
import { type Wish, withoutWindows } from '../window.ts'
import type { Archive } from './archive.ts'
import { counting } from './counting.ts'
import { fingerprint } from './editions.ts'
import { spoolRows } from './spool-rows.ts'
import { stationRows } from './station-list.ts'

/** The list of stations that measure a product: a dataset without windows. */
export class Stations implements Source {
  readonly #archive: Archive
  readonly #surroundings: Surroundings

  constructor(archive: Archive, surroundings: Surroundings) {
    this.#archive = archive
    this.#surroundings = surroundings
  }

  /** Only the answer to a request for the list tells whether it has changed. */
  async fingerprint(): Promise<undefined> {
    return undefined
  }

  async estimate(): Promise<undefined> {
    return undefined
  }

  async fetch({ window }: Wish, work: Work): Promise<Fetched> {
    if (window) throw withoutWindows('a list of stations has', window, 'list')
    const { work: counted, cost } = counting(work)
    const { path } = await this.#archive.stations(counted)
    const list = await readFile(path)
    const csv = async function* () {
      yield Buffer.from(stationRows(list))
    }
    const rows = await spoolRows('stations', csv(), this.#surroundings.spoolFolder, work)
    return { ...rows, fingerprint: fingerprint([list.toString('latin1')]), announced: undefined, ...cost }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
