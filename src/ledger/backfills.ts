import { DwhError } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** What the user wants of a backfill; workers obey between two chunks. */
export type Wanted = 'run' | 'pause' | 'cancel'

/** How the chunks of a backfill are worked on, whoever works on them. */
export interface BackfillSettings {
  /** Rows of scope and window are replaced; the former ones are kept for undo. */
  force: boolean
  /** Seconds between two requests, instead of the source's own. */
  delay: number | null
  /** Tries of a chunk after the first. */
  retries: number
  /** The first chunk that fails stops the rest. */
  stop_on_error: boolean
  /** Such as `Mon-Fri 20:00-06:00 Europe/Paris`: outside, no chunk is begun. */
  hours: string | null
  /** By dataset: those whose chunks of the same days must have come before one of it is begun. */
  after?: Record<string, string[]>
}

/** What a backfill is, derived from its chunks. */
export type BackfillState = 'running' | 'paused' | 'waiting' | 'cancelled' | 'done' | 'partly' | 'failed'

/** A backfill with its chunks counted by state. */
export interface Backfill {
  /** The number of the run that planned it. */
  backfill: number
  warehouse: string
  wanted: Wanted
  wanted_at: Date
  /** Chunks at the same time, of all workers together. */
  parallel: number
  settings: BackfillSettings
  created_at: Date
  datasets: string[]
  chunks: number
  planned: number
  /** For another try. */
  waiting: number
  running: number
  died: number
  done: number
  flagged: number
  quarantined: number
  failed: number
  cancelled: number
  /** Of those that were done, by a later chunk of the same window. */
  superseded: number
  undone: number
  /** That came into the tables, or were there already. */
  rows: number
  window_from: string | null
  window_to: string | null
  ended_at: Date | null
  /** Somebody works on it, or waits to. */
  at_work: boolean
}

/** A backfill as its workers look at it every second. */
export interface OpenWork {
  wanted: Wanted
  parallel: number
  settings: BackfillSettings
  chunks: number
  /** Not ended, claimed ones among them. */
  open: number
  /** Claimed by whoever asks, and by other workers. */
  mine: number
  others: number
  /** Failed or quarantined. */
  short: number
}

/** To be called in the transaction that plans its chunks. */
export async function openBackfill(
  session: Session,
  backfill: number,
  warehouse: string,
  parallel: number,
  settings: BackfillSettings,
): Promise<void> {
  await session.run(sql('ledger/open_backfill'), [backfill, warehouse, parallel, settings])
}

/** @returns undefined where there is no such backfill */
export async function openWork(
  session: Session,
  backfill: number,
  worker: number,
): Promise<OpenWork | undefined> {
  return session.row<OpenWork>(sql('ledger/open_work'), [backfill, worker])
}

export interface BackfillFilter {
  /** 20 unless given. */
  limit?: number | undefined
  warehouse?: string | undefined
  backfill?: number | undefined
  /** Only those with chunks that have not ended. */
  open?: boolean
}

/** Newest first. */
export async function listBackfills(session: Session, filter: BackfillFilter = {}): Promise<Backfill[]> {
  const { limit = 20, warehouse, backfill, open = false } = filter
  return session.rows<Backfill>(sql('ledger/list_backfills'), [
    limit,
    warehouse ?? null,
    backfill ?? null,
    open,
  ])
}

/** @throws DwhError USAGE when there is none of this number */
export async function findBackfill(session: Session, backfill: number): Promise<Backfill> {
  const [found] = await listBackfills(session, { backfill })
  if (found) return found
  throw new DwhError('USAGE', `run ${backfill} is no backfill`, { hint: 'see: dwh backfill list' })
}

export function stateOf(backfill: Backfill): BackfillState {
  const { chunks, wanted, at_work, ended_at, cancelled, failed, quarantined } = backfill
  if (ended_at === null) return wanted === 'pause' ? 'paused' : at_work ? 'running' : 'waiting'
  if (cancelled > 0 && cancelled === chunks) return 'cancelled'
  if (failed > 0 && failed === chunks) return 'failed'
  return cancelled + failed + quarantined > 0 ? 'partly' : 'done'
}

/** Says what is wanted of a backfill from now on; what is undefined stays as it is. */
export async function want(
  session: Session,
  backfill: number,
  wanted: Wanted | undefined,
  parallel?: number | undefined,
): Promise<void> {
  await session.run(sql('ledger/want_backfill'), [backfill, wanted ?? null, parallel ?? null])
}
