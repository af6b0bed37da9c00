import type { LockWait } from '../../events.ts'
import type { BackfillSettings, Wanted } from '../../ledger/backfills.ts'
import type { Blocker } from '../../postgres/ladder.ts'
import type { Grain, HeldHost, LatestRows, OtherRun } from './document.ts'

/** What one look has seen, as the ledger and the catalogue have it. */
export interface Facts {
  at: Date
  database: string
  backfills: BackfillRow[]
  sums: SumRow[]
  noted: NotedRow[]
  workers: WorkerRow[]
  blocked: Blocked[]
  hosts: HeldHost[]
  leaves: LeafRow[]
  paces: PaceRow[]
  rejects: RejectRow[]
  latest: LatestRows | null
  others: OtherRun[]
  diskLeft: number | null
}

export interface BackfillRow {
  backfill: number
  warehouse: string
  wanted: Wanted
  wanted_at: Date
  parallel: number
  settings: Pick<BackfillSettings, 'hours'>
  created_at: Date
  at: Date
  database: string
  first_day: string | null
  last_day: string | null
  /** null while a chunk is open. */
  ended_at: Date | null
  has_begun: boolean
}

export type ChunkState =
  | 'planned'
  | 'waiting'
  | 'running'
  | 'died'
  | 'done'
  | 'flagged'
  | 'quarantined'
  | 'failed'
  | 'cancelled'

/** Chunks of one state in one period. */
export interface SumRow {
  backfill: number
  dataset: string
  source: string
  schema_name: string
  table_name: string
  zone: string
  period: string | null
  state: ChunkState
  chunks: number
  days: number
  records: number
  rejected: number
  seconds: number
  ended_at: Date | null
}

export interface Progress {
  step?: 'fetch' | 'load' | 'publish'
  rows?: number
  bytes?: number
  requests?: number
  rejects?: number
  done?: number
  total?: number
  waiting?: { host?: string; until?: string; reason?: string; lock?: { since: string; by: LockWait['by'] } }
}

export interface NotedRow {
  chunk: number
  backfill: number
  place: number
  dataset: string
  source: string
  window_from: string | null
  window_to: string | null
  period: string | null
  days: number
  parameters: Record<string, string>
  attempts: number
  worker: number | null
  claimed_at: Date | null
  retry_at: Date | null
  progress: Progress | null
  progressed_at: Date | null
  ended_at: Date | null
  state: ChunkState
  error_code: string | null
  error: string | null
  gates: { gate: string; passed: boolean; found?: number; wanted?: number; note?: string }[] | null
}

export interface WorkerRow {
  run: number
  host: string
  os_pid: number
  state: 'running' | 'died'
  backfills: number[]
  chunks: number
  heartbeat: number | null
  expired: boolean | null
  busy: { pid: number; application: string; seconds: number | null; wait: string; query: string }[]
}

/** A connection of a worker that waits for a lock, with who stands in its way. */
export interface Blocked {
  worker: number
  pid: number
  application: string
  seconds: number
  by: Blocker
}

export interface LeafRow {
  schema: string
  name: string
  leaf_schema: string
  leaf_name: string
  leaf: number
  bound: string | null
  rows: number
  key_types: string[]
}

export interface PaceRow {
  warehouse: string
  dataset: string
  source: string
  chunks: number
  rate: number | null
  seconds_a_day: number | null
}

export interface RejectRow {
  backfill: number
  kind: string
  column: string | null
  constraint: string | null
  count: number
  example: string
}

/** By which windows are told apart: the finest that leaves a few lines. */
export function grainOf({ first_day, last_day }: BackfillRow): Grain {
  if (first_day === null || last_day === null || first_day.slice(0, 4) !== last_day.slice(0, 4)) return 'year'
  return first_day.slice(0, 7) === last_day.slice(0, 7) ? 'day' : 'month'
}
