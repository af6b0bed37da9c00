/** One look at the backfills that are watched: what `dwh watch --once --json` prints and the screen draws. Rows of tables are estimates. */
export interface WatchDocument {
  /** By the clock of the server. */
  at: Date
  database: string
  backfills: WatchedBackfill[]
  workers: WatchedWorker[]
  /** Hosts that nobody may ask yet. */
  hosts: HeldHost[]
  /** Our connections that wait for a lock, and who stands in the way. */
  locks: LockWait[]
  /** The rows at the end of the leaf that was written last. */
  latest: LatestRows | null
  /** Other runs at work: loads, setup, backups. */
  others: OtherRun[]
  /** Bytes; null where the disk of the server cannot be seen from here. */
  disk_left: number | null
}

type CauseKind =
  | 'not_begun'
  | 'paused'
  | 'host'
  | 'lock'
  | 'worker_silent'
  | 'no_worker'
  | 'retry'
  | 'hours'
  | 'server'
  | 'source'
  | 'slow'
  | 'unknown'

/** Why nothing moves, or little. */
export interface Cause {
  kind: CauseKind
  text: string
  /** What to type, or what will happen by itself; null where nothing is to be done. */
  advice: string | null
}

export type BackfillState =
  | 'planned'
  | 'running'
  | 'slow'
  | 'stalled'
  | 'pausing'
  | 'paused'
  | 'cancelling'
  | 'cancelled'
  | 'done'
  | 'partly'
  | 'failed'

export interface WatchedBackfill {
  /** The number of its run. */
  backfill: number
  warehouse: string
  state: BackfillState
  /** Since when nothing has moved, where it is stalled. */
  stalled_since: Date | null
  /** Why it stands still or is slow, as far as can be told, and what to do about it. */
  cause: Cause | null
  created_at: Date
  ended_at: Date | null
  parallel: number
  chunks: ChunkCounts
  /** Records that have come so far, those of running chunks among them. */
  records: number
  rejected: number
  /** Part of the records that were not refused, 0 to 1; null before the first. */
  success: number | null
  /** Records a second, now. */
  rate: number | null
  /** Seconds. */
  eta: number | null
  /** `year`, or `month` and `day` where all windows lie in one year or one month. */
  grain: Grain
  datasets: WatchedDataset[]
  running: RunningChunk[]
  /** The newest that failed, were withheld, or will be tried again. */
  troubled: TroubledChunk[]
  rejects: RejectCauses
}

export type Grain = 'year' | 'month' | 'day'

/** Every chunk is in one of these but the first. */
export interface ChunkCounts {
  total: number
  done: number
  flagged: number
  quarantined: number
  failed: number
  cancelled: number
  running: number
  /** Will be tried again at a time. */
  waiting: number
  /** Not begun, or let go by a worker that died. */
  left: number
}

export interface WatchedDataset {
  dataset: string
  source: string
  /** Quoted where needed, with its schema. */
  table: string
  /** Estimate; null where the table is not there. */
  table_rows: number | null
  /** What one chunk of this source usually brings in a second, by the ledger; null before the third. */
  usual_rate: number | null
  periods: WatchedPeriod[]
}

export type PeriodState =
  | 'none'
  | 'planned'
  | 'running'
  | 'slow'
  | 'stalled'
  | 'failed'
  | 'quarantined'
  | 'done'
  | 'cancelled'

export interface WatchedPeriod {
  /** `2024`, `2024-03` or `2024-03-17`; null for a dataset without windows. */
  period: string | null
  /** Estimate of the rows that the table has of it; null where its leaves are not cut that way. */
  table_rows: number | null
  records: number
  rejected: number
  success: number | null
  rate: number | null
  eta: number | null
  state: PeriodState
  stalled_since: Date | null
  chunks: ChunkCounts
}

export interface RunningChunk {
  chunk: number
  place: number
  name: string
  worker: number
  /** 1 for the first try. */
  attempt: number
  /** Seconds since it was claimed. */
  seconds: number
  step: 'fetch' | 'load' | 'publish' | null
  rows: number
  rejects: number
  requests: number
  bytes: number
  /** Part of the step that is done, 0 to 1. */
  share: number | null
  rate: number | null
  waiting: { host: string; until: Date | null; reason: string } | null
  /** Nothing of it has moved since. */
  stalled_since: Date | null
}

export interface TroubledChunk {
  chunk: number
  name: string
  state: 'failed' | 'quarantined' | 'flagged' | 'waiting' | 'died'
  attempts: number
  /** When it ended, or when it will be tried again. */
  at: Date | null
  error_code: string | null
  /** The error, or the gates that it fell short of. */
  why: string
}

export interface RejectCauses {
  /** All of them. */
  rejected: number
  /** Of how many the causes were told apart: the newest loads' first ones. */
  examined: number
  causes: { kind: string; column: string | null; constraint: string | null; count: number; example: string }[]
}

export interface WatchedWorker {
  /** The number of its run. */
  run: number
  backfills: number[]
  host: string
  os_pid: number
  state: 'alive' | 'silent' | 'dead'
  chunks: number
  /** Seconds since its last sign of life; null where it never gave any. */
  heartbeat: number | null
}

export interface HeldHost {
  host: string
  until: Date
  reason: string
}

export interface LockWait {
  pid: number
  application: string
  /** What is waited for. */
  target: string
  seconds: number
  by: { pid: number; application: string; role: string; state: string; seconds: number | null; query: string }
}

export interface LatestRows {
  /** The leaf, with its schema. */
  table: string
  columns: string[]
  /** Cut to 40 characters a value, the newest first. */
  rows: (string | null)[][]
}

export interface OtherRun {
  run: number
  command: string
  datasets: string[]
  seconds: number
  /** Its last finished step. */
  step: string | null
}
