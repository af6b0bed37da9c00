import { asideName } from '../dedup/aside.ts'
import { type Duplicates, keyRule } from '../dedup/rule.ts'
import { DwhError } from '../errors.ts'
import { type Conversion, findConversion } from '../ledger/conversions.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import type { PartitionedDataset } from '../partitions/create.ts'
import { leafIndexName } from '../partitions/leaf-sql.ts'
import { type PlannedLeaf, planLeaves } from '../partitions/plan.ts'
import { keyTypes, serverToday } from '../partitions/tree.ts'
import { fitName, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Policy } from '../warehouse/schema.ts'
import { obstaclesOf } from './dependents.ts'
import { findDuplicates, placesName, refuseReferenced } from './duplicates.ts'
import { type InboundPlan, inboundLosses, planInbound } from './foreign-keys.ts'
import { identityRemarks } from './identity.ts'
import { type IndexPlan, planIndexes, shadowIndexName } from './indexes.ts'
import { occupiedSpans, type RowSurvey, surveyRows } from './rows.ts'
import { type PlainColumn, type PlainTable, readPlainTable } from './table.ts'

/** What turning one plain table into a partitioned one takes. */
export interface ConversionPlan extends IndexPlan {
  dataset: PartitionedDataset
  table: PlainTable
  /** The partitioned table until the swap. */
  shadow: RelationName
  /** The plain table after the swap. */
  before: RelationName
  leaves: PlannedLeaf[]
  rows: RowSurvey
  /** Rows that will be set aside, because a newer one has their key. */
  duplicates: Duplicates
  /** An interrupted conversion of this table, to be resumed. */
  resumes: Conversion | undefined
  /** The foreign keys of other tables. */
  inbound: InboundPlan
  /** Columns that are rewritten to be stored with another compression. */
  compression: 'lz4' | 'pglz' | 'default'
  serverVersion: number
}

/**
 * Plans the conversion of the plain table behind a dataset; reads only.
 *
 * @param declared columns of the indexes that migrations declared for the table
 * @param tablespace of the leaves and their indexes; that of the plain table and of each index unless named
 * @throws DwhError TARGET_UNFIT, ROWS_UNFIT, PRIVILEGE_MISSING when it cannot be done; nothing is changed
 */
export async function planConversion(
  session: Session,
  dataset: PartitionedDataset,
  oid: number,
  declared: string[][],
  tablespace?: string,
): Promise<ConversionPlan> {
  const { partition: declaredPolicy, target } = dataset
  const before = { schema: target.schema, name: fitName(target.name, '_before_setup') }
  const table = inTablespace(await readPlainTable(session, oid, before), tablespace)
  refuseUnfit(table, declaredPolicy)
  const open = (await ledgerPresence(session)).has_ledger ? await findConversion(session, table) : undefined
  // What was begun for another table of this name is thrown away: its backup and its figures are not this one's.
  const resumes = open?.plain_oid === oid ? open : undefined
  const rows = await surveyRows(session, table, declaredPolicy)
  refuseRows(table, declaredPolicy, rows)
  const policy = settleUnknown(declaredPolicy, rows)
  const today = await serverToday(session, policy.zone)
  const rule = keyRule(dataset)
  // NULLS NOT DISTINCT came with PostgreSQL 15.
  const enforced = rule && { ...rule, nullsEqual: rule.nullsEqual && session.serverVersion >= 150_000 }
  const isNullable = ({ name, not_null }: PlainColumn) => policy.key.includes(name) && !not_null
  const nullableKey = policy.unknown !== false && table.columns.some(isNullable)
  const indexPlan = planIndexes(table, policy, enforced, declared, nullableKey)
  const inbound = planInbound(table.dependents.foreignKeysIn, indexPlan.indexes)
  const remarks = identityRemarks(table.identity, session.serverVersion)
  const plan: ConversionPlan = {
    indexes: tablespace ? indexPlan.indexes.map((index) => ({ ...index, tablespace })) : indexPlan.indexes,
    losses: [...indexPlan.losses, ...dependentLosses(table), ...inboundLosses(inbound), ...remarks.losses],
    notes: [...indexPlan.notes, ...remarks.notes],
    dataset: { ...dataset, partition: policy },
    table,
    shadow: { schema: table.schema, name: fitName(table.name, '_dwh_shadow') },
    before,
    leaves: planLeaves(table, policy, [], today, occupiedSpans(rows.occupied)),
    rows,
    inbound,
    duplicates: await findDuplicates(session, dataset, table),
    resumes,
    compression: dataset.compression.method,
    serverVersion: session.serverVersion,
  }
  if (!open) await refuseTakenNames(session, plan)
  if (plan.duplicates.rows > 0) await refuseReferenced(session, dataset, table, inbound.kept)
  return plan
}

function inTablespace(table: PlainTable, tablespace: string | undefined): PlainTable {
  return tablespace ? { ...table, furniture: { ...table.furniture, tablespace } } : table
}

