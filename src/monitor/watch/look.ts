import { statfs } from 'node:fs/promises'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { hasState, sqlstate } from '../../postgres/sqlstate.ts'
import { inTransaction } from '../../postgres/transaction.ts'
import type { OtherRun } from './document.ts'
import {
  type BackfillRow,
  type Blocked,
  type Facts,
  grainOf,
  type LeafRow,
  type NotedRow,
  type PaceRow,
  type RejectRow,
  type SumRow,
  type WorkerRow,
} from './facts.ts'
import { latestRows } from './latest.ts'

/** Milliseconds that one statement of a look may take, and wait for a lock. */
const limits = { statement: 3000, lock: 250 }
/** Troubled chunks that are told one by one, of each state. */
const notedOfState = 5
/** The sample that causes of rejects are told from. */
const rejectSample = { loads: 20, ofLoad: 100 }
/** Connections whose blockers are asked for: each question stops the lock table for a moment. */
const mostBlocked = 3

/**
 * Prepares a session for looking: it can neither write nor keep others waiting for long. To compile a statement would take longer
 * than to run it.
 */
export async function prepareLooking(session: Session): Promise<void> {
  await session.run(
    `SET default_transaction_read_only = on; SET jit = off; SET statement_timeout = ${limits.statement}; SET lock_timeout = ${limits.lock}`,
  )
}

/**
 * One look: a handful of statements that read the ledger, the catalogue and the statistics, and no fact table but for a page
 * at the end of one leaf.
 *
 * @param runs backfills that are watched whatever becomes of them
 * @param findsAlive whether those with a worker alive are watched too
 */
export async function look(
  session: Session,
  runs: number[],
  findsAlive: boolean,
): Promise<Facts | undefined> {
  const facts = await inTransaction(
    session,
    () => lookInside(session, runs, findsAlive),
    'ISOLATION LEVEL REPEATABLE READ, READ ONLY',
  )
  if (!facts) return undefined
  const backfills = facts.backfills.map(({ backfill }) => backfill)
  const leaves = await estimates(session, facts.sums)
  return {
    ...facts,
    leaves,
    latest: await latestRows(session, backfills, leaves),
    diskLeft: await diskLeft(session),
  }
}

async function lookInside(session: Session, runs: number[], findsAlive: boolean) {
  const backfills = await session.rows<BackfillRow>(sql('monitor/watched_backfills'), [runs, findsAlive])
  const [first] = backfills
  if (!first) return undefined
  const numbers = backfills.map(({ backfill }) => backfill)
  const grains = backfills.map(grainOf)
  const sums = await session.rows<SumRow>(sql('monitor/chunk_sums'), [numbers, grains])
  const workers = await session.rows<WorkerRow>(sql('monitor/workers'), [numbers])
  const warehouses = new Map(backfills.map(({ backfill, warehouse }) => [backfill, warehouse]))
  const sources = [
    ...new Map(sums.map((row) => [`${row.backfill} ${row.dataset} ${row.source}`, row])).values(),
  ]
  const columns = <T>(rows: T[], ...values: ((row: T) => string)[]) => values.map((value) => rows.map(value))
  return {
    at: first.at,
    database: first.database,
    backfills,
    sums,
    noted: await session.rows<NotedRow>(sql('monitor/noted_chunks'), [numbers, notedOfState, grains]),
    workers,
    blocked: await blockedOf(session, workers),
    hosts: await session.rows<Facts['hosts'][number]>(sql('monitor/held_hosts')),
    paces: await session.rows<PaceRow>(
      sql('monitor/usual_pace'),
      columns(
        sources,
        ({ backfill }) => warehouses.get(backfill) as string,
        ({ dataset }) => dataset,
        ({ source }) => source,
      ),
    ),
    rejects: await session.rows<RejectRow>(sql('monitor/reject_causes'), [
      numbers,
      rejectSample.loads,
      rejectSample.ofLoad,
    ]),
    others: await session.rows<OtherRun>(sql('monitor/other_runs'), [
      [...numbers, ...workers.map(({ run }) => run)],
    ]),
  }
}

/** Where somebody locks a leaf, its size cannot be asked: that is when watching is needed most. */
async function estimates(session: Session, sums: SumRow[]): Promise<LeafRow[]> {
  const tables = [...new Map(sums.map((row) => [`${row.schema_name}.${row.table_name}`, row])).values()]
  const names = [tables.map(({ schema_name }) => schema_name), tables.map(({ table_name }) => table_name)]
  try {
    return await session.rows<LeafRow>(sql('monitor/estimates'), [...names, true])
  } catch (error) {
    if (!hasState(error, sqlstate.lockNotAvailable, sqlstate.queryCanceled)) throw error
    return await session.rows<LeafRow>(sql('monitor/estimates'), [...names, false])
  }
}

async function blockedOf(session: Session, workers: WorkerRow[]): Promise<Blocked[]> {
  const waiting = workers.flatMap(({ run, busy }) =>
    busy.filter(({ wait }) => wait.startsWith('Lock:')).map((one) => ({ ...one, worker: run })),
  )
  const found: Blocked[] = []
  for (const { worker, pid, application, seconds } of waiting.slice(0, mostBlocked)) {
    const by = await session.row<Blocked['by']>(sql('postgres/blockers'), [pid])
    if (by) found.push({ worker, pid, application, seconds: seconds ?? 0, by })
  }
  return found
}

/** Only where the server runs on this machine and its folder may be seen. */
async function diskLeft(session: Session): Promise<number | null> {
  const { local, folder } = await session.one<{ local: boolean; folder: string | null }>(
    sql('monitor/data_folder'),
  )
  if (!local || folder === null) return null
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return null
  }
}
