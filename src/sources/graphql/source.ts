import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { DwhError } from '../../errors.ts'
import type { sourceSchema } from '../../warehouse/source.ts'
import { addressOf, withParameters } from '../http/address.ts'
import { HttpClient } from '../http/client.ts'
import type { HttpRequest } from '../http/exchange.ts'
import { OAuth } from '../http/oauth.ts'
import { PagedSource } from '../http/paged-source.ts'
import { numberAt, type Page, type Protocol, valueAt } from '../http/protocol.ts'
import { recordsPath } from '../http/records-path.ts'
import { Secrets } from '../http/secrets.ts'
import { isBeyond } from '../http/sorted.ts'
import type { Source, Surroundings } from '../source.ts'
import type { Wish } from '../window.ts'
import { refuseErrors } from './errors.ts'

export type GraphqlSettings = Extract<z.output<typeof sourceSchema>, { kind: 'graphql' }>

/**
 * Opens a GraphQL API that answers in connections: `pageInfo` with `hasNextPage` and `endCursor`, `nodes` or `edges`, and
 * `totalCount` where it has one. Nothing is asked yet.
 *
 * @throws DwhError CONFIG_INVALID where the file of the query cannot be read
 */
export async function openGraphql(settings: GraphqlSettings, surroundings: Surroundings): Promise<Source> {
  const secrets = new Secrets(surroundings.environment)
  const authorization = settings.oauth && new OAuth(settings.oauth, settings, surroundings, secrets)
  const client = new HttpClient(settings, surroundings, { secrets, authorization })
  const query = await queryOf(settings.query, surroundings.sqlFolder)
  return new PagedSource(client, graphqlProtocol(settings, query, secrets), surroundings)
}

function graphqlProtocol(settings: GraphqlSettings, query: string, secrets: Secrets): Protocol {
  const { sorted } = settings
  const connection = `data.${settings.connection_path.replace(/^\$?\.?(data\.)?/, '')}`
  const records = /\bnodes\b/.test(query) || !/\bedges\b/.test(query) ? 'nodes' : 'edges[].node'
  const asked = (size: number) => (wish: Wish) => requestOf(settings, query, secrets, wish, size)
  return {
    recordsPath: recordsPath(`${connection}.${records}`),
    pathSetting: 'connection_path',
    keyless: settings.key === false,
    mostRows: undefined,
    isTooDeep: () => false,
    first: asked(settings.page_size),
    probe: asked(1),
    count: (envelope) => numberAt(envelope, `${connection}.totalCount`),
    next: (page, request) => nextPage(page, request, connection),
    refuse: (envelope) => refuseErrors(envelope, settings.url, secrets),
    ...(sorted && { isBeyond: (record, window) => isBeyond(sorted, record, window) }),
  }
}

/** The query of a file, or the one that stands in the warehouse file. */
async function queryOf(query: string, sqlFolder: string): Promise<string> {
  if (query.includes('{')) return query
  try {
    return await readFile(resolve(sqlFolder, query), 'utf8')
  } catch (cause) {
    throw new DwhError('CONFIG_INVALID', `the query ${query} cannot be read: ${(cause as Error).message}`, {
      hint: '`query` of a source is a file under the sql folder of the warehouse, or the query itself',
      cause,
    })
  }
}

function requestOf(
  settings: GraphqlSettings,
  query: string,
  secrets: Secrets,
  asked: Wish,
  size: number,
): HttpRequest {
  const wish = withParameters(asked, settings.parameters)
  const filled = secrets.fillAll(settings.variables, wish)
  // A variable that the query does not declare is refused by some servers.
  const variables = /\$first\b/.test(query) ? { ...filled, first: size } : filled
  return {
    url: addressOf(settings.url, secrets, wish).href,
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      ...secrets.fillAll(settings.headers, wish),
    },
    body: JSON.stringify({ query, variables }),
  }
}

function nextPage({ envelope }: Page, request: HttpRequest, connection: string): HttpRequest | undefined {
  if (valueAt(envelope, `${connection}.pageInfo.hasNextPage`) !== true) return undefined
  const after = valueAt(envelope, `${connection}.pageInfo.endCursor`)
  if (typeof after !== 'string')
    throw new DwhError(
      'INPUT_BROKEN',
      `${connection} has a next page but no endCursor; nothing of it was loaded`,
      {
        hint: 'ask for pageInfo { hasNextPage endCursor } in the query, and take $after as the argument `after`',
      },
    )
  const { query, variables } = JSON.parse(request.body as string)
  return { ...request, body: JSON.stringify({ query, variables: { ...variables, after } }) }
}
