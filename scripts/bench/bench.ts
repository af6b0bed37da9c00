import type { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'

/** What one way of doing some work costs; fields that do not apply are absent. */
export interface Figures {
  /** Median of the rounds. */
  seconds?: number
  /** To the unit of the bench, measured in the same run. */
  ratio?: number
  rows_per_s?: number
  /** Peak memory of the process, without the server. */
  rss_mb?: number
  /** Worst wait of a probe that reads, and of one that writes, every few milliseconds. */
  worst_wait_ms?: number
  worst_write_wait_ms?: number
  bytes?: number
  /** Of the bytes, to the first way of the same work. */
  bytes_ratio?: number
  /** The ratio must not be above. */
  bar?: number
}

/** A line of the result. */
export interface BenchRow extends Figures {
  work: string
  way: string
}

/** One way of doing some work. */
export interface Way {
  work: string
  way: string
  bar?: number
  /** Brings the database to the state from which the work starts; not counted. */
  prepare(): Promise<void>
  /** The work itself; counted. What it returns goes into the row. */
  run(): Promise<Figures>
}

/** The server of a bench, which has it for itself. */
export interface BenchServer {
  target: Target
  /** A session on a database of the server. */
  open(database?: string): Promise<Session>
}

/** A benchmark: every way of doing the work, side by side. */
export interface Bench {
  name: string
  summary: string
  /** Rows unless --rows says otherwise. */
  rows: number
  /** The work and the way that all ratios are to. */
  unit: { work: string; way: string }
  ways(server: BenchServer, rows: number): Promise<Way[]>
}
