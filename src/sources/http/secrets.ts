import { DwhError } from '../../errors.ts'
import { fill, type Wish } from '../window.ts'

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/

/** Shorter values are not masked: they would be found in every other word. */
const leastSecret = 4

/**
 * What the environment holds and nobody shall read: `${NAME}` in the settings of a source becomes the value of that variable,
 * and every value that was given out so is masked wherever an address or an answer is shown.
 */
export class Secrets {
  readonly #environment: Record<string, string | undefined>
  readonly #known = new Set<string>()

  constructor(environment: Record<string, string | undefined>) {
    this.#environment = environment
  }

  /** @throws DwhError CONFIG_MISSING, naming the variable but no value */
  variable(name: string): string {
    const value = this.#environment[name]
    if (value === undefined || value === '')
      throw new DwhError('CONFIG_MISSING', `the environment variable ${name} is not set; nothing was asked`, {
        hint: `set it for this command: ${name}=… dwh …, or in the file .env beside the warehouse file`,
      })
    this.keep(value)
    return value
  }

  /** Masks a value from now on. */
  keep(value: string): void {
    if (value.length < leastSecret) return
    const inQuery = new URLSearchParams([['', value]]).toString().slice(1)
    const inJson = JSON.stringify(value).slice(1, -1)
    for (const form of [value, encodeURIComponent(value), inQuery, inJson]) this.#known.add(form)
  }

  /**
   * A template with its `{names}` filled in from the window and the parameters, and its `${NAMES}` from the environment.
   *
   * @throws DwhError CONFIG_INVALID, CONFIG_MISSING
   */
  fill(template: string, wish: Wish, encode?: (value: string) => string): string {
    return template
      .split(reference)
      .map((part, index) => {
        if (index % 2 === 0) return fill(part, wish, encode)
        const value = this.variable(part)
        return encode ? encode(value) : value
      })
      .join('')
  }

  /** Every template in a value, however deep it lies. */
  fillAll<T>(value: T, wish: Wish): T {
    if (typeof value === 'string') return this.fill(value, wish) as T
    if (Array.isArray(value)) return value.map((one) => this.fillAll(one, wish)) as T
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, this.fillAll(one, wish)]),
    ) as T
  }

  /** A text that may be shown. */
  mask(text: string): string {
    let masked = text
    for (const secret of this.#known) masked = masked.replaceAll(secret, '***')
    return masked
  }

  /** An address that may be shown: also without what stands before @, and without values of parameters that name a secret. */
  maskUrl(url: string): string {
    return this.mask(url)
      .replace(/^(\w+:\/\/)[^/?#@]*@/, '$1***@')
      .replace(
        /([?&](?:[\w-]*(?:token|secret|password|passwd|signature)|(?:api[_-]?)?key|sig)=)[^&#]+/gi,
        '$1***',
      )
  }
}
