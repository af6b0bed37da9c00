import { type ConversionPlan, planConversion } from '../convert/plan.ts'
import type { Answer } from '../doctor/answer.ts'
import { examineFitness, requireFit } from '../doctor/examine.ts'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type Conversion, listConversions } from '../ledger/conversions.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import { declaredFactTables, type PlannedMigration, planUp } from '../migrate/apply.ts'
import type { FactTable } from '../migrate/fact-table.ts'
import type { MigrationFolder } from '../migrate/files.ts'
import { ledgerFolder } from '../migrate/history.ts'
import {
  isPartitioned,
  type LeafPlan,
  type PartitionedDataset,
  planDatasetLeaves,
} from '../partitions/create.ts'
import { type PlannedLeaf, planLeaves } from '../partitions/plan.ts'
import { inspectTarget, serverToday } from '../partitions/tree.ts'
import { parseRelation, type RelationName, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { requireTablespace } from '../postgres/tablespace.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'

/** A table that does not exist yet, and the leaves that it will get. */
export interface NewTable {
  dataset: PartitionedDataset
  leaves: PlannedLeaf[]
}

/** Everything that `dwh setup` would do. */
export interface SetupPlan {
  answers: Answer[]
  migrations: PlannedMigration[]
  /** Partitioned tables that are there, and the leaves that they miss. */
  leaves: LeafPlan[]
  /** Partitioned tables that a pending migration creates. */
  newTables: NewTable[]
  conversions: ConversionPlan[]
  /** Conversions that are swapped, whose gains have not been measured yet. */
  unmeasured: Conversion[]
}

/**
 * Bytes a second that a conversion hashes, copies, indexes, proves and analyzes on two busy cores, for the estimate in the
 * plan only: 8 MB of three million narrow rows, 14 MB of rows of 150 bytes.
 */
const bytesPerSecond = 10 * 1024 ** 2

/** The folders of migrations of a warehouse: the ledger's first. */
export function migrationFolders(warehouse: Warehouse): MigrationFolder[] {
  return [ledgerFolder, { label: warehouse.name, path: warehouse.migrationsFolder }]
}

/**
 * Compares the warehouse file with the database; reads only.
 *
 * @param tablespace for what conversions write
 * @throws DwhError when something stands in the way; nothing is changed
 */
export async function planSetup(
  session: Session,
  work: Work,
  warehouse: Warehouse,
  tablespace?: string,
): Promise<SetupPlan> {
  if (tablespace) await requireTablespace(session, tablespace)
  const answers = await examineFitness(session, warehouse.datasets)
  requireFit(answers)
  const folders = migrationFolders(warehouse)
  const migrations = await planUp(session, folders)
  const declared = await declaredFactTables(session, folders[1] as MigrationFolder)
  const plan: SetupPlan = { answers, migrations, leaves: [], newTables: [], conversions: [], unmeasured: [] }
  for (const dataset of warehouse.datasets.filter(isPartitioned)) {
    const { target: name, partition: policy } = dataset
    const target = await inspectTarget(session, name, policy)
    if (target.kind === 'plain') {
      work.emit({ type: 'note', message: `reading the keys of ${shown(name)}` })
      plan.conversions.push(
        await planConversion(session, dataset, target.oid, declaredIndexes(declared, name), tablespace),
      )
    } else if (target.kind === 'partitioned') {
      plan.leaves.push(await planDatasetLeaves(session, dataset))
    } else {
      refuseUncreated(dataset, migrations, warehouse)
      const today = await serverToday(session, policy.zone)
      plan.newTables.push({ dataset, leaves: planLeaves(name, policy, [], today) })
    }
  }
  if ((await ledgerPresence(session)).has_ledger) {
    const conversions = await listConversions(session, warehouse.name)
    plan.unmeasured = conversions.filter(
      ({ swapped_at, after, undone_at }) => swapped_at && !after && !undone_at,
    )
  }
  return plan
}

/** The datasets that a plan changes. */
export function touchedDatasets({ leaves, newTables, conversions }: SetupPlan): string[] {
  const touched = [...leaves.filter((plan) => plan.leaves.length > 0), ...newTables, ...conversions]
  return touched.map(({ dataset }) => dataset.name)
}

/** Nothing is left to do. */
export function isDone({ migrations, leaves, newTables, conversions, unmeasured }: SetupPlan): boolean {
  const missingLeaves = leaves.reduce((sum, plan) => sum + plan.leaves.length, 0)
  return migrations.length + missingLeaves + newTables.length + conversions.length + unmeasured.length === 0
}

/** Seconds that the conversions will take, roughly; the disk that they need beside the plain tables, in bytes. */
export function estimate({ conversions }: SetupPlan): { seconds: number; bytes: number } {
  const bytes = conversions.reduce((sum, { table }) => sum + table.total_bytes, 0)
  return { seconds: bytes / bytesPerSecond, bytes }
}

function declaredIndexes(declared: FactTable[], name: RelationName): string[][] {
  const own = declared.filter(({ table }) => {
    const parsed = parseRelation(table)
    return parsed.schema === name.schema && parsed.name === name.name
  })
  return own.flatMap(({ indexes }) =>
    (indexes ?? []).map((columns) => (typeof columns === 'string' ? [columns] : columns)),
  )
}

/** A dataset whose table nothing can create is a mistake that is told before anything is done. */
function refuseUncreated(dataset: Dataset, pending: PlannedMigration[], warehouse: Warehouse): void {
  if (pending.some(({ folder }) => folder.label === warehouse.name)) return
  throw uncreated(dataset)
}

/** No migration has created the table of a dataset. */
export function uncreated({ target, name }: Dataset): DwhError {
  return new DwhError(
    'TARGET_UNFIT',
    `there is no table ${shown(target)} for dataset ${name}, and no migration creates it`,
    {
      hint: 'write a migration with factTable(), or mend `target` in the warehouse file; see: dwh migrate create',
    },
  )
}
