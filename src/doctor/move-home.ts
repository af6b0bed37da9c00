import { Temporal } from 'temporal-polyfill'
import { occupiedSpans, type RowSurvey } from '../convert/rows.ts'
import type { PlainColumn } from '../convert/table.ts'
import { datesOf, limits, positionOf, positionSql, type Range } from '../partitions/bounds.ts'
import { type PartitionedDataset, readFurniture } from '../partitions/create.ts'
import { createLeafStatements } from '../partitions/leaf-sql.ts'
import { planLeaves } from '../partitions/plan.ts'
import { serverToday, type Target } from '../partitions/tree.ts'
import { identList, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Policy } from '../warehouse/schema.ts'
import { unknownLeaf } from './subject.ts'

/**
 * SQL that takes the rows out of the unknown leaf that leaves of their own would hold, makes those leaves, and puts the
 * rows into them: one transaction that keeps everybody out, since a leaf cannot be attached while its rows are elsewhere.
 *
 * @param survey of the unknown leaf
 */
export async function moveHome(
  session: Session,
  dataset: PartitionedDataset,
  target: Extract<Target, { kind: 'partitioned' }>,
  survey: RowSurvey,
): Promise<string[]> {
  const { partition: policy, target: parent } = dataset
  const unknown = unknownLeaf(target)
  if (!unknown) return []
  const { floor, ceiling } = limits(policy)
  const position = positionSql(policy)
  const homeless = `${position} >= ${positionOf(policy, floor)} AND ${position} < ${positionOf(policy, ceiling)}`
  const today = await serverToday(session, policy.zone)
  const leaves = planLeaves(parent, policy, target.leaves, today, occupiedSpans(survey.occupied))
  const needed = leaves.filter(({ range }) => range && isOccupied(policy, range, survey))
  const furniture = await readFurniture(session, target.oid, dataset)
  const columns = await session.rows<PlainColumn>(sql('convert/columns'), [target.oid])
  const stored = identList(columns.filter(({ generated }) => !generated).map(({ name }) => name))
  return [
    'BEGIN',
    `LOCK TABLE ${relation(parent)} IN ACCESS EXCLUSIVE MODE`,
    `CREATE TEMPORARY TABLE dwh_homeless ON COMMIT DROP AS SELECT * FROM ONLY ${relation(unknown)} WHERE ${homeless}`,
    `DELETE FROM ONLY ${relation(unknown)} WHERE ${homeless}`,
    ...needed.flatMap((leaf) => createLeafStatements(parent, policy, leaf, furniture)),
    `INSERT INTO ${relation(parent)} (${stored}) OVERRIDING SYSTEM VALUE SELECT ${stored} FROM pg_temp.dwh_homeless`,
    'COMMIT',
  ]
}

function isOccupied(policy: Policy, range: Range, { occupied }: RowSurvey): boolean {
  const { compare } = Temporal.PlainDate
  const { from, until } = datesOf(policy, range)
  return occupied.some(({ start, end }) => compare(start, until) < 0 && compare(from, end) < 0)
}
