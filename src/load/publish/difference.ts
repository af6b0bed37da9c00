import type { Difference } from '../../ledger/generations.ts'
import { ident, type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { ProofColumn } from '../../proof/columns.ts'
import { proofRow } from '../../proof/columns.ts'
import type { LoadTarget } from '../target.ts'
import { comparedBesideKey, type MergeColumns, told } from './merge.ts'

/** What is compared: rows that go, and rows that take their place. */
interface Sides {
  /** Tables, each with the rows of it that go. */
  former: { table: RelationName; condition: string }[]
  next: RelationName[]
}

/**
 * How rows that are replaced differ from those that take their place, told by one join over both. With a key rows of one
 * key are changed where a column that the input fills has another value; without one, rows are equal or others.
 *
 * Locks: ACCESS SHARE.
 */
export async function findDifference(
  session: Session,
  target: LoadTarget,
  columns: MergeColumns,
  { former, next }: Sides,
): Promise<Difference> {
  const hasKey = target.dataset.key !== undefined
  const compared = hasKey ? comparedBesideKey(target, columns) : columns.compared
  const select = hasKey ? keyedSelect(target, compared) : `SELECT ${rowHash(compared)} AS dwh_key`
  const nothing = `ONLY ${relation(target.dataset.target)} WHERE false`
  const old = union(
    select,
    nothing,
    former.map(({ table, condition }) => `ONLY ${relation(table)} WHERE ${condition}`),
  )
  const fresh = union(
    select,
    nothing,
    next.map((table) => relation(table)),
  )
  return hasKey ? byKey(session, target, compared, old, fresh) : byRow(session, old, fresh)
}

async function byKey(
  session: Session,
  { dataset: { key = [], nulls_equal } }: LoadTarget,
  compared: ProofColumn[],
  old: string,
  fresh: string,
): Promise<Difference> {
  const names = nulls_equal ? ['dwh_key'] : key
  const same = names.map((name) => `o.${ident(name)} = n.${ident(name)}`).join(' AND ')
  const differs = compared.map((column, n) => {
    return `${told('o', column)} IS DISTINCT FROM ${told('n', column)} AS d${n}`
  })
  const isBoth = 'NOT is_added AND NOT is_removed'
  const any = compared.map((_, n) => `d${n}`).join(' OR ')
  const counts = compared.map((_, n) => `count(*) FILTER (WHERE ${isBoth} AND d${n}) AS c${n}`)
  // Whether a column differs is told once, which OFFSET 0 keeps apart.
  const found = await session.one<Record<string, number>>(
    `SELECT ${[
      'count(*) FILTER (WHERE is_added) AS added',
      'count(*) FILTER (WHERE is_removed) AS removed',
      any === '' ? '0 AS changed' : `count(*) FILTER (WHERE ${isBoth} AND (${any})) AS changed`,
      ...counts,
    ].join(
      ', ',
    )} FROM (SELECT ${['o.dwh_here IS NULL AS is_added', 'n.dwh_here IS NULL AS is_removed', ...differs].join(', ')} ` +
      `FROM (${old}) AS o FULL JOIN (${fresh}) AS n ON ${same} OFFSET 0) AS pairs`,
  )
  const { added = 0, removed = 0, changed = 0 } = found
  const changes = compared.flatMap(({ name }, n): [string, number][] => {
    const count = found[`c${n}`] ?? 0
    return count > 0 ? [[name, count]] : []
  })
  return { added, removed, changed, columns: Object.fromEntries(changes) }
}

/** Rows without a key have no other value of a row: they are there, as many times as they are. */
async function byRow(session: Session, old: string, fresh: string): Promise<Difference> {
  const { added, removed } = await session.one<{ added: number; removed: number }>(
    'SELECT coalesce(sum(greatest(n - o, 0)), 0)::bigint AS added, coalesce(sum(greatest(o - n, 0)), 0)::bigint AS removed ' +
      'FROM (SELECT count(*) FILTER (WHERE is_new) AS n, count(*) FILTER (WHERE NOT is_new) AS o FROM (' +
      `SELECT dwh_key, false AS is_new FROM (${old}) AS o UNION ALL SELECT dwh_key, true FROM (${fresh}) AS n) AS both_sides GROUP BY dwh_key) AS counted`,
  )
  return { added, removed, changed: 0, columns: {} }
}

/** A FULL JOIN cannot take NULLs for equal: there the hash of the key stands for it. */
function keyedSelect({ dataset: { key = [], nulls_equal } }: LoadTarget, compared: ProofColumn[]): string {
  const names = new Set([...(nulls_equal ? [] : key), ...compared.map(({ name }) => name)])
  const hash = nulls_equal ? [`hash_record_extended(ROW(${key.map(ident).join(', ')}), 0) AS dwh_key`] : []
  return `SELECT ${[...[...names].map(ident), ...hash, 'true AS dwh_here'].join(', ')}`
}

const rowHash = (columns: ProofColumn[]) => `hash_record_extended(${proofRow(columns)}, 0)`

/** @param nothing what has the columns where there is no table */
function union(select: string, nothing: string, tables: string[]): string {
  return (tables.length > 0 ? tables : [nothing])
    .map((table) => `${select} FROM ${table}`)
    .join(' UNION ALL ')
}
