import type { Window, Wish } from '../window.ts'
import type { HttpRequest } from './exchange.ts'

/** What came on one page, beside its records. */
export interface Page {
  /** The document without its records. */
  envelope: unknown
  /** Records on it, and on it and all before. */
  records: number
  received: number
  /** Counted from 0. */
  number: number
}

/** How a kind of API is read: everything that differs between them, and no request of its own. */
export interface Protocol {
  recordsPath: string[]
  /** The setting that says that path. */
  pathSetting: string
  first(wish: Wish): HttpRequest
  /** As `first`, with as few rows as can be, where the API lets that be said. */
  probe(wish: Wish): HttpRequest
  /** How many rows the API says the wish has; undefined where it does not. */
  count(envelope: unknown): number | undefined
  /** @returns undefined after the last page @throws DwhError where the next one is no address that may be asked */
  next(page: Page, request: HttpRequest): HttpRequest | undefined
  /** What is wrong with a document that came with a good status: @throws TryAgain, DwhError */
  refuse(envelope: unknown): void
  /** More rows than the API gives of one question: the window is split. */
  mostRows: number | undefined
  /** Rows that come twice would be in the dataset twice. */
  keyless: boolean
  /** Whether a refusal says that. */
  isTooDeep(status: number, body: string): boolean
  /** Whether a page's last record says that the rest lies behind the window. */
  isBeyond?(lastRecord: string, window: Window): boolean
}

/** The value at `a.b.c`; undefined where there is none. */
export function valueAt(document: unknown, path: string): unknown {
  let value = document
  for (const key of path.replace(/^\$?\.?/, '').split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** As `valueAt`, of a number or of a text that is one. */
export function numberAt(document: unknown, path: string | undefined): number | undefined {
  if (path === undefined) return undefined
  const value = valueAt(document, path)
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}
