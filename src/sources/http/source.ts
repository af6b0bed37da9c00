import type { z } from 'zod'
import type { sourceSchema } from '../../warehouse/source.ts'
import type { Source, Surroundings } from '../source.ts'
import type { Wish } from '../window.ts'
import { addressOf, withParameters } from './address.ts'
import { HttpClient } from './client.ts'
import { Each, type QueryValues } from './each.ts'
import type { HttpRequest } from './exchange.ts'
import { OAuth } from './oauth.ts'
import { PagedSource } from './paged-source.ts'
import { firstPage, nextPage, withParameter } from './pages.ts'
import { numberAt, type Protocol } from './protocol.ts'
import { recordsPath } from './records-path.ts'
import { Secrets } from './secrets.ts'
import { isBeyond } from './sorted.ts'

export type HttpSettings = Extract<z.output<typeof sourceSchema>, { kind: 'http' }>

/**
 * Opens an API that answers in pages of JSON. Nothing is asked yet.
 *
 * @param query answers that of `for_each`, where there is one
 */
export async function openHttp(
  settings: HttpSettings,
  surroundings: Surroundings,
  query?: QueryValues,
): Promise<Source> {
  const secrets = new Secrets(surroundings.environment)
  const authorization = settings.oauth && new OAuth(settings.oauth, settings, surroundings, secrets)
  const client = new HttpClient(settings, surroundings, { secrets, authorization })
  const each = settings.for_each && new Each(settings.for_each, surroundings.folder, query)
  return new PagedSource(client, httpProtocol(settings, secrets), surroundings, each)
}

function httpProtocol(settings: HttpSettings, secrets: Secrets): Protocol {
  const { pages, page_size: pageSize, page_size_parameter: sizeParameter, count, sorted } = settings
  const rules = { pages, pageSize, count }
  const sized = (request: HttpRequest, size: number | undefined) =>
    sizeParameter === undefined || size === undefined ? request : withParameter(request, sizeParameter, size)
  return {
    recordsPath: recordsPath(settings.records),
    pathSetting: 'records',
    keyless: settings.key === false,
    mostRows: settings.most_rows,
    first: (wish) => sized(firstPage(requestOf(settings, secrets, wish), pages), pageSize),
    probe: (wish) => sized(firstPage(requestOf(settings, secrets, wish), pages), 1),
    count: (envelope) => numberAt(envelope, count),
    next: (page, request) => withSecrets(nextPage(page, request, rules), request, settings),
    refuse: () => {},
    isTooDeep: (status, body) => status === 400 && body.includes('ValidatePageDepth'),
    ...(sorted && { isBeyond: (record, window) => isBeyond(sorted, record, window) }),
  }
}

function requestOf(settings: HttpSettings, secrets: Secrets, asked: Wish): HttpRequest {
  const all = settings.for_each && { [settings.for_each.parameter]: '' }
  const wish = withParameters(asked, { ...all, ...settings.parameters })
  const url = addressOf(settings.url, secrets, wish)
  for (const [name, value] of Object.entries(settings.query)) {
    const filled = secrets.fill(String(value), wish)
    // A parameter that was not given, such as a region: all of them are asked for.
    if (filled !== '' || value === '') url.searchParams.set(name, filled)
  }
  const { body, method } = settings
  const isJson = body !== undefined && typeof body !== 'string'
  const filled = secrets.fillAll(body, wish)
  return {
    url: url.href,
    method,
    headers: {
      accept: 'application/json',
      ...(isJson && { 'content-type': 'application/json' }),
      ...secrets.fillAll(settings.headers, wish),
    },
    ...(body !== undefined && { body: isJson ? JSON.stringify(filled) : String(filled) }),
  }
}

/** Links to next pages may leave a key out that the address was asked with. */
function withSecrets(
  next: HttpRequest | undefined,
  before: HttpRequest,
  { query }: HttpSettings,
): HttpRequest | undefined {
  if (!next) return undefined
  const [url, former] = [new URL(next.url), new URL(before.url)]
  for (const [name, value] of Object.entries(query)) {
    const kept = former.searchParams.get(name)
    if (String(value).includes('${') && kept !== null && !url.searchParams.has(name))
      url.searchParams.set(name, kept)
  }
  return { ...next, url: url.href }
}
