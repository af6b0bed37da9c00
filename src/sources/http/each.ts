import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { sourceSchema } from '../../warehouse/source.ts'
import { type Wish, windowText } from '../window.ts'

export type EachSettings = NonNullable<Extract<z.output<typeof sourceSchema>, { kind: 'http' }>['for_each']>

/** Answers the query of `sql`. */
export interface QueryValues {
  /** Each value once, always in the same order. @throws DwhError */
  read(wish: Wish, work: Work): Promise<string[]>
  /** Another window may have other values, or none. */
  readonly isByWindow: boolean
}

/** A question that stands for others: about so many times as many rows. */
export interface Sample {
  wish: Wish
  times: number
}

/**
 * A parameter that stands for a list of values, such as numbers of stations, of which an API takes some at a time. A wish in
 * which it is empty asks for all of them, any other for those that it names.
 */
export class Each {
  readonly #settings: EachSettings
  readonly #folder: string
  readonly #query: QueryValues | undefined

  /**
   * @param folder where the path of a file of values begins
   * @param query answers `sql`
   */
  constructor(settings: EachSettings, folder: string, query: QueryValues | undefined) {
    this.#settings = settings
    this.#folder = folder
    this.#query = query
  }

  /**
   * The questions that all rows of a wish are asked with, one after the other.
   *
   * @throws DwhError CONFIG_INVALID for a list without values, and what reading it throws
   */
  async questions(wish: Wish, work: Work): Promise<Wish[]> {
    const { when, batch } = this.#settings
    const given = this.#given(wish)
    if (when === 'too_deep' && given.length === 0) return [wish]
    return this.#wishes(wish, given.length > 0 ? given : await this.#all(wish, work), batch)
  }

  /**
   * The same rows asked with fewer values at a time; undefined where a question has one alone.
   *
   * @throws DwhError as `questions`
   */
  async parts(wish: Wish, work: Work): Promise<Wish[] | undefined> {
    const given = this.#given(wish)
    const values = given.length > 0 ? given : await this.#all(wish, work)
    if (values.length < 2) return given.length > 0 ? undefined : this.#wishes(wish, values, 1)
    return this.#wishes(wish, values, Math.min(this.#settings.batch, Math.ceil(values.length / 2)))
  }

  /** One question whose values lie all over the list. */
  async sample(wish: Wish, work: Work): Promise<Sample> {
    const { when, batch } = this.#settings
    const given = this.#given(wish)
    if (when === 'too_deep' && given.length === 0) return { wish, times: 1 }
    const values = given.length > 0 ? given : await this.#all(wish, work)
    const step = Math.ceil(values.length / batch)
    const taken = values.filter((_, index) => index % step === 0)
    const [asked = wish] = this.#wishes(wish, taken, batch)
    return { wish: asked, times: values.length / taken.length }
  }

  /** Which values a question is about, for people: `code_bss=00387X0184/PZCC1`, `50 values of code_bss`. */
  name(wish: Wish): string {
    const { parameter } = this.#settings
    const given = this.#given(wish)
    return given.length === 1 ? `${parameter}=${given[0]}` : `${given.length} values of ${parameter}`
  }

  /** How many values a question is about; 0 where it names none. */
  size(wish: Wish): number {
    return this.#given(wish).length
  }

  #given({ parameters }: Wish): string[] {
    const { parameter, separator } = this.#settings
    return unique((parameters[parameter] ?? '').split(separator))
  }

  #wishes(wish: Wish, values: string[], size: number): Wish[] {
    const { parameter, separator } = this.#settings
    return Array.from({ length: Math.ceil(values.length / size) }, (_, index) => {
      const some = values.slice(index * size, (index + 1) * size)
      return { ...wish, parameters: { ...wish.parameters, [parameter]: some.join(separator) } }
    })
  }

  async #all(wish: Wish, work: Work): Promise<string[]> {
    const { parameter, separator } = this.#settings
    const values = unique(await this.#read(wish, work))
    if (values.length === 0) throw this.#empty(wish)
    const torn = values.find((value) => value.includes(separator))
    if (torn !== undefined)
      throw new DwhError(
        'CONFIG_INVALID',
        `the value ${JSON.stringify(torn)} of ${parameter} holds ${JSON.stringify(separator)}, which separates values; nothing was asked`,
        { hint: 'name another `separator` in `for_each` of the source, if the API has one' },
      )
    return values
  }

  async #read(wish: Wish, work: Work): Promise<string[]> {
    const { list, file } = this.#settings
    if (list) return list
    if (file !== undefined) return linesOf(resolve(this.#folder, file))
    if (!this.#query) throw new Error('nobody answers the query of for_each')
    return await this.#query.read(wish, work)
  }

  /** Asked without values, an API would refuse, or give everything. */
  #empty({ window }: Wish): DwhError {
    const { parameter, file, sql } = this.#settings
    const from = sql === undefined ? (file ?? 'its list') : 'its query'
    const when = window ? `for ${windowText(window)}` : 'at all'
    return new DwhError(
      this.#query?.isByWindow ? 'INPUT_BROKEN' : 'CONFIG_INVALID',
      `\`for_each\` has no value of ${parameter} ${when}: ${from} gives none; nothing was asked`,
      {
        hint: `load what it is read from first, such as the list of stations; or name some: --param ${parameter}=…`,
      },
    )
  }
}

const unique = (values: string[]) => [...new Set(values.map((value) => value.trim()))].filter(Boolean)

/** @throws DwhError CONFIG_INVALID for a file that cannot be read */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .replace(/^\uFEFF/, '')
      .split('\n')
      .filter((line) => !line.startsWith('#'))
  } catch (cause) {
    throw new DwhError(
      'CONFIG_INVALID',
      `the values of \`for_each\` cannot be read: ${(cause as Error).message}; nothing was asked`,
      { cause, hint: 'its path begins at the folder of the warehouse file' },
    )
  }
}
