import { isDeepStrictEqual } from 'node:util'
import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import {
  type Clock,
  type Job,
  type JobDefinition,
  listJobs,
  lockJob,
  resumeJob,
  waitForJob,
} from '../ledger/jobs.ts'
import { Lease } from '../ledger/lease.ts'
import {
  cancelSlot,
  leaveSlot,
  type OpenSlot,
  openSlots,
  planSlots,
  queueSlot,
  slotLease,
  startSlot,
} from '../ledger/slots.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { isOpen, readHours } from '../warehouse/hours.ts'
import { dueTimes } from './due.ts'
import { decide, type Policies } from './policies.ts'

/** Who attends to the slots of a warehouse. */
export interface Attendant {
  warehouse: string
  /** The number of its run. */
  run: number
  /** `host:pid` */
  holder: string
  /** Jobs as its warehouse file has them. What another file has made of one is planned, and left to others. */
  jobs: ReadonlyMap<string, JobDefinition>
  clock: Clock
}

/** A slot that is ours to run, for as long as its lease is. */
export interface Claim {
  slot: OpenSlot
  definition: JobDefinition
  lease: Lease
}

/** Seconds that a slot stays with a daemon that gives no sign of life. */
const timeToLive = 15

/** Due times that are planned in one transaction. */
const batch = 5000

/** Whoever stands still while it decides about a job keeps all others from it: not for long. */
const patience = "SET LOCAL idle_in_transaction_session_timeout = '10s'"

/**
 * Decides about the slots of one job: plans what is due by now, ends what nobody will run, and claims the one that is to run. All
 * of it under the lock of the job, so that of many daemons each sees what the others have decided.
 *
 * @returns undefined where there is nothing to run, or somebody else decides right now
 */
export async function attend(
  session: Session,
  work: Work,
  attendant: Attendant,
  name: string,
): Promise<Claim | undefined> {
  let claim: Claim | undefined
  try {
    await inTransaction(session, async () => {
      await session.run(patience)
      const job = await lockJob(session, attendant.warehouse, name, attendant.clock)
      if (!job) return
      await plan(session, attendant.warehouse, job)
      const slots = await openSlots(session, attendant.warehouse, name)
      const slot = await settle(session, job, slots)
      if (slot && isDeepStrictEqual(attendant.jobs.get(name), job.definition))
        claim = await take(session, work, attendant, job, slot)
    })
    return claim
  } catch (error) {
    await claim?.lease[Symbol.asyncDispose]()
    throw error
  }
}

/** Whether `attend` would do something; from what was read without a lock. */
export function wantsAttention(job: Job, slots: OpenSlot[]): boolean {
  const isDue = isPlannable(job) && !dueUntilNow(job).next().done
  return isDue || decide(policiesOf(job), slots, job.now.getTime()).length > 0
}

/** A clock that was put back makes no slots; one that was put forward makes those in between. */
function dueUntilNow({ definition, planned_to, now }: Job) {
  return dueTimes(definition, planned_to.getTime(), now.getTime())
}

const isPlannable = ({ gone_at }: Job) => gone_at === null

async function plan(session: Session, warehouse: string, job: Job): Promise<void> {
  if (!isPlannable(job) || job.planned_to >= job.now) return
  let due: Date[] = []
  for (const { at } of dueUntilNow(job)) {
    due.push(new Date(at))
    if (due.length < batch) continue
    await planSlots(session, warehouse, job.job, due, new Date(at), job.now)
    due = []
  }
  await planSlots(session, warehouse, job.job, due, job.now, job.now)
}

/** Writes down what has been decided; the slot that is to run is returned. */
async function settle(session: Session, job: Job, slots: OpenSlot[]): Promise<OpenSlot | undefined> {
  let chosen: OpenSlot | undefined
  for (const decision of decide(policiesOf(job), slots, job.now.getTime())) {
    const { slot, act } = decision
    if (act === 'run') chosen = slots.find((one) => one.slot === slot)
    if (act === 'queue') await queueSlot(session, slot, job.now)
    if (act === 'cancel') await cancelSlot(session, slot, job.now)
    if (act === 'give up') await leaveSlot(session, slot, 'late', decision.reason, job.now, 1)
    if (act === 'leave') await leaveSlot(session, slot, decision.outcome, decision.reason, job.now)
  }
  return chosen
}

function policiesOf({ definition, now, paused_at, paused_by, gone_at }: Job): Policies {
  const { misfire, overlap, late_after, window } = definition
  const closed = gone_at
    ? 'the warehouse file has the job no more'
    : paused_at
      ? `paused since ${paused_at.toISOString().slice(0, 19)}Z by ${paused_by}`
      : undefined
  const instant = Temporal.Instant.fromEpochMilliseconds(now.getTime())
  const isWithinWindow = window === null || isOpen(readHours(window), instant)
  return { misfire, overlap, lateAfter: late_after * 1000, closed, isGone: gone_at !== null, isWithinWindow }
}

async function take(
  session: Session,
  work: Work,
  { run, holder }: Attendant,
  { definition, now }: Job,
  slot: OpenSlot,
): Promise<Claim | undefined> {
  let lease: Lease
  try {
    lease = await Lease.take(session, work, slotLease(slot.slot), run, timeToLive)
  } catch (error) {
    // Somebody has it whose sign of life came between our look and our reach.
    if (error instanceof DwhError && error.code === 'LOCK_HELD') return undefined
    throw error
  }
  try {
    if (await startSlot(session, slot.slot, lease.epoch, holder, now)) return { slot, definition, lease }
  } catch (error) {
    await lease[Symbol.asyncDispose]()
    throw error
  }
  await lease[Symbol.asyncDispose]()
  return undefined
}

/** Whether there is anything to do right now for these jobs, by what the ledger says; reads only. */
export async function isAnythingDue(
  session: Session,
  { warehouse, jobs, clock }: Pick<Attendant, 'warehouse' | 'jobs' | 'clock'>,
): Promise<boolean> {
  const known = await listJobs(session, warehouse, clock)
  const present = known.filter(({ gone_at }) => gone_at === null)
  const isSeen = present.every(({ job, definition }) => isDeepStrictEqual(jobs.get(job), definition))
  if (!isSeen || present.length !== jobs.size) return true
  const slots = await openSlots(session, warehouse)
  return known.some((job) =>
    wantsAttention(
      job,
      slots.filter((slot) => slot.job === job.job),
    ),
  )
}

/**
 * Lets a paused job go on. What was due meanwhile gets its slots and is skipped before, also where no daemon was there.
 *
 * @returns whether it was paused
 */
export async function resume(
  session: Session,
  warehouse: string,
  name: string,
  clock: Clock = null,
): Promise<boolean> {
  return inTransaction(session, async () => {
    const job = await waitForJob(session, warehouse, name, clock)
    if (!job?.paused_at) return false
    await plan(session, warehouse, job)
    await settle(session, job, await openSlots(session, warehouse, name))
    await resumeJob(session, warehouse, name)
    return true
  })
}
