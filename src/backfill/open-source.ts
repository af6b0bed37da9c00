import { DwhError } from '../errors.ts'
import type { Source, Surroundings } from '../sources/source.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { type SourceSettings, sourceOf } from './code.ts'

/** Opens a source by its kind; the code of the other kinds is not loaded. */
async function openSource(settings: SourceSettings, surroundings: Surroundings): Promise<Source> {
  switch (settings.kind) {
    case 'file':
      return (await import('../sources/file/source.ts')).openFile(settings, surroundings)
    default:
      throw new DwhError('CONFIG_INVALID', `sources of kind ${settings.kind} cannot be read`)
  }
}

/** The sources of a warehouse, each opened when it is first asked for and held for as long as this is, with `await using`. */
export class OpenSources implements AsyncDisposable {
  readonly #warehouse: Warehouse
  readonly #surroundings: Surroundings
  readonly #open = new Map<string, Promise<Source>>()

  constructor(warehouse: Warehouse, surroundings: Surroundings) {
    this.#warehouse = warehouse
    this.#surroundings = surroundings
  }

  /**
   * @param delay seconds between two requests, instead of what the source says
   * @throws DwhError CONFIG_INVALID, SOURCE_FAILED
   */
  async source(dataset: string, name: string, delay: number | null): Promise<Source> {
    const { settings } = sourceOf(this.#warehouse, dataset, name)
    const key = JSON.stringify([dataset, name, delay])
    const found = this.#open.get(key)
    if (found) return found
    const asked = delay !== null && 'delay' in settings ? { ...settings, delay } : settings
    const opened = openSource(asked, this.#surroundings)
    this.#open.set(key, opened)
    // The next one who asks tries again.
    opened.catch(() => this.#open.delete(key))
    return opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(
      [...this.#open.values()].map(async (opening) => (await opening)[Symbol.asyncDispose]()),
    )
  }
}
