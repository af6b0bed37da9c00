import { standardCompression } from '../backup/compress.ts'
import { createBackup } from '../backup/create.ts'
import { safeName } from '../backup/folder.ts'
import { tablesScope } from '../backup/scope.ts'
import { validateInbound } from '../convert/foreign-keys.ts'
import { convert } from '../convert/run.ts'
import { conversionTables } from '../convert/undo.ts'
import { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { underLease } from '../ledger/lease.ts'
import { up } from '../migrate/apply.ts'
import { ledgerFolder } from '../migrate/history.ts'
import { createLeaves, isPartitioned, planDatasetLeaves } from '../partitions/create.ts'
import { listLeaves } from '../partitions/list.ts'
import { inspectTarget } from '../partitions/tree.ts'
import { relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { type Gain, measureAfter, measureBefore, recordedGains } from './gains.ts'
import type { Measures } from './measure.ts'
import { migrationFolders, type SetupPlan, uncreated } from './plan.ts'

export interface SetupOptions {
  /** Connections that copy and build indexes. */
  jobs: number
  /** Undefined: no backup. */
  backupFolder: string | undefined
}

export interface SetupResult {
  migrations: string[]
  leaves: number
  gains: Gain[]
}

/** What only one setup of a database does at a time. */
export const setupLease = 'setup'

/**
 * Carries out a plan, step by step. Every step looks first at what is there, so that the same command, after a kill at any
 * point, goes on and ends in the same state.
 */
export async function setUp(
  session: Session,
  work: Work,
  warehouse: Warehouse,
  plan: SetupPlan,
  run: number,
  options: SetupOptions,
): Promise<SetupResult> {
  return underLease(session, work, setupLease, run, async (lease) => {
    const isMeasuring = plan.conversions.some(({ resumes }) => !resumes)
    const measureTables = () => measureBefore(session, plan)
    const befores = isMeasuring ? await step(work, 'measure', measureTables) : new Map<string, Measures>()
    const backups = await backUp(session, work, plan, run, options)
    const migrations = await step(
      work,
      'migrations',
      async () => {
        await using own = await session.sibling(`dwh migrate ${run}`)
        await lease.join(own)
        const applied = await up(own, work, migrationFolders(warehouse))
        // The ledger's own were applied before there could be a run.
        return [...plan.migrations.filter(({ folder }) => folder.label === ledgerFolder.label), ...applied]
      },
      (applied) => `${applied.length} applied`,
    )
    const leaves = await step(
      work,
      'leaves',
      () => makeLeaves(session, work, warehouse),
      (made) => `${made} created`,
    )
    for (const conversion of plan.conversions) {
      const name = shown(conversion.table)
      const before = befores.get(name) ?? {}
      await convert(session, work, conversion, {
        warehouse: warehouse.name,
        run,
        lease,
        jobs: options.jobs,
        before,
        backup: backups.get(name) ?? null,
      })
    }
    for (const conversion of plan.unmeasured)
      await validateInbound(session, work, conversionTables(conversion).table, conversion)
    await step(work, 'analyze', () => analyzeDatasets(session, warehouse, plan))
    await step(work, 'verify', () => verify(session, warehouse))
    await step(work, 'gains', () => measureAfter(session, plan))
    const gains = await recordedGains(session, warehouse)
    return { migrations: migrations.map(({ folder, file }) => `${folder.label}/${file.name}`), leaves, gains }
  })
}

/** Backs up the tables that are about to be converted; an interrupted conversion keeps the backup that it began with. */
async function backUp(
  session: Session,
  work: Work,
  plan: SetupPlan,
  run: number,
  { backupFolder: folder, jobs }: SetupOptions,
): Promise<Map<string, string>> {
  const wanted = plan.conversions.filter(({ resumes }) => !resumes?.backup)
  if (wanted.length === 0 || folder === undefined) return new Map()
  const { path } = await step(
    work,
    'backup',
    () =>
      createBackup(session, work, {
        ...{ folder, jobs, run },
        name: `setup-${safeName(session.target.database)}`,
        scope: tablesScope(wanted.map(({ table }) => table)),
        compression: standardCompression,
      }),
    ({ path, bytes, files }) =>
      `${path}: ${files} files, ${(bytes / 1024 ** 2).toFixed(1)} MB, hashed and proved`,
  )
  return new Map(wanted.map(({ table }) => [shown(table), path]))
}

async function makeLeaves(session: Session, work: Work, warehouse: Warehouse): Promise<number> {
  let made = 0
  for (const dataset of warehouse.datasets.filter(isPartitioned)) {
    const plan = await planDatasetLeaves(session, dataset)
    if (plan.state === 'missing') throw uncreated(dataset)
    made += (await createLeaves(session, work, plan)).length
  }
  return made
}

/** Autovacuum never analyzes a partitioned parent. What this run has converted was analyzed with it. */
async function analyzeDatasets(
  session: Session,
  warehouse: Warehouse,
  { conversions }: SetupPlan,
): Promise<void> {
  const converted = conversions.map(({ dataset }) => dataset.name)
  for (const dataset of warehouse.datasets.filter(({ name }) => !converted.includes(name))) {
    const target = await inspectTarget(session, dataset.target, dataset.partition)
    if (target.kind === 'partitioned') await session.run(`ANALYZE ${relation(dataset.target)}`)
  }
}

/** @throws DwhError CHECK_FAILED when a dataset does not stand as its policy says */
async function verify(session: Session, warehouse: Warehouse): Promise<void> {
  const problems: string[] = []
  for (const dataset of warehouse.datasets.filter(isPartitioned)) {
    const { target, leaves } = await listLeaves(session, dataset, false)
    if (target !== 'partitioned') problems.push(`${dataset.name} is ${target}`)
    for (const { leaf, state } of leaves)
      if (!['ok', 'sealed', 'seal void'].includes(state)) problems.push(`${leaf}: ${state}`)
  }
  if (problems.length > 0) {
    throw new DwhError('CHECK_FAILED', `setup ended, but not as the policies say: ${problems.join(', ')}`, {
      hint: 'run the same command again; see: dwh partitions list',
    })
  }
}
