import type { LockWait } from '../events.ts'
import type { Wanted } from './backfills.ts'

/** How a chunk has ended. */
export type ChunkOutcome = 'done' | 'flagged' | 'quarantined' | 'failed' | 'cancelled'

export type ChunkState = 'planned' | 'waiting' | 'running' | 'died' | ChunkOutcome | 'superseded' | 'undone'

/** A chunk to be done: one window of one dataset and source with its parameters. */
export interface NewChunk {
  dataset: string
  source: string
  schema_name: string
  table_name: string
  /** The first day, and the day after the last, such as 2024-01-31; null for a dataset without windows. */
  window_from: string | null
  window_to: string | null
  /** IANA name of the zone whose days these are. */
  zone: string
  parameters: Record<string, string>
  /** Hash of what turns the source into rows. */
  code: string
}

/** How far an attempt is. */
export interface ChunkProgress {
  step: 'fetch' | 'load' | 'publish'
  rows: number
  bytes: number
  requests: number
  rejects: number
  /** Of `total`, where a total is known: bytes of the input. */
  done: number
  total: number
  /** Why nothing happens at the moment. */
  waiting?: {
    host: string
    until: string
    reason: string
    /** Of a lock: since when, and who stands in the way, where that was seen. */
    lock?: { since: string; by: LockWait['by'] }
  }
}

/** What a chunk has brought. */
export interface ChunkFigures {
  records: number
  inserted: number
  updated: number
  unchanged: number
  moved: number
  replaced: number
  duplicates: number
  rejected: number
  /** Rows of the input outside the window, left out. */
  outside: number
  /** Those of them that lie in no window that is planned or done either; older chunks do not know it. */
  unplanned?: number
  /** Its files were not there, which may be. */
  absent?: boolean
  /** Rows that the source said there are. */
  announced: number | null
  requests: number
  /** That came from the source. */
  bytes: number
  seconds: number
}

/** What a gate has found; `found` and `wanted` are shares, or rows. */
export interface GateResult {
  gate: 'coverage' | 'volume' | 'invalid' | 'alignment'
  passed: boolean
  found: number | null
  wanted: number | null
  note: string
}

/** Rows and hash of scope and window, as src/proof/hash.ts makes them. */
export interface StoredProof {
  rows: number
  hash_1: string
  hash_2: string
  algorithm: string
  /** SQL, true for those rows and for no others; older proofs do not say it. */
  condition?: string
}

/** A chunk as the ledger has it. */
export interface Chunk extends NewChunk {
  chunk: number
  backfill: number
  place: number
  attempts: number
  /** The run that has claimed it. */
  worker: number | null
  claimed_at: Date | null
  retry_at: Date | null
  progress: ChunkProgress | null
  progressed_at: Date | null
  ended_at: Date | null
  outcome: ChunkOutcome | null
  error_code: string | null
  error: string | null
  fingerprint: string | null
  watermark: string | null
  load: number | null
  figures: ChunkFigures | null
  gates: GateResult[] | null
  proof: StoredProof | null
  superseded_by: number | null
  undone_at: Date | null
  state: ChunkState
}

/** What has become of a window before. */
export interface PastChunk extends Pick<Chunk, 'chunk' | 'backfill' | 'dataset' | 'source' | 'window_from'> {
  window_to: string | null
  parameters: Record<string, string>
  code: string
  outcome: ChunkOutcome | null
  ended_at: Date | null
  undone: boolean
  error_code: string | null
  error: string | null
  fingerprint: string | null
  watermark: string | null
  /** It is done without its files, which were not there. */
  absent: boolean
  rows: number
  seconds: number
  /** Of its backfill. */
  wanted: Wanted
  /** It has not ended, and somebody alive works on its backfill. */
  at_work: boolean
}

/** A chunk that a worker may work on; nobody else may. */
export interface Claim extends Omit<NewChunk, 'schema_name' | 'table_name'> {
  chunk: number
  backfill: number
  place: number
  worker: number
  /** Number of this attempt, from 1. */
  attempts: number
  /** The same, since somebody has opened the chunk once more. */
  tries: number
  /** That the chunk which counts for its window until now has brought; null where there is none. */
  former_rows: number | null
  /** Where the last one of this window and these parameters has stopped. */
  watermark: string | null
}

/** The end of a chunk that has come to its end. */
export interface ChunkResult {
  outcome: 'done' | 'flagged' | 'quarantined'
  /** Undefined for a window without rows. */
  load: number | undefined
  fingerprint: string
  watermark: string | undefined
  figures: ChunkFigures
  gates: GateResult[]
  proof: StoredProof | undefined
}
