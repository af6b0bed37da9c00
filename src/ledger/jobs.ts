import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** A job as the ledger keeps it: whoever plans its slots reads it there, so that all plan the same. Spans are seconds. */
export interface JobDefinition {
  cron: string
  zone: string
  /** Commands, each as it would be typed behind `dwh`. */
  run: string[]
  /** Jobs whose earlier slots come first; absent where a daemon of before wrote it. */
  after?: string[]
  misfire: 'once' | 'all' | 'skip'
  overlap: 'skip' | 'queue' | 'cancel'
  window: string | null
  timeout: number | null
  late_after: number
  dead_after: number | null
}

export interface Job {
  job: string
  definition: JobDefinition
  /** What was due before is nobody's. */
  known_from: Date
  /** Every due time up to it has its slot. */
  planned_to: Date
  paused_at: Date | null
  paused_by: string | null
  /** Since when the warehouse file has it no more. */
  gone_at: Date | null
  /** By the clock of the server. */
  now: Date
}

/** `clock` stands in for the server's own in tests. */
export type Clock = Date | null

/** Writes down what the warehouse file has of some jobs. */
export async function seeSome(
  session: Session,
  warehouse: string,
  jobs: Iterable<[string, JobDefinition]>,
  clock: Clock = null,
): Promise<void> {
  for (const [job, definition] of jobs)
    await session.run(sql('ledger/see_job'), [warehouse, job, JSON.stringify(definition), clock])
}

/** Writes down what the warehouse file has; what it has no more is gone. */
export async function seeJobs(
  session: Session,
  warehouse: string,
  jobs: ReadonlyMap<string, JobDefinition>,
  clock: Clock = null,
): Promise<void> {
  await seeSome(session, warehouse, jobs, clock)
  await session.run(sql('ledger/forget_jobs'), [warehouse, [...jobs.keys()]])
}

export async function listJobs(
  session: Session,
  warehouse: string,
  clock: Clock = null,
): Promise<(Job & { has_open: boolean })[]> {
  return session.rows<Job & { has_open: boolean }>(sql('ledger/list_jobs'), [warehouse, clock])
}

/** To be called in a transaction: until its end nobody else decides about the job. Undefined where somebody does already. */
export async function lockJob(
  session: Session,
  warehouse: string,
  job: string,
  clock: Clock = null,
): Promise<Job | undefined> {
  return session.row<Job>(sql('ledger/lock_job'), [warehouse, job, clock])
}

/** As lockJob, but waits for whoever decides about it. */
export async function waitForJob(
  session: Session,
  warehouse: string,
  job: string,
  clock: Clock = null,
): Promise<Job | undefined> {
  return session.row<Job>(sql('ledger/wait_for_job'), [warehouse, job, clock])
}

/** @returns how many there are of them */
export async function pauseJobs(session: Session, warehouse: string, jobs: string[], by: string) {
  return session.run(sql('ledger/pause_job'), [warehouse, jobs, by])
}

export async function resumeJob(session: Session, warehouse: string, job: string): Promise<void> {
  await session.run(sql('ledger/resume_job'), [warehouse, job])
}

/** When a job last did what it is there for, whatever its exit codes said; null where it never did. */
export interface LastDone {
  job: string
  definition: JobDefinition
  known_from: Date
  paused_at: Date | null
  done_at: Date | null
  /** Since then, or since the job is known. */
  seconds: number
}

export async function lastDone(session: Session, warehouse: string): Promise<LastDone[]> {
  return session.rows<LastDone>(sql('ledger/last_done'), [warehouse])
}
