import { Temporal } from 'temporal-polyfill'
import { datesOf, positionDate, positionSql } from '../../partitions/bounds.ts'
import type { Leaf } from '../../partitions/tree.ts'
import { type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Policy } from '../../warehouse/schema.ts'
import { readTableColumns } from '../columns.ts'
import type { LoadTarget } from '../target.ts'
import { isFree, makeReady, type ReadyLeaf, readiness } from './ready-leaf.ts'
import type { Territory } from './territory.ts'

/**
 * Gives a table that was a leaf of the target all that it needs to take the place of the leaf that has its rows now: what it
 * has kept need not be made again.
 *
 * @returns undefined where it cannot become a leaf: it has other columns, there is no leaf for all its rows, or the territory
 *   is not all of that
 */
export async function readyLeaf(
  session: Session,
  signal: AbortSignal,
  target: LoadTarget,
  territory: Territory,
  table: RelationName,
): Promise<ReadyLeaf | undefined> {
  const policy = target.dataset.partition
  const twin = policy && (await leafOf(session, policy, target.leaves ?? [], table))
  if (!policy || !twin?.range || !territory.covers(twin.range)) return undefined
  if (!(await hasSameColumns(session, target, table))) return undefined
  const { schema, name } = table
  const leaf = { schema, name, range: twin.range, ...datesOf(policy, twin.range), twin }
  const ready = await readiness(
    session,
    target,
    { kind: 'leaves', leaves: [leaf] },
    { prove: true, replaced: territory },
  )
  return isFree(ready, leaf) ? makeReady(session, signal, target, leaf, true, ready) : undefined
}

/** The leaf that all rows of a table belong to. */
async function leafOf(
  session: Session,
  policy: Policy,
  leaves: Leaf[],
  table: RelationName,
): Promise<Leaf | undefined> {
  const position = positionSql(policy)
  const ends = await session.row<{ low: string; high: string }>(
    `SELECT min(${position})::text AS low, max(${position})::text AS high FROM ${relation(table)} ` +
      `HAVING count(${position}) = count(*) AND count(*) > 0`,
  )
  if (!ends) return undefined
  const { compare } = Temporal.PlainDate
  const dates = [ends.low, ends.high].map((text) => positionDate(policy, text))
  return leaves.find(({ range }) => {
    if (!range) return false
    const { from, until } = datesOf(policy, range)
    return dates.every((date) => compare(from, date) <= 0 && compare(date, until) < 0)
  })
}

async function hasSameColumns(
  session: Session,
  { columns }: LoadTarget,
  table: RelationName,
): Promise<boolean> {
  const { oid } = await session.one<{ oid: number }>('SELECT to_regclass($1)::oid::bigint AS oid', [
    relation(table),
  ])
  const own = await readTableColumns(session, oid)
  const isThere = ({ name, type }: (typeof own)[number]) =>
    own.some((column) => column.name === name && column.type === type)
  return own.length === columns.length && columns.every(isThere)
}
