import { DwhError } from '../errors.ts'
import { ident, identList, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { placeColumn } from './landing.ts'
import type { LoadTarget } from './target.ts'

/** Which of several rows with one key is kept: within a file, and against the rows that the table has. */
export type OnDuplicate = 'newest' | 'first' | 'skip' | 'error'

/** Rows of one key are equally new and differ, and nothing says which of them came last in the file. */
export class PlacesNeeded extends Error {}

/** Which row is kept can only be told by the places of the rows in the file. */
export function needsPlaces({ dataset }: LoadTarget, onDuplicate: OnDuplicate): boolean {
  if (!dataset.key || onDuplicate === 'error') return false
  return onDuplicate === 'first' || !dataset.recency
}

const twice = 'pg_temp.dwh_twice'

/**
 * Deletes all but one row of each key from a table of the landing.
 *
 * The keys that stand twice are found by hash, and only their rows are sorted: where few keys do, that is much less than
 * sorting all.
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
  await session.run(`DROP TABLE IF EXISTS ${twice}`)
  await session.run(
    `CREATE TEMPORARY TABLE dwh_twice AS ${twiceSelect(target, table, onDuplicate, isPlaced)}`,
  )
  if (onDuplicate === 'error') await refuseTwice(session, key, table)
  if (!isPlaced) {
    const { tied } = await session.one<{ tied: boolean }>(
      `SELECT EXISTS (SELECT FROM ${twice} WHERE peers = 1 GROUP BY leader HAVING count(DISTINCT content) > 1) AS tied`,
    )
    if (tied) throw new PlacesNeeded()
  }
  return session.run(
    `DELETE FROM ${relation(table)} AS t USING ${twice} AS d WHERE t.tableoid = d.leaf AND t.ctid = d.place AND d.n > 1`,
  )
}

function twiceSelect(
  target: LoadTarget,
  table: RelationName,
  onDuplicate: OnDuplicate,
  isPlaced: boolean,
): string {
  const { key = [], recency, nulls_equal } = target.dataset
  const name = relation(table)
  const newest = recency && onDuplicate !== 'first' ? [`t.${ident(recency)} DESC NULLS LAST`] : []
  const last = isPlaced
    ? `t.${placeColumn} ${onDuplicate === 'first' ? 'ASC' : 'DESC'}`
    : 't.tableoid DESC, t.ctid DESC'
  const partition = `PARTITION BY ${key.map((column) => `t.${ident(column)}`).join(', ')}`
  const content = target.plan.filled.map(({ column }) => `t.${ident(column.name)}`).join(', ')
  const peers = newest.length > 0 ? 'rank() OVER peers' : '1::bigint'
  const ranked =
    `SELECT t.tableoid AS leaf, t.ctid AS place, row_number() OVER ordered AS n, ${peers} AS peers, ` +
    `first_value(t.tableoid::text || t.ctid::text) OVER ordered AS leader, md5(ROW(${content})::text) AS content`
  const windows = [
    `ordered AS (${partition} ORDER BY ${[...newest, last].join(', ')})`,
    ...(newest.length > 0 ? [`peers AS (${partition} ORDER BY ${newest.join(', ')})`] : []),
  ].join(', ')
  const keys = `SELECT ${identList(key)} FROM ${name} GROUP BY ${identList(key)} HAVING count(*) > 1`
  // Where NULLs are equal no hash join finds them: all rows are sorted then.
  const from = nulls_equal
    ? `(SELECT *, tableoid, ctid, count(*) OVER (PARTITION BY ${identList(key)}) AS dwh_rows FROM ${name}) AS t WHERE dwh_rows > 1`
    : `${name} AS t JOIN (${keys}) AS k USING (${identList(key)})`
  return `${ranked} FROM ${from} WINDOW ${windows}`
}

async function refuseTwice(session: Session, key: string[], table: RelationName): Promise<void> {
  const found = await session.row<{ rows: number; leaf: string; place: string }>(
    `SELECT (SELECT count(*) FROM ${twice} WHERE n > 1) AS rows, leaf::regclass::text AS leaf, place::text AS place FROM ${twice} LIMIT 1`,
  )
  if (!found) return
  const { example } = await session.one<{ example: string }>(
    `SELECT ROW(${identList(key)})::text AS example FROM ${relation(table)} WHERE tableoid = $1::regclass AND ctid = $2::tid`,
    [found.leaf, found.place],
  )
  throw new DwhError(
    'ROWS_UNFIT',
    `${found.rows.toLocaleString('en')} rows of the file have the key (${key.join(', ')}) of another, such as ${example}; nothing was loaded`,
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
