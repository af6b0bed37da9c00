import { existsSync } from 'node:fs'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { HttpClient } from '../http/client.ts'
import { type Download, download } from '../http/download.ts'
import { Refused } from '../http/trouble.ts'
import { type Edition, type IndexPage, readIndexPage } from './index-page.ts'
import type { Product } from './products.ts'

/** What the archive has of one product. */
export type Index = Record<Folder, IndexPage>
type Folder = 'historical' | 'recent'

/** Whoever plans many windows asks for the index again after as many minutes. */
const freshMinutes = 10

const mebibyte = 1024 ** 2
const [largestIndex, largestFile] = [32 * mebibyte, 64 * mebibyte]

/** The files of one product in the archive, which come into the cache as they are asked for. */
export class Archive {
  readonly #client: HttpClient
  readonly #url: string
  readonly #product: Product
  readonly #cacheFolder: string
  #index: { read: number; index: Promise<Index> } | undefined
  /** By name, with what the index said of it then. */
  readonly #downloads = new Map<string, { listed: string; download: Download }>()

  /** @param url the folder that holds those of the products */
  constructor(client: HttpClient, url: string, product: Product, cacheFolder: string) {
    this.#client = client
    this.#url = `${url.replace(/\/+$/, '')}/${product.directory}`
    this.#product = product
    this.#cacheFolder = cacheFolder
  }

  /**
   * @param anew also where it was read a short while ago
   * @throws DwhError SOURCE_FAILED, also while the archive is being updated and its index is empty
   */
  async index(work: Work, anew = false): Promise<Index> {
    const known = this.#index
    if (known && !anew && performance.now() - known.read < freshMinutes * 60_000) return known.index
    const index = this.#readIndex(work)
    this.#index = { read: performance.now(), index }
    index.catch(() => {
      if (this.#index?.index === index) this.#index = undefined
    })
    return index
  }

  async #readIndex(work: Work): Promise<Index> {
    const historical = await this.#readPage('historical', work)
    return { historical, recent: await this.#readPage('recent', work) }
  }

  async #readPage(folder: Folder, work: Work): Promise<IndexPage> {
    const url = `${this.#url}/${folder}/`
    const page = readIndexPage(await this.#client.text({ url }, work, largestIndex), this.#product)
    if (page.editions.length > 0) return page
    throw new DwhError('SOURCE_FAILED', `${url} names no file stundenwerte_${this.#product.code}_….zip`, {
      hint: 'the archive is empty while it is updated: try again later; if it stays so, look at the `url` of the source',
    })
  }

  /** @returns undefined where the archive does not have what its index names */
  async zip(edition: Edition, work: Work): Promise<Download | undefined> {
    const known = this.#downloads.get(edition.name)
    // The cache keeps what is replaced for a day, and a worker may live longer.
    const same = known && edition.listed !== '' && known.listed === edition.listed
    if (same && existsSync(known.download.path)) return known.download
    try {
      const found = await this.#download(edition.rank === 2 ? 'historical' : 'recent', edition.name, work)
      this.#downloads.set(edition.name, { listed: edition.listed, download: found })
      return found
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return undefined
      throw error
    }
  }

  /** The list of stations, which stands beside the zips. */
  async stations(work: Work): Promise<Download> {
    const { historical, recent } = await this.index(work)
    const [folder, page]: [Folder, IndexPage] = historical.stations
      ? ['historical', historical]
      : ['recent', recent]
    if (page.stations) return this.#download(folder, page.stations, work)
    throw new DwhError('SOURCE_FAILED', `${this.#url} names no list of stations`, {
      hint: 'try again later; if it stays so, look at the `url` of the source',
    })
  }

  #download(folder: Folder, name: string, work: Work): Promise<Download> {
    return download(this.#client, `${this.#url}/${folder}/${name}`, this.#cacheFolder, work, {
      largest: largestFile,
    })
  }
}
