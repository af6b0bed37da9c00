import { ident, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { LatestRows } from './document.ts'
import type { LeafRow } from './facts.ts'

const mostRows = 5
const pagesRead = 2
const mostCharacters = 40

/**
 * The last rows of what was written last. Rows are appended to the last pages of a heap unless there was room before, and
 * these pages are read by their addresses: two at the most, however large the leaf is.
 *
 * @returns null where there are none, or they cannot be read now: somebody locks the leaf, or the role may not
 */
export async function latestRows(
  session: Session,
  backfills: number[],
  leaves: LeafRow[],
): Promise<LatestRows | null> {
  try {
    return await readLatest(session, backfills, leaves)
  } catch {
    return null
  }
}

async function readLatest(
  session: Session,
  backfills: number[],
  leaves: LeafRow[],
): Promise<LatestRows | null> {
  const last = await session.row<{ schema_name: string; table_name: string; leaf: string | null }>(
    sql('monitor/last_written'),
    [backfills],
  )
  if (!last) return null
  const name = last.leaf ?? last.table_name
  const leaf = leaves.find(
    (one) => one.schema === last.schema_name && one.name === last.table_name && one.leaf_name === name,
  )
  if (!leaf) return null
  const columns = await session.rows<{ name: string; pages: number }>(sql('monitor/shown_columns'), [
    leaf.leaf,
  ])
  const [column] = columns
  if (!column) return null
  const table = { schema: leaf.leaf_schema, name: leaf.leaf_name }
  const found = await session.rows<{ row: (string | null)[] }>(
    lastRowsSql(
      relation(table),
      columns.map(({ name }) => name),
      column.pages,
    ),
  )
  return { table: shown(table), columns: columns.map(({ name }) => name), rows: found.map(({ row }) => row) }
}

/** A TID Range Scan since PostgreSQL 14; the address is a literal, so that the planner sees how little it is. */
function lastRowsSql(table: string, columns: string[], pages: number): string {
  const values = columns.map((column) => `left(${ident(column)}::text, ${mostCharacters})`)
  return (
    `SELECT json_build_array(${values.join(', ')}) AS row FROM ONLY ${table} ` +
    `WHERE ctid >= '(${Math.max(0, pages - pagesRead)},0)'::tid ORDER BY ctid DESC LIMIT ${mostRows}`
  )
}