function refuseUnfit(table: PlainTable, policy: Policy): void {
  const unfit = (message: string, hint: string) =>
    new DwhError('TARGET_UNFIT', `${message}; nothing was changed`, { hint })
  if (!table.is_owner) {
    throw new DwhError(
      'PRIVILEGE_MISSING',
      `${shown(table)} belongs to ${table.owner}; nothing was changed`,
      {
        hint: `connect as ${table.owner}, or GRANT ${table.owner} to the role of dwh`,
      },
    )
  }
  for (const key of policy.key) {
    const column = table.columns.find(({ name }) => name === key)
    if (!column)
      throw unfit(`${shown(table)} has no column ${key}`, 'mend partition.key in the warehouse file')
    if (!keyTypes[policy.kind].includes(column.type.replace(/\(\d\)/, ''))) {
      throw unfit(
        `${key} is ${column.type}, which is no ${policy.kind}`,
        'mend partition.kind in the warehouse file',
      )
    }
    if (column.generated)
      throw unfit(`${key} is a generated column`, 'partition by a column that is stored as it comes')
  }
  const excluded = table.indexes.find(({ is_exclusion }) => is_exclusion)
  if (excluded)
    throw unfit(
      `${excluded.name} is an exclusion constraint`,
      'drop it first: partitioned tables cannot have it',
    )
  const odd = table.indexes.find(({ understood }) => !understood)
  if (odd)
    throw unfit(
      `the definition of ${odd.name} is not understood`,
      'drop it first and create it again afterwards',
    )
  const obstacles = obstaclesOf(table.dependents)
  if (obstacles.length > 0) {
    throw unfit(
      `${shown(table)} has dependents that cannot follow it: ${obstacles.join('; ')}`,
      'drop them first and create them again afterwards',
    )
  }
}

function dependentLosses({ dependents: { own, outside, foreignKeysOut } }: PlainTable): string[] {
  return [...own, ...outside, ...foreignKeysOut].flatMap(({ loss }) => loss ?? [])
}

function refuseRows(table: PlainTable, policy: Policy, rows: RowSurvey): void {
  if (rows.nulls + rows.outside === 0 || policy.unknown) return
  const floor = policy.from ?? '1900-01-01'
  throw new DwhError(
    'ROWS_UNFIT',
    `${shown(table)}: ${rows.nulls} rows have no partition key and ${rows.outside} lie outside [${floor}, ${policy.ceiling}), ` +
      `such as ${rows.examples.join('; ')}; nothing was changed`,
    { hint: `mend the rows, or set unknown: true in the policy to give them a leaf of their own` },
  )
}

/** Whether this table needs the unknown leaf that a policy has made when it is needed. */
function settleUnknown(policy: Policy, { nulls, outside }: RowSurvey): Policy {
  const { unknown } = policy
  if (typeof unknown !== 'object' || !unknown.when_needed) return policy
  return { ...policy, unknown: nulls + outside > 0 && { ...unknown, when_needed: false } }
}

/** The names of the indexes that the conversion makes, and those that the plain table's step aside to. */
function indexNames({ table, leaves, indexes }: ConversionPlan): RelationName[] {
  const names = indexes.flatMap((index) => [
    shadowIndexName(index),
    index.replaces ? fitName(index.name, '_before_setup') : index.name,
    ...leaves.map((leaf) => leafIndexName(leaf, index, table)),
  ])
  return names.map((name) => ({ schema: table.schema, name }))
}

/** The names that the conversion will need must be free, so that it never meets a relation of somebody else. */
async function refuseTakenNames(session: Session, plan: ConversionPlan): Promise<void> {
  const { table, shadow, before, leaves, duplicates } = plan
  const aside = duplicates.rows > 0 ? [asideName(table), placesName(table)] : []
  const names = [shadow, before, ...aside, ...leaves, ...indexNames(plan)]
  // An undo keeps the partitioned table where that has rows of its own.
  const undone = relation({ schema: table.schema, name: fitName(table.name, '_after_setup') })
  const taken = await session.rows<{ name: string; is_undone: boolean }>(
    'SELECT name, EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(name) AND inhparent = to_regclass($2)) AS is_undone ' +
      'FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL',
    [names.map(relation), undone],
  )
  if (taken.length === 0) return
  const some = taken.slice(0, 5).map(({ name }) => name)
  const more = taken.length > some.length ? ` and ${taken.length - some.length} more` : ''
  throw new DwhError(
    'TARGET_UNFIT',
    `${shown(table)} needs names that are taken: ${some.join(', ')}${more}; nothing was changed`,
    {
      hint: taken.some(({ is_undone }) => is_undone)
        ? `they belong to ${undone}, which dwh setup --undo kept for its rows: copy what you need, and drop it`
        : 'rename or drop what bears them, or finish the earlier conversion with dwh setup --finish',
    },
  )
}
