import type { RelationName } from '../../postgres/identifiers.ts'
import { ident, identList, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { type ProofColumn, proofColumns } from '../../proof/columns.ts'
import type { LoadTarget } from '../target.ts'
import { type OnDuplicate, refuseKnown } from './deduplicate.ts'
import { sameKey } from './same-key.ts'

/** What became of the rows of a landing. */
export interface Merged {
  inserted: number
  updated: number
  /** The table's row is the same, or was kept. */
  unchanged: number
  /** Updated and in another leaf now. */
  moved: number
}

/** What rows of the target are compared and filled with. */
export interface MergeColumns {
  /** All that a row of a landing has for the target. */
  inserted: string[]
  /** Those that the file has and an UPDATE may set, each with how its values are told apart. */
  compared: ProofColumn[]
}

export async function mergeColumns(session: Session, target: LoadTarget): Promise<MergeColumns> {
  const settable = target.plan.filled.filter(({ column }) => !column.always_identity)
  const filled = new Set(settable.map(({ column }) => column.name))
  const proof = await proofColumns(session, target.oid)
  return {
    inserted: target.columns.filter(({ generated }) => !generated).map(({ name }) => name),
    compared: proof.filter(({ name }) => filled.has(name)),
  }
}

/**
 * Brings rows of a landing, one a key, into the target: those with a new key are inserted, those that are newer and differ
 * replace what is there. A row whose partition key has changed moves to its leaf.
 *
 * To be called in a transaction that keeps other writers out of the rows' leaves: SHARE ROW EXCLUSIVE.
 *
 * @param total rows of the landing
 * @param into the leaf that has all rows with these keys, or the target itself
 * @param spared SQL over its columns, true for rows that stay as they are
 */
export async function merge(
  session: Session,
  target: LoadTarget,
  columns: MergeColumns,
  from: RelationName,
  total: number,
  into: RelationName,
  onDuplicate: OnDuplicate,
  spared?: string | undefined,
): Promise<Merged> {
  const rows = relation(from)
  const table = relation(into)
  const list = identList(columns.inserted)
  if (!target.dataset.key) {
    const inserted = await session.run(
      `INSERT INTO ${table} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM ${rows}`,
    )
    return { inserted, updated: 0, unchanged: 0, moved: 0 }
  }
  const same = sameKey(target.dataset, 't', 's')
  if (onDuplicate === 'error') await refuseMatches(session, target, rows, table, same)
  const { updated, moved } =
    onDuplicate === 'newest'
      ? await update(session, target, columns, rows, table, same, spared)
      : { updated: 0, moved: 0 }
  const isNew = `${rows} AS s WHERE NOT EXISTS (SELECT FROM ${table} AS t WHERE ${same})`
  const inserted = await session.run(
    `INSERT INTO ${table} (${list}) OVERRIDING SYSTEM VALUE SELECT ${list} FROM ${isNew}`,
  )
  const swallowed = target.obstacles.length > 0 ? await count(session, isNew) : 0
  return { inserted, updated, moved, unchanged: total - inserted - updated - moved - swallowed }
}

async function count(session: Session, from: string): Promise<number> {
  const { rows } = await session.one<{ rows: number }>(`SELECT count(*) AS rows FROM ${from}`)
  return rows
}

/** The rows are found first, by their places, so that it can be told afterwards which of them have moved. */
async function update(
  session: Session,
  target: LoadTarget,
  columns: MergeColumns,
  rows: string,
  table: string,
  same: string,
  spared: string | undefined,
): Promise<{ updated: number; moved: number }> {
  const others = comparedBesideKey(target, columns)
  if (others.length === 0) return { updated: 0, moved: 0 }
  const set = others.map(({ name }) => `${ident(name)} = s.${ident(name)}`).join(', ')
  // Its columns are those of the innermost row.
  const mayChange =
    spared === undefined ? '' : ` AND NOT EXISTS (SELECT FROM (SELECT t.*) AS t WHERE ${spared})`
  const { updated, moved } = await session.one<{ updated: number; moved: number }>(
    `WITH changed AS (UPDATE ${table} AS u SET ${set} FROM (` +
      `SELECT s.*, t.tableoid AS dwh_leaf, t.ctid AS dwh_row FROM ${rows} AS s JOIN ${table} AS t ON ${same} ` +
      `WHERE ${replaces(target, columns)}${mayChange}) AS s ` +
      `WHERE u.tableoid = s.dwh_leaf AND u.ctid = s.dwh_row RETURNING u.tableoid <> s.dwh_leaf AS moved) ` +
      `SELECT count(*) FILTER (WHERE NOT moved) AS updated, count(*) FILTER (WHERE moved) AS moved FROM changed`,
  )
  return { updated, moved }
}

/** When a row of a file (s) replaces that of the table (t) with its key: it is as new or newer, and differs. */
export function replaces(target: LoadTarget, columns: MergeColumns): string {
  const { recency } = target.dataset
  const newer = recency
    ? `(t.${ident(recency)} IS NULL OR s.${ident(recency)} >= t.${ident(recency)})`
    : 'true'
  const differs = comparedBesideKey(target, columns).map(
    (column) => `${told('t', column)} IS DISTINCT FROM ${told('s', column)}`,
  )
  return differs.length === 0 ? 'false' : `${newer} AND (${differs.join(' OR ')})`
}

/** NULLs that are equal are told apart from values by their key only in part. */
export function comparedBesideKey({ dataset }: LoadTarget, { compared }: MergeColumns): ProofColumn[] {
  const { key = [], nulls_equal } = dataset
  return compared.filter(({ name }) => nulls_equal || !key.includes(name))
}

export function told(alias: string, { name, hashed }: ProofColumn): string {
  return hashed === 'text' ? `${alias}.${ident(name)}::text COLLATE "C"` : `${alias}.${ident(name)}`
}

async function refuseMatches(
  session: Session,
  target: LoadTarget,
  rows: string,
  table: string,
  same: string,
): Promise<void> {
  const key = (target.dataset.key ?? []).map((column) => `s.${ident(column)}`).join(', ')
  const { matches, example } = await session.one<{ matches: number; example: string }>(
    `SELECT count(*) AS matches, min(ROW(${key})::text) AS example FROM ${rows} AS s ` +
      `WHERE EXISTS (SELECT FROM ${table} AS t WHERE ${same})`,
  )
  if (matches > 0) refuseKnown(target, matches, example)
}
