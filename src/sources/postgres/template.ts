import type { Temporal } from 'temporal-polyfill'
import { DwhError } from '../../errors.ts'
import { literal } from '../../postgres/identifiers.ts'
import { fill, type Wish } from '../window.ts'

/** Texts, quoted names, comments and casts, which may hold a colon that begins no parameter; then the parameters. */
const token =
  /e'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|--[^\n]*|\/\*.*?\*\/|"(?:[^"]|"")*"|::|:([a-z_]\w*)/gisu

/**
 * Puts the values of a wish into a query, each as a literal: `:from` and `:to` are dates in the zone of the window, `:from_key`
 * and `:to_key` the same as numbers like 20240131, `:watermark` is the greatest that was seen, or NULL; then all names of `fill`, the
 * parameters among them.
 *
 * @throws DwhError CONFIG_INVALID for a name that stands for nothing
 */
export function fillQuery(text: string, wish: Wish): string {
  return text.replace(token, (whole, _tag, name: string | undefined) =>
    name === undefined ? whole : literalOf(name, wish),
  )
}

/** The names that a query asks for. */
export function queryNames(text: string): string[] {
  return [...text.matchAll(token)].flatMap(([, , name]) => name ?? [])
}

/** Whether a query cuts the window itself. */
export function speaksOfWindow(text: string): boolean {
  return queryNames(text).some((name) => /^from(_key|_instant)?$|^(year|quarter|month|day)$/.test(name))
}

/** Whether a query gives something else for another window. */
export function dependsOnWindow(text: string): boolean {
  return speaksOfWindow(text) || queryNames(text).some((name) => /^to(_key|_instant)?$/.test(name))
}

function literalOf(name: string, wish: Wish): string {
  const { window, parameters, after } = wish
  if (!Object.hasOwn(parameters, name)) {
    if (name === 'watermark') return literal(after ?? null)
    if (window && name === 'zone') return literal(window.zone)
    if (window && name === 'from_key') return dateNumber(window.from)
    if (window && name === 'to_key') return dateNumber(window.to)
    if (!window && ['zone', 'from', 'to', 'from_key', 'to_key'].includes(name)) {
      throw new DwhError(
        'CONFIG_INVALID',
        `the query asks for :${name}, and there is no window to read; nothing was changed`,
        { hint: 'say which days with --from and --to' },
      )
    }
  }
  try {
    return literal(fill(`{${name}}`, wish))
  } catch (error) {
    const { hint = '' } = error as DwhError
    throw new DwhError('CONFIG_INVALID', `:${name} of the query stands for nothing; nothing was changed`, {
      hint,
    })
  }
}

/** 2024-01-31 → 20240131 */
export function dateNumber({ year, month, day }: Temporal.PlainDate): string {
  return String(year * 10_000 + month * 100 + day)
}
