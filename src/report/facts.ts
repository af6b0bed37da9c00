import { BackupFolder, backupsOf } from '../backup/folder.ts'
import { listBackups } from '../backup/list.ts'
import type { Answer } from '../doctor/answer.ts'
import { examineHealth } from '../doctor/examine.ts'
import { type Alert, listAlerts } from '../ledger/alerts.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import { findLastDatasetRuns } from '../ledger/runs.ts'
import { freshness } from '../partitions/freshness.ts'
import { type Disk, serverDisk } from '../postgres/disk.ts'
import { shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Statement } from '../postgres/sql-files.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { spanSeconds } from '../warehouse/values.ts'
import { expectedBytes } from './bloat.ts'
import { type DatasetGrowth, growthOf, type SizeRow } from './growth.ts'
import type { Period } from './period.ts'
import { runways } from './runways.ts'

/** A leaf, or a table without leaves; rows are estimates of the server, null before the first ANALYZE. */
export interface LeafFacts {
  leaf: string
  rows: number | null
  heap_bytes: number
  index_bytes: number
  toast_bytes: number
  dead_rows: number
  dead_share: number
  /** Of the heap what the live rows do not need, by the statistics of the last ANALYZE; null before the first. */
  free_bytes: number | null
  compression: string | null
  analyzed_at: Date | null
}

export interface DatasetFacts {
  dataset: string
  table: string
  kind: 'partitioned' | 'plain' | 'missing'
  rows: number
  bytes: number
  dead_rows: number
  dead_share: number
  free_bytes: number | null
  freshness: string | null
  /** Days to the end of its leaves; null where no policy makes any by the clock. */
  runway_days: number | null
  last_run: { run: number; command: string; state: string; started_at: Date } | null
  growth: DatasetGrowth
  leaves: LeafFacts[]
}

export interface SlotFacts {
  due_at: Date
  state: string
  reason: string | null
  seconds: number | null
}

/** Everything that a report says. Read from the catalogue and the ledger; no row of a fact is read for it, and nothing changed. */
export interface ReportFacts {
  warehouse: string
  description: string | null
  database: string
  taken_at: Date
  /** What it is about: from its first moment to that after its last. */
  from: Date
  until: Date
  server: {
    version: string
    bytes: number
    cache_hit: number | null
    oldest_transaction: number
    freeze_age: number
    uptime: number
    deadlocks: number
    temp_bytes: number
  }
  /** Null where it cannot be seen from here. `days_left`: at the pace of the period; null where nothing grows or is known. */
  disk: (Disk & { days_left: number | null }) | null
  datasets: DatasetFacts[]
  days: string[]
  runs: { day: string; good: number; partly: number; bad: number }[]
  failed: {
    run: number
    command: string
    state: string
    started_at: Date
    error_code: string | null
    error: string | null
  }[]
  slow: { run: number; command: string; step: string; seconds: number; at: Date }[]
  jobs: { job: string; slots: SlotFacts[] }[]
  tasks: {
    name: string
    done: number
    nothing: number
    skipped: number
    failed: number
    seconds: number
    freed: number
  }[]
  backups: {
    count: number
    bytes: number
    last_at: string | null
    last_good_drill_at: string | null
    failed: number
  } | null
  alerts: Pick<Alert, 'condition' | 'subject' | 'message' | 'opened_at'>[]
  answers: Answer[]
}

/** How many of the slowest steps and failed runs are told. */
const mostTold = 12
/** Slots of one job that a strip has room for. */
const mostSlots = 120

