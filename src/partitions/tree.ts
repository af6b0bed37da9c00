import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { type RelationName, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Policy } from '../warehouse/schema.ts'
import { parseForValues, type Range } from './bounds.ts'

/** One leaf, as the catalogue has it. Rows are an estimate, undefined before the first ANALYZE. */
export interface Leaf extends RelationName {
  oid: number
  /** Undefined for the DEFAULT partition. */
  range: Range | undefined
  rows: number | undefined
  bytes: number
  analyzedAt: Date | undefined
  invalidIndexes: number
  detachPending: boolean
  /** Its rows are its own and survive a crash: it is neither a foreign table nor unlogged. */
  keepsRows: boolean
  /** The trigger of a seal refuses what is written into it, whether the seal holds or is void. */
  sealed: boolean
  /** `lz4`, `pglz` or `default`, or several; undefined where no column can be compressed. */
  compression: string | undefined
}

/** What stands behind a dataset's target. */
export type Target =
  | { kind: 'missing' }
  | { kind: 'plain'; oid: number }
  | { kind: 'partitioned'; oid: number; leaves: Leaf[] }

interface TargetRow {
  oid: number
  relkind: string
  persistence: string
  strategy: string | null
  has_expressions: boolean
  key: string[]
  key_types: string[]
  is_leaf: boolean
  has_children: boolean
  has_parents: boolean
}

interface LeafRow {
  oid: number
  schema: string
  name: string
  relkind: string
  bound: string
  detach_pending: boolean
  keeps_rows: boolean
  sealed: boolean
  rows: number | null
  bytes: number
  analyzed_at: Date | null
  invalid_indexes: number
  compression: string | null
}

/** The types that a key of each kind may have, without their precision: others are cut differently, or not at all. */
export const keyTypes: Record<Policy['kind'], readonly string[]> = {
  date_key: ['smallint', 'integer', 'bigint'],
  date: ['date'],
  timestamp: ['timestamp without time zone'],
  timestamptz: ['timestamp with time zone'],
  year_quarter: ['smallint', 'integer', 'bigint'],
}

/**
 * Looks at the table behind a dataset.
 *
 * @throws DwhError TARGET_UNFIT for views, foreign tables, inheritance trees and tables partitioned in another way
 */
export async function inspectTarget(
  session: Session,
  name: RelationName,
  policy: Policy | undefined,
): Promise<Target> {
  const row = await session.row<TargetRow>(sql('partitions/target'), [name.schema, name.name])
  if (!row) return { kind: 'missing' }
  const unfit = (why: string, hint: string) =>
    new DwhError('TARGET_UNFIT', `${shown(name)} ${why}; nothing was changed`, { hint })
  if (row.is_leaf) throw unfit('is a leaf of another table', 'name the parent as the target of the dataset')
  const kind = otherKinds[row.relkind]
  if (kind) throw unfit(`is ${kind}`, 'name a table as the target of the dataset')
  if (row.persistence !== 'p') {
    // Only a plain table can change; PostgreSQL 18 knows no other partitioned ones any more.
    const hint =
      row.relkind === 'r' ? `type: ALTER TABLE ${shown(name)} SET LOGGED` : 'create it anew without UNLOGGED'
    throw unfit('is unlogged or temporary: a crash empties it', hint)
  }
  if (row.relkind === 'r') {
    if (row.has_children || row.has_parents) {
      throw unfit('is part of an inheritance tree', 'move its rows into one plain table first')
    }
    return { kind: 'plain', oid: row.oid }
  }
  if (policy && (row.strategy !== 'r' || row.has_expressions || row.key.join() !== policy.key.join())) {
    const strategy = { r: 'RANGE', l: 'LIST', h: 'HASH' }[row.strategy ?? ''] ?? row.strategy
    const key = row.has_expressions ? 'an expression' : row.key.join(', ')
    throw unfit(
      `is partitioned by ${strategy} of ${key}, the policy says RANGE of ${policy.key.join(', ')}`,
      'change the policy in the warehouse file, or convert the table by hand',
    )
  }
  const odd = row.key_types.find((type) => policy && !keyTypes[policy.kind].includes(type))
  if (policy && odd)
    throw unfit(
      `is partitioned by ${odd}, which is no ${policy.kind}`,
      'mend partition.kind in the warehouse file',
    )
  const leaves = await readLeaves(session, row.oid)
  const nested = leaves.find(({ relkind }) => relkind === 'p')
  if (nested)
    throw unfit(
      `has partitions that are partitioned themselves (${nested.name})`,
      'only one level is supported',
    )
  return { kind: 'partitioned', oid: row.oid, leaves: leaves.map(asLeaf) }
}

/**
 * A leaf that was dropped since the statement began, such as by a load beside this one that has exchanged it, is still in the
 * snapshot and has no bound any more: the next look sees its successor.
 */
async function readLeaves(session: Session, oid: number): Promise<LeafRow[]> {
  for (let looks = 1; ; looks++) {
    const leaves = await session.rows<LeafRow>(sql('partitions/leaves'), [oid])
    const there = leaves.filter(({ bound }) => bound !== null)
    if (there.length === leaves.length || looks === 10) return there
  }
}

const otherKinds: Record<string, string> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  i: 'an index',
  I: 'an index',
  c: 'a type',
  t: 'a TOAST table',
}

function asLeaf(row: LeafRow): Leaf {
  const bound = parseForValues(row.bound)
  return {
    oid: row.oid,
    schema: row.schema,
    name: row.name,
    range: bound === 'default' ? undefined : bound,
    rows: row.rows ?? undefined,
    bytes: row.bytes,
    analyzedAt: row.analyzed_at ?? undefined,
    invalidIndexes: row.invalid_indexes,
    detachPending: row.detach_pending,
    keepsRows: row.keeps_rows,
    sealed: row.sealed,
    compression: row.compression ?? undefined,
  }
}

/** Today by the server's clock, in the policy's zone. */
export async function serverToday(session: Session, zone: string): Promise<Temporal.PlainDate> {
  const { today } = await session.one<{ today: string }>(sql('partitions/today'), [zone])
  return Temporal.PlainDate.from(today)
}
