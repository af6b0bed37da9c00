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
  rows: number | null
  bytes: number
  analyzed_at: Date | null
  invalid_indexes: number
  compression: string | null
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
  if (row.relkind === 'r') {
    if (row.has_children || row.has_parents) {
      throw unfit('is part of an inheritance tree', 'move its rows into one plain table first')
    }
    if (row.persistence !== 'p')
      throw unfit('is unlogged or temporary', `ALTER TABLE ${shown(name)} SET LOGGED`)
    return { kind: 'plain', oid: row.oid }
  }
  if (row.relkind !== 'p')
    throw unfit(`is not a table (relkind ${row.relkind})`, 'name another target for the dataset')
  if (policy && (row.strategy !== 'r' || row.has_expressions || row.key.join() !== policy.key.join())) {
    const strategy = { r: 'RANGE', l: 'LIST', h: 'HASH' }[row.strategy ?? ''] ?? row.strategy
    const key = row.has_expressions ? 'an expression' : row.key.join(', ')
    throw unfit(
      `is partitioned by ${strategy} of ${key}, the policy says RANGE of ${policy.key.join(', ')}`,
      'change the policy in the warehouse file, or convert the table by hand',
    )
  }
  const leaves = await session.rows<LeafRow>(sql('partitions/leaves'), [row.oid])
  const nested = leaves.find(({ relkind }) => relkind === 'p')
  if (nested)
    throw unfit(
      `has partitions that are partitioned themselves (${nested.name})`,
      'only one level is supported',
    )
  return { kind: 'partitioned', oid: row.oid, leaves: leaves.map(asLeaf) }
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
    compression: row.compression ?? undefined,
  }
}

/** Today by the server's clock, in the policy's zone. */
export async function serverToday(session: Session, zone: string): Promise<Temporal.PlainDate> {
  const { today } = await session.one<{ today: string }>(sql('partitions/today'), [zone])
  return Temporal.PlainDate.from(today)
}
