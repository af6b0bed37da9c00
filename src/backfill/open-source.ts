import type { Target } from '../postgres/target.ts'
import type { EachSettings, QueryValues } from '../sources/http/each.ts'
import type { SourceServer } from '../sources/postgres/server.ts'
import type { Source, Surroundings } from '../sources/source.ts'
import { resolveNamedConnection } from '../warehouse/connection.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { type SourceSettings, sourceOf, valuesQuery } from './code.ts'

/** What the sources of a warehouse need of the machine and the user who opens them. */
export interface SourcePlace {
  surroundings: Surroundings
  /** The database of the warehouse itself, which a source may read too. */
  own: Target
}

/** The sources of a warehouse, each opened when it is first asked for and held for as long as this is, with `await using`. */
export class OpenSources implements AsyncDisposable {
  readonly #warehouse: Warehouse
  readonly #place: SourcePlace
  readonly #sources = new Map<string, Promise<Source>>()
  readonly #servers = new Map<string | undefined, Promise<SourceServer>>()

  constructor(warehouse: Warehouse, place: SourcePlace) {
    this.#warehouse = warehouse
    this.#place = place
  }

  /**
   * @param delay seconds between two requests, instead of what the source says
   * @throws DwhError CONFIG_INVALID, SOURCE_FAILED
   */
  async source(dataset: string, name: string, delay: number | null): Promise<Source> {
    const { settings, dataset: filled } = sourceOf(this.#warehouse, dataset, name)
    const keyed = filled.key ? settings : { ...settings, key: false as const }
    const asked = delay !== null && 'concurrency' in keyed ? { ...keyed, delay } : keyed
    return kept(this.#sources, JSON.stringify([dataset, name, delay]), () => this.#open(asked))
  }

  /** By its kind; the code of the other kinds is not loaded. */
  async #open(settings: SourceSettings): Promise<Source> {
    const { surroundings } = this.#place
    switch (settings.kind) {
      case 'file':
        return (await import('../sources/file/source.ts')).openFile(settings, surroundings)
      case 'dwd':
        return (await import('../sources/dwd/source.ts')).openDwd(settings, surroundings)
      case 'postgres': {
        const server = await kept(this.#servers, settings.connection, () => this.#server(settings.connection))
        return (await import('../sources/postgres/source.ts')).openPostgres(settings, surroundings, server)
      }
      case 'http': {
        const values = settings.for_each && (await this.#values(settings.for_each))
        return (await import('../sources/http/source.ts')).openHttp(settings, surroundings, values)
      }
      case 'graphql':
        return (await import('../sources/graphql/source.ts')).openGraphql(settings, surroundings)
    }
  }

  /** What answers the query of a list of values. */
  async #values(each: EachSettings): Promise<QueryValues | undefined> {
    const query = valuesQuery(this.#warehouse, each)
    if (!query) return undefined
    const server = await kept(this.#servers, undefined, () => this.#server(undefined))
    return new (await import('../sources/postgres/values.ts')).ValueQuery(query, server)
  }

  /** One for all sources that read it, which then see one moment of it. */
  async #server(connection: string | undefined): Promise<SourceServer> {
    const { SourceServer } = await import('../sources/postgres/server.ts')
    const { own } = this.#place
    return new SourceServer(
      connection === undefined ? own : resolveNamedConnection(connection, this.#warehouse).target,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of [this.#sources, this.#servers])
      await Promise.allSettled(
        [...held.values()].map(async (opening) => (await opening)[Symbol.asyncDispose]()),
      )
  }
}

/** What could not be opened is tried again by the next one who asks. */
function kept<Key, Value>(
  all: Map<Key, Promise<Value>>,
  key: Key,
  open: () => Promise<Value>,
): Promise<Value> {
  const found = all.get(key)
  if (found) return found
  const opening = open()
  all.set(key, opening)
  opening.catch(() => all.delete(key))
  return opening
}
