import type { Api } from '../api-server.ts'

/** An entry of a timeline, as the API gives it. */
export interface Entry {
  id: string
  occurredAt: string
  type: string
  summary: string | null
  piano: { id: string } | null
  user: { id: string } | null
}

/** The query that the played API understands, whatever its fields. */
export const timelineQuery = `query ($first: Int, $after: String, $from: CoreDateTime) {
  allTimelineEntries(first: $first, after: $after, occurredAtGet: $from) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { id occurredAt type summary piano { id } user { id } }
  }
}`

/** Entries of a connection from a time on, oldest first, 100 a page at the most; the bearer token must be the one it knows. */
export function gazelle(entries: () => Entry[], token?: () => string): Api {
  return ({ method, url, headers, body }) => {
    if (url.pathname !== '/graphql/private/') return undefined
    if (method !== 'POST') return { status: 405, body: 'POST only' }
    if (token && headers.authorization !== `Bearer ${token()}`)
      return { status: 401, body: { errors: [{ message: 'token expired' }] } }
    const { query, variables } = JSON.parse(body)
    if (!/allTimelineEntries/.test(query))
      return {
        body: {
          errors: [{ message: 'Cannot query field', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
        },
      }
    const from = Date.parse(variables.from ?? '1970-01-01')
    const all = entries().filter(({ occurredAt }) => Date.parse(occurredAt) >= from)
    const start = variables.after ? Number(Buffer.from(variables.after, 'base64').toString()) : 0
    const end = Math.min(start + Math.min(variables.first ?? 100, 100), all.length)
    const pageInfo = { hasNextPage: end < all.length, endCursor: Buffer.from(String(end)).toString('base64') }
    const nodes = all.slice(start, end)
    return { body: { data: { allTimelineEntries: { totalCount: all.length, pageInfo, nodes } } } }
  }
}

/** So many a day from a day on, oldest first. */
export function timeline(from: string, days: number, perDay: number): Entry[] {
  const start = Date.parse(`${from}T00:00:00Z`)
  return Array.from({ length: days * perDay }, (_, index) => ({
    id: `tme_${String(index).padStart(8, '0')}`,
    occurredAt: new Date(start + (index * 86_400_000) / perDay).toISOString(),
    type: index % 3 === 0 ? 'APPOINTMENT' : 'SERVICE_ENTRY_MANUAL',
    summary: index % 5 === 0 ? null : `Accordé, "La" à 441 Hz, n° ${index}`,
    piano: index % 4 === 0 ? { id: `ins_${index % 97}` } : null,
    user: index % 2 === 0 ? null : { id: `usr_${index % 7}` },
  }))
}
