import { type LastDone, lastDone } from '../ledger/jobs.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import type { Session } from '../postgres/session.ts'
import { longestPeriod, type Times } from './due.ts'

/** A job that has done nothing for longer than it may. */
export interface Silent extends LastDone {
  /** Seconds that it may be silent. */
  allowed: number
}

/** Seconds beyond its period that every job may be silent. */
const leastSilence = 3600

/**
 * The dead-man's check: jobs that have not done what they are there for within their longest period and a little more, whatever
 * their exit codes said. A job that is paused is no silent one.
 */
export async function silentJobs(session: Session, warehouse: string): Promise<Silent[]> {
  if (!(await ledgerPresence(session)).has_slots) return []
  const jobs = await lastDone(session, warehouse)
  return jobs.flatMap((job) => {
    // Most jobs, at most times: whoever runs hundreds must not walk through hundreds of years.
    if (job.definition.dead_after === null && job.seconds <= leastSilence) return []
    const allowed = allowedSilence(job)
    return job.paused_at === null && job.seconds > allowed ? [{ ...job, allowed }] : []
  })
}

/** An hour, or a tenth of the period, for starting late and for working long. */
function allowedSilence({ definition, known_from, done_at }: LastDone): number {
  if (definition.dead_after !== null) return definition.dead_after
  const period = periodOf(definition, (done_at ?? known_from).getTime())
  return period + Math.max(leastSilence, period / 10)
}

/** Without the changes of its clock where this machine does not know its zone. */
function periodOf({ cron, zone }: Times, after: number): number {
  try {
    return longestPeriod({ cron, zone }, after)
  } catch (error) {
    if (error instanceof RangeError) return longestPeriod({ cron, zone: 'UTC' }, after)
    throw error
  }
}
