import type { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'

/** A half-open interval of days, by the clock of `zone`. */
export interface Window {
  from: Temporal.PlainDate
  to: Temporal.PlainDate
  /** IANA name, of the dataset's policy. */
  zone: string
}

/** What is wanted of a source: all rows of a window, and of these parameters. */
export interface Wish {
  /** Undefined for a dataset without windows, such as a list of stations: all there is. */
  window: Window | undefined
  parameters: Record<string, string>
  /** Only rows beyond it are wanted: the `watermark` that the last fetch of this window and these parameters came back with. */
  after?: string | undefined
}

/**
 * Fills the names in braces of a template: `{year}`, `{month}` and `{day}` of the beginning of the window, with their zeros;
 * `{quarter}`; `{from}` and `{to}` as 2024-01-31, `{last}` for the last day; `{from_instant}` and `{to_instant}` in UTC;
 * `{before}` and `{after}`, a day before `from` and a day after `to`, for an API whose days are not those of the window; and
 * the parameters by their names.
 *
 * @param encode of each value, such as encodeURIComponent
 * @throws DwhError CONFIG_INVALID for a name that stands for nothing
 */
export function fill(
  template: string,
  { window, parameters }: Wish,
  encode: (value: string) => string = (value) => value,
): string {
  return template.replace(/\{([a-z_][a-z0-9_]*)\}/gi, (_, name: string) => {
    if (Object.hasOwn(parameters, name)) return encode(parameters[name] as string)
    if (window && Object.hasOwn(windowValues, name))
      return encode(windowValues[name as keyof typeof windowValues](window))
    const known = [...(window ? Object.keys(windowValues) : []), ...Object.keys(parameters)]
    throw new DwhError('CONFIG_INVALID', `{${name}} of ${JSON.stringify(template)} stands for nothing`, {
      hint: `known are ${[...new Set(known)].join(', ')}; give a parameter with --param ${name}=…, or as \`parameters\` of the source`,
    })
  })
}

/** Every template in a value, however deep it lies. */
export function fillAll<T>(value: T, wish: Wish): T {
  if (typeof value === 'string') return fill(value, wish) as T
  if (Array.isArray(value)) return value.map((one) => fillAll(one, wish)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, fillAll(one, wish)])) as T
}

/** `2024-01-01 to 2024-02-01`, the end excluded. */
export function windowText({ from, to }: Window): string {
  return `${from} to ${to}`
}

/** When a window begins and ends. */
export function instantsOf({ from, to, zone }: Window): { from: Temporal.Instant; to: Temporal.Instant } {
  const instant = (date: Temporal.PlainDate) => date.toZonedDateTime(zone).toInstant()
  return { from: instant(from), to: instant(to) }
}

const two = (value: number) => String(value).padStart(2, '0')

/** Each computed where a template names it. */
const windowValues = {
  year: ({ from }: Window) => String(from.year).padStart(4, '0'),
  month: ({ from }: Window) => two(from.month),
  day: ({ from }: Window) => two(from.day),
  quarter: ({ from }: Window) => String(Math.ceil(from.month / 3)),
  from: ({ from }: Window) => String(from),
  to: ({ to }: Window) => String(to),
  last: ({ to }: Window) => String(to.subtract({ days: 1 })),
  from_instant: (window: Window) => String(instantsOf(window).from),
  to_instant: (window: Window) => String(instantsOf(window).to),
  before: ({ from }: Window) => String(from.subtract({ days: 1 })),
  after: ({ to }: Window) => String(to.add({ days: 1 })),
}

/** `region=north network=BRGM`: what is empty was not given, and asks for all there is. */
export function parametersText(parameters: Record<string, string>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== '')
  return given.map(([name, value]) => `${name}=${value}`).join(' ')
}
