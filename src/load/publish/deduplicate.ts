import { DwhError } from '../../errors.ts'
import { ident, identList, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { placeColumn } from '../columns.ts'
import type { LoadTarget } from '../target.ts'
import { sameKey } from './same-key.ts'

/** Which of several rows with one key is kept: within a file, and against the rows that the table has. */
export type OnDuplicate = 'newest' | 'first' | 'skip' | 'error'

/** Rows of one key are equally new and differ, and nothing says which of them came last in the file. */
export class PlacesNeeded extends Error {}

/** Which row is kept can only be told by the places of the rows in the file. */
export function needsPlaces({ dataset }: LoadTarget, onDuplicate: OnDuplicate): boolean {
  if (!dataset.key || onDuplicate === 'error') return false
  return onDuplicate === 'first' || !dataset.recency
}

/** The keys that stand twice, and the rows that have them. */
const groups = 'pg_temp.dwh_groups'
const twice = 'pg_temp.dwh_twice'

/**
 * Deletes all but one row of each key from a table of the landing.
 *
 * The keys that stand twice are found by hash, with the places of their first and their last row: of most keys that is all,
 * and nothing but those few rows is read again and sorted.
 *
 * @returns how many were deleted
 * @throws DwhError ROWS_UNFIT for `error`; PlacesNeeded
 */
export async function deduplicate(
  session: Session,
  target: LoadTarget,
  table: RelationName,
  onDuplicate: OnDuplicate,
  isPlaced: boolean,
): Promise<number> {
  const { key = [] } = target.dataset
  const isOneTable = target.isAligned
  await session.run(`DROP TABLE IF EXISTS ${groups}, ${twice}`)
  await session.run(`CREATE TEMPORARY TABLE dwh_groups AS ${groupsSelect(key, table, isOneTable)}`)
  const { most } = await session.one<{ most: number | null }>(`SELECT max(dwh_rows) AS most FROM ${groups}`)
  if (most === null) return 0
  if (onDuplicate === 'error') await refuseTwice(session, key)
  const rows = rowsSelect(target, table, isOneTable, most)
  await session.run(
    `CREATE TEMPORARY TABLE dwh_twice AS ${rankedSelect(target, rows, onDuplicate, isPlaced)}`,
  )
  if (!isPlaced) {
    const { tied } = await session.one<{ tied: boolean }>(
      `SELECT EXISTS (SELECT FROM ${twice} WHERE peers = 1 GROUP BY leader HAVING count(DISTINCT content) > 1) AS tied`,
    )
    if (tied) throw new PlacesNeeded()
  }
  return session.run(
    isOneTable
      ? `DELETE FROM ${relation(table)} WHERE ctid = ANY (ARRAY(SELECT place FROM ${twice} WHERE n > 1))`
      : `DELETE FROM ${relation(table)} AS t USING ${twice} AS d WHERE t.tableoid = d.leaf AND t.ctid = d.place AND d.n > 1`,
  )
}

/** A place says which row only within one table. */
function groupsSelect(key: string[], table: RelationName, isOneTable: boolean): string {
  const places = isOneTable
    ? 'min(ctid) AS dwh_first, max(ctid) AS dwh_last'
    : 'NULL::tid AS dwh_first, NULL::tid AS dwh_last'
  return (
    `SELECT ${identList(key)}, count(*) AS dwh_rows, ${places} FROM ${relation(table)} ` +
    `GROUP BY ${identList(key)} HAVING count(*) > 1`
  )
}

/** All rows of the keys that stand twice. */
function rowsSelect({ dataset }: LoadTarget, table: RelationName, isOneTable: boolean, most: number): string {
  const columns = `SELECT t.*, t.tableoid AS dwh_leaf, t.ctid AS dwh_row FROM ${relation(table)} AS t`
  const byKey = `${columns} JOIN ${groups} AS g ON ${sameKey(dataset, 't', 'g')}`
  if (!isOneTable) return byKey
  const pairs =
    `${columns} WHERE t.ctid = ANY (ARRAY(SELECT dwh_first FROM ${groups} WHERE dwh_rows = 2 ` +
    `UNION ALL SELECT dwh_last FROM ${groups} WHERE dwh_rows = 2))`
  return most > 2 ? `${pairs} UNION ALL ${byKey} WHERE g.dwh_rows > 2` : pairs
}

/** In the order in which they are kept; `peers` is 1 for those that no row is newer than. */
function rankedSelect(target: LoadTarget, rows: string, onDuplicate: OnDuplicate, isPlaced: boolean): string {
  const { key = [], recency } = target.dataset
  const newest = recency && onDuplicate !== 'first' ? [`t.${ident(recency)} DESC NULLS LAST`] : []
  const last = isPlaced
    ? `t.${placeColumn} ${onDuplicate === 'first' ? 'ASC' : 'DESC'}`
    : 't.dwh_leaf DESC, t.dwh_row DESC'
  const partition = `PARTITION BY ${key.map((column) => `t.${ident(column)}`).join(', ')}`
  const content = target.plan.filled.map(({ column }) => `t.${ident(column.name)}`).join(', ')
  const peers = newest.length > 0 ? 'rank() OVER peers' : '1::bigint'
  const windows = [
    `ordered AS (${partition} ORDER BY ${[...newest, last].join(', ')})`,
    ...(newest.length > 0 ? [`peers AS (${partition} ORDER BY ${newest.join(', ')})`] : []),
  ].join(', ')
  return (
    `SELECT t.dwh_leaf AS leaf, t.dwh_row AS place, row_number() OVER ordered AS n, ${peers} AS peers, ` +
    `first_value(t.dwh_leaf::text || t.dwh_row::text) OVER ordered AS leader, md5(ROW(${content})::text) AS content ` +
    `FROM (${rows}) AS t WINDOW ${windows}`
  )
}

async function refuseTwice(session: Session, key: string[]): Promise<never> {
  const { rows, example } = await session.one<{ rows: number; example: string }>(
    `SELECT sum(dwh_rows - 1)::bigint AS rows, min(ROW(${identList(key)})::text) AS example FROM ${groups}`,
  )
  throw new DwhError(
    'ROWS_UNFIT',
    `${rows.toLocaleString('en')} rows of the file have the key (${key.join(', ')}) of another, such as ${example}; nothing was loaded`,
    { hint: 'mend the file, or say which row is kept: --on-duplicate newest, first or skip' },
  )
}

/** @throws DwhError ROWS_UNFIT: a key of the file is in the table already */
export function refuseKnown(target: LoadTarget, rows: number, example: string): never {
  throw new DwhError(
    'ROWS_UNFIT',
    `${rows.toLocaleString('en')} rows of the file have keys that ${shown(target.dataset.target)} has already, such as ${example}; nothing was loaded`,
    { hint: 'say which row is kept: --on-duplicate newest, first or skip' },
  )
}
