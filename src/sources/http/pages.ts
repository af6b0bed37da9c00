import { DwhError } from '../../errors.ts'
import type { HttpRequest } from './exchange.ts'
import { numberAt, type Page, valueAt } from './protocol.ts'

/** As in the warehouse file. */
export type Pages =
  | { by: 'next_link'; path: string }
  | { by: 'page'; parameter: string; first: number }
  | { by: 'offset'; parameter: string }
  | { by: 'cursor'; parameter: string; path: string }

export interface PageRules {
  pages: Pages | undefined
  pageSize: number | undefined
  /** Path of the announced number of rows. */
  count: string | undefined
}

/** What asks for the first page. */
export function firstPage(request: HttpRequest, pages: Pages | undefined): HttpRequest {
  if (pages?.by === 'page') return withParameter(request, pages.parameter, pages.first)
  if (pages?.by === 'offset') return withParameter(request, pages.parameter, 0)
  return request
}

/**
 * What asks for the page after one. The status says nothing: Hub'Eau answers 206 to the last page too.
 *
 * @returns undefined after the last
 * @throws DwhError INPUT_BROKEN for a next page on another host
 */
export function nextPage(page: Page, request: HttpRequest, rules: PageRules): HttpRequest | undefined {
  const { pages } = rules
  if (pages === undefined) return undefined
  if (pages.by === 'next_link') return followed(request, valueAt(page.envelope, pages.path))
  if (pages.by === 'cursor') {
    const cursor = valueAt(page.envelope, pages.path)
    const ends = cursor === null || cursor === undefined || cursor === '' || cursor === false
    return ends ? undefined : withParameter(request, pages.parameter, cursor as string)
  }
  if (isLast(page, rules)) return undefined
  const value = pages.by === 'page' ? pages.first + page.number + 1 : page.received
  return withParameter(request, pages.parameter, value)
}

/** Numbered pages end with what was announced, else with one that is not full. */
function isLast({ envelope, records, received }: Page, { count, pageSize }: PageRules): boolean {
  const announced = numberAt(envelope, count)
  if (records === 0) return true
  if (announced !== undefined) return received >= announced
  return pageSize !== undefined && records < pageSize
}

function followed(request: HttpRequest, link: unknown): HttpRequest | undefined {
  if (link === null || link === undefined || link === '' || link === false) return undefined
  const [from, to] = [new URL(request.url), URL.parse(String(link), request.url)]
  // Services behind a proxy that speaks https for them do not know it.
  if (to?.protocol === 'http:' && from.protocol === 'https:' && to.hostname === from.hostname) {
    to.protocol = 'https:'
    to.port = from.port
  }
  if (to?.origin !== from.origin)
    throw new DwhError(
      'INPUT_BROKEN',
      `${from.origin} names a next page on another host, ${to?.host ?? 'no address'}`,
      {
        hint: 'nothing was asked there; name that host as `url` of the source, if it is the right one',
      },
    )
  return { ...request, url: to.href }
}

/** Puts a parameter into the body of a POST, where that is an object, else into the address. */
export function withParameter(request: HttpRequest, name: string, value: string | number): HttpRequest {
  const body: unknown = request.method === 'POST' && request.body ? tryParse(request.body) : undefined
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return {
      ...request,
      body: JSON.stringify(withValue(body as Record<string, unknown>, name.split('.'), value)),
    }
  const url = new URL(request.url)
  url.searchParams.set(name, String(value))
  return { ...request, url: url.href }
}

function withValue(body: Record<string, unknown>, [key = '', ...rest]: string[], value: unknown): unknown {
  if (rest.length === 0) return { ...body, [key]: value }
  const inner = body[key]
  const object = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
  return { ...body, [key]: withValue(object, rest, value) }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
