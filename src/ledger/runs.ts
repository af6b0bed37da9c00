import { hostname, userInfo } from 'node:os'
import type { DwhError } from '../errors.ts'
import { packageVersion } from '../package.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

export type RunState = 'ok' | 'partly' | 'failed' | 'interrupted' | 'running' | 'died'

/** One execution of a command, as the ledger has it. */
export interface Run {
  run: number
  command: string
  words: string[]
  warehouse: string | null
  datasets: string[]
  version: string
  host: string
  os_user: string
  state: RunState
  started_at: Date
  ended_at: Date | null
  seconds: number
  exit_code: number | null
  error_code: string | null
  error: string | null
  summary: unknown
  log_path: string | null
}

/** An event that the ledger kept. */
export interface KeptEvent {
  at: Date
  kind: string
  data: Record<string, unknown>
}

/**
 * Opens a run on a session that must stay open until the run ends: its backend is the sign of life.
 *
 * @returns the number of the run
 */
export async function startRun(
  session: Session,
  command: string,
  words: string[],
  warehouse: string | null,
  datasets: string[],
): Promise<number> {
  const { run } = await session.one<{ run: number }>(sql('ledger/start_run'), [
    command,
    words,
    warehouse,
    packageVersion,
    hostname(),
    userInfo().username,
    process.pid,
    datasets,
  ])
  return run
}

/** The run goes on with this session as its sign of life, after the server has ended the first. */
export async function renewRun(session: Session, run: number): Promise<void> {
  await session.run(sql('ledger/renew_run'), [run])
}

export async function setLogPath(session: Session, run: number, path: string): Promise<void> {
  await session.run(sql('ledger/set_log_path'), [run, path])
}

/** Closes a run; `summary` is what `--json` printed. */
export async function endRun(session: Session, run: number, error: DwhError | undefined, summary?: unknown) {
  await session.run(sql('ledger/end_run'), [
    run,
    error?.exit ?? 0,
    error?.code ?? null,
    error?.message ?? null,
    summary === undefined ? null : JSON.stringify(summary),
  ])
}

export async function keepEvent(session: Session, run: number, kind: string, data: object): Promise<void> {
  await session.run(sql('ledger/keep_event'), [run, kind, JSON.stringify(data)])
}

/** The newest `limit` runs. */
export async function listRuns(
  session: Session,
  limit: number,
  state: RunState | null = null,
): Promise<Run[]> {
  return session.rows<Run>(sql('ledger/list_runs'), [limit, state])
}

export async function findRun(session: Session, run: number): Promise<Run | undefined> {
  return session.row<Run>(sql('ledger/show_run'), [run])
}

export async function listEvents(session: Session, run: number): Promise<KeptEvent[]> {
  return session.rows<KeptEvent>(sql('ledger/list_events'), [run])
}

/** Deletes runs older than `seconds`, and says where their logs are. */
export async function pruneRuns(session: Session, seconds: number) {
  return session.rows<{ run: number; host: string; log_path: string | null }>(sql('ledger/prune_runs'), [
    seconds,
  ])
}

/** The last run that changed each dataset. */
export async function findLastDatasetRuns(session: Session, warehouse: string) {
  return session.rows<Pick<Run, 'run' | 'command' | 'state' | 'started_at'> & { dataset: string }>(
    sql('ledger/last_dataset_runs'),
    [warehouse],
  )
}
