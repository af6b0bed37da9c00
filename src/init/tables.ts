import { DwhError } from '../errors.ts'
import { type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** A table as it is listed, before a row of it is read. */
export interface Listing extends RelationName {
  oid: number
  /** r(elation), p(artitioned) or f(oreign). */
  kind: 'r' | 'p' | 'f'
  is_unlogged: boolean
  is_inherited: boolean
  is_owner: boolean
  owner: string
  may_read: boolean
  partition_key: string | null
  /** An estimate. */
  rows: number
  heap_bytes: number
  bytes: number
  comment: string | null
}

/** Which tables are looked at. */
export interface Scope {
  /** Those, whatever their size; undefined: all. */
  tables?: RelationName[] | undefined
  schemas?: string[] | undefined
}

/**
 * @throws DwhError USAGE when a table or schema of the scope is not there
 */
export async function listTables(session: Session, { tables, schemas }: Scope): Promise<Listing[]> {
  const all = await session.rows<Listing & { rows: number | null }>(sql('init/tables'))
  const known = new Set(all.map(relation))
  const missing = tables?.find((table) => !known.has(relation(table)))
  if (missing)
    throw new DwhError('USAGE', `there is no table ${shown(missing)} in ${session.target.database}`)
  const empty = schemas?.find((schema) => !all.some((table) => table.schema === schema))
  if (empty !== undefined)
    throw new DwhError(
      'USAGE',
      `there is no table in a schema ${JSON.stringify(empty)} of ${session.target.database}`,
    )
  const wanted = new Set(tables?.map(relation))
  const listed = all.filter(
    (table) => (!tables || wanted.has(relation(table))) && (schemas?.includes(table.schema) ?? true),
  )
  const listings: Listing[] = []
  for (const table of listed)
    listings.push({ ...table, rows: table.rows ?? (await estimateRows(session, table)) })
  return listings
}

/** What the planner makes of the size of a table that was never analyzed. */
async function estimateRows(session: Session, table: Listing): Promise<number> {
  if (table.kind !== 'r' || table.heap_bytes === 0 || !table.may_read) return 0
  const [row] = await session.rows<{ 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM ONLY ${relation(table)}`,
  )
  return row?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0
}