export async function reportFacts(
  session: Session,
  warehouse: Warehouse,
  period: Period,
): Promise<ReportFacts> {
  const { from, until } = period
  const span = [warehouse.name, from, until]
  const hasSlots = (await ledgerPresence(session)).has_slots
  const ledger = async <T>(query: Statement, ...more: (string | number | Date)[]) =>
    hasSlots ? await session.rows<T>(query, [...span, ...more]) : []
  const server = await session.one<ReportFacts['server'] & { now: Date }>(sql('report/server'))
  const sizes = await ledger<SizeRow>(sql('report/sizes'))
  const disk = await serverDisk(session)
  const datasets = await datasetFacts(session, warehouse, sizes, hasSlots)
  const pace = datasets.reduce((sum, { growth }) => sum + (growth.bytes_per_day ?? 0), 0)
  const slots = await ledger<SlotFacts & { job: string }>(sql('report/slots'), mostSlots)
  const backups = await backupFacts(warehouse)
  const { now, ...figures } = server
  return {
    warehouse: warehouse.name,
    description: warehouse.description ?? null,
    database: session.target.database,
    ...{ taken_at: now, from, until, server: figures },
    disk: disk ? { ...disk, days_left: pace > 0 ? Math.floor(disk.free / pace) : null } : null,
    datasets,
    days: [...new Set(sizes.map(({ day }) => day))],
    runs: await ledger(sql('report/runs_by_day')),
    failed: await ledger(sql('report/failed_runs'), mostTold),
    slow: await ledger(sql('report/slow_steps'), mostTold),
    jobs: [...Map.groupBy(slots, ({ job }) => job)].map(([job, ofJob]) => ({
      job,
      slots: ofJob.map(({ due_at, state, reason, seconds }) => ({ due_at, state, reason, seconds })),
    })),
    tasks: await ledger(sql('report/tasks')),
    backups,
    alerts: hasSlots
      ? (await listAlerts(session, warehouse.name, [], true)).map(
          ({ condition, subject, message, opened_at }) => ({ condition, subject, message, opened_at }),
        )
      : [],
    answers: await examineHealth(session, warehouse.datasets, {
      warehouse: warehouse.name,
      backups: {
        folder: backupsOf(warehouse),
        drillDays: warehouse.backup.drill.every ? spanSeconds(warehouse.backup.drill.every) / 86_400 : 30,
      },
    }),
  }
}

type LeafRow = Omit<LeafFacts, 'leaf' | 'free_bytes'> & {
  oid: number
  place: number
  schema: string
  name: string
  is_leaf: boolean
}

async function datasetFacts(
  session: Session,
  { name: warehouse, datasets }: Warehouse,
  sizes: SizeRow[],
  hasLedger: boolean,
): Promise<DatasetFacts[]> {
  const rows = await session.rows<LeafRow>(sql('report/leaves'), [
    datasets.map(({ target }) => target.schema),
    datasets.map(({ target }) => target.name),
  ])
  const expected = await expectedBytes(session, rows)
  const last = hasLedger ? await findLastDatasetRuns(session, warehouse) : []
  const reach = await runways(session, datasets)
  const facts: DatasetFacts[] = []
  for (const [index, dataset] of datasets.entries()) {
    const own = rows.filter(({ place }) => place === index + 1)
    const leaves = own.map(({ oid, place: _, schema, name, is_leaf: __, ...leaf }) => {
      const live = expected.get(oid) ?? null
      const free = live === null ? null : Math.max(0, leaf.heap_bytes - live)
      return { leaf: shown({ schema, name }), ...leaf, free_bytes: free }
    })
    const dead = sum(leaves, ({ dead_rows }) => dead_rows)
    const live = sum(leaves, ({ rows }) => rows ?? 0)
    const run = last.find((one) => one.dataset === dataset.name)
    facts.push({
      dataset: dataset.name,
      table: shown(dataset.target),
      kind: own.length === 0 ? 'missing' : own[0]?.is_leaf ? 'partitioned' : 'plain',
      rows: live,
      bytes: sum(leaves, bytesOf),
      dead_rows: dead,
      dead_share: dead + live > 0 ? dead / (dead + live) : 0,
      free_bytes: leaves.some((leaf) => leaf.free_bytes !== null)
        ? sum(leaves, (leaf) => leaf.free_bytes ?? 0)
        : null,
      freshness: own.length > 0 ? await freshness(session, dataset) : null,
      runway_days: reach.get(dataset.name) ?? null,
      last_run: run
        ? { run: run.run, command: run.command, state: run.state, started_at: run.started_at }
        : null,
      growth: growthOf(sizes, dataset.name),
      leaves,
    })
  }
  return facts
}

export const bytesOf = ({ heap_bytes, index_bytes, toast_bytes }: LeafFacts) =>
  heap_bytes + index_bytes + toast_bytes

async function backupFacts(warehouse: Warehouse): Promise<ReportFacts['backups']> {
  // A folder that cannot be read from here says nothing about backups.
  const found = await listBackups(new BackupFolder(backupsOf(warehouse))).catch(() => undefined)
  if (!found) return null
  return {
    count: found.backups.length,
    bytes: sum(found.backups, ({ bytes }) => bytes),
    last_at: found.backups[0]?.manifest.made_at ?? null,
    last_good_drill_at:
      found.backups
        .flatMap(({ lastGoodDrill }) => lastGoodDrill ?? [])
        .toSorted()
        .at(-1) ?? null,
    failed: found.failed.length,
  }
}

function sum<T>(all: T[], value: (one: T) => number): number {
  return all.reduce((total, one) => total + value(one), 0)
}
