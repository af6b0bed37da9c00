import { DwhError } from '../errors.ts'
import { refuseSealed, stillSealed } from '../partitions/sealed.ts'
import { inspectTarget } from '../partitions/tree.ts'
import { type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { findOid } from '../postgres/relations.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { requireTablespace } from '../postgres/tablespace.ts'
import type { Dataset } from '../warehouse/load.ts'
import { asideName } from './aside.ts'
import { type KeyConstraint, type Member, readKeyConstraint } from './constraint.ts'
import {
  type Duplicates,
  type KeyRule,
  keyRule,
  requireOrder,
  supersededSelect,
  surveyDuplicates,
} from './rule.ts'

/** What ridding a table of its duplicates takes. */
export interface DedupPlan {
  dataset: Dataset
  tablespace: string | undefined
  rule: KeyRule
  table: Member
  /** The leaves, or the table itself where it has none. */
  members: Member[]
  columns: string[]
  duplicates: Duplicates
  /** Rows to be moved, by member; those that have none are left out. */
  superseded: { member: Member; rows: number }[]
  aside: RelationName & { exists: boolean }
  constraint: KeyConstraint
}

interface TableRow {
  owner: string
  is_owner: boolean
  columns: string[]
  cascades: string[] | null
  foreign_leaves: string[] | null
}

/**
 * Looks for duplicates of a dataset's key across all leaves of its table; reads only.
 *
 * @param tablespace for the rows that move and for new indexes
 * @throws DwhError TARGET_UNFIT, ROWS_UNFIT, LEAF_SEALED, PRIVILEGE_MISSING, USAGE when it cannot be done; nothing is changed
 */
export async function planDedup(session: Session, dataset: Dataset, tablespace?: string): Promise<DedupPlan> {
  if (tablespace) await requireTablespace(session, tablespace)
  const rule = keyRule(dataset)
  if (!rule) {
    throw new DwhError('USAGE', `dataset ${dataset.name} has no key: its rows are never duplicates`, {
      hint: 'name the columns of the business key as `key` in the warehouse file',
    })
  }
  const table = await findTable(session, dataset)
  const { columns } = await requireFit(session, dataset, table)
  const members = table.isPartitioned ? table.leaves : [table]
  const from = relation(table)
  const duplicates = await surveyDuplicates(session, from, rule)
  requireOrder(table, rule, duplicates)
  const counted = `SELECT leaf::int8 AS leaf, count(*) AS rows FROM (${supersededSelect(from, rule)}) AS superseded GROUP BY 1`
  const counts = duplicates.rows > 0 ? await session.rows<{ leaf: number; rows: number }>(counted) : []
  const superseded = members.flatMap((member) => {
    const rows = counts.find(({ leaf }) => leaf === member.oid)?.rows ?? 0
    return rows > 0 ? [{ member, rows }] : []
  })
  const losing = await stillSealed(
    session,
    superseded.map(({ member }) => member),
  )
  refuseSealed(dataset.name, losing, 'with rows that would be moved; nothing was changed')
  return {
    dataset,
    tablespace,
    rule,
    table,
    members,
    columns,
    duplicates,
    superseded,
    aside: await inspectAside(session, table),
    constraint: await readKeyConstraint(session, table, rule, dataset.partition?.key ?? []),
  }
}

/** Nothing is left to do. */
export function isDeduplicated({ duplicates, constraint }: DedupPlan): boolean {
  return duplicates.rows === 0 && constraint.state === 'there'
}

async function findTable(session: Session, dataset: Dataset) {
  const { target: name, partition } = dataset
  const found = await inspectTarget(session, name, partition)
  if (found.kind === 'missing')
    throw new DwhError('TARGET_UNFIT', `there is no table ${shown(name)}`, { hint: 'see: dwh setup' })
  if (found.kind === 'plain' && partition) {
    throw new DwhError('TARGET_UNFIT', `${shown(name)} is not partitioned yet; nothing was changed`, {
      hint: 'dwh setup converts it and sets its duplicates aside on the way',
    })
  }
  const leaves: Member[] = found.kind === 'partitioned' ? found.leaves : []
  return { ...name, oid: found.oid, leaves, isPartitioned: found.kind === 'partitioned' }
}

async function requireFit(session: Session, { name, key = [], recency }: Dataset, table: Member) {
  const row = await session.one<TableRow>(sql('dedup/table'), [table.oid])
  const missing = [...key, ...(recency ? [recency] : [])].filter((column) => !row.columns.includes(column))
  if (missing.length > 0) {
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown(table)} has no column ${missing.join(', ')}, which dataset ${name} names; nothing was changed`,
      { hint: 'mend `key` and `recency` in the warehouse file' },
    )
  }
  if (!row.is_owner) {
    throw new DwhError('PRIVILEGE_MISSING', `${shown(table)} belongs to ${row.owner}; nothing was changed`, {
      hint: `connect as ${row.owner}, or GRANT ${row.owner} to the role of dwh`,
    })
  }
  if (row.cascades) {
    throw new DwhError(
      'TARGET_UNFIT',
      `deleting rows of ${shown(table)} would change other tables by ${row.cascades.join(', ')}; nothing was changed`,
      { hint: 'let these foreign keys refuse (NO ACTION) while duplicates are moved' },
    )
  }
  if (row.foreign_leaves) {
    throw new DwhError(
      'TARGET_UNFIT',
      `leaves of ${shown(table)} are foreign tables, which no constraint holds for: ${row.foreign_leaves.join(', ')}; nothing was changed`,
      { hint: 'detach them, or bring their rows into plain leaves' },
    )
  }
  return row
}

async function inspectAside(session: Session, table: Member): Promise<DedupPlan['aside']> {
  const name = asideName(table)
  const oid = await findOid(session, name)
  if (oid === undefined) return { ...name, exists: false }
  const obstacles = await session.rows<{ obstacle: string }>(sql('dedup/aside_obstacles'), [table.oid, oid])
  if (obstacles.length > 0) {
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown(name)} cannot take rows of ${shown(table)}: ${obstacles.map(({ obstacle }) => obstacle).join('; ')}; nothing was changed`,
      { hint: 'rename it, and a new one is made; or mend what is named' },
    )
  }
  return { ...name, exists: true }
}
