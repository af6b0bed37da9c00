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
import { dueTimes, nextDue } from './due.ts'
import { heldFrom } from './order.ts'
import { decide, type Policies } from './policies.ts'
import type { Spare } from './spare.ts'

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
  /** For the next lease, where there is one. */
  spare?: Spare
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

/** Seconds of a lease whose slot is not begun yet: who stands still between the two is not waited for. */
const firstSeconds = 0.5

/** Whoever stands still while it decides about a job keeps all others from it: not for long, as a slot is to be begun within a second. */
const patience = "SET LOCAL idle_in_transaction_session_timeout = '750ms'"

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
  // Let go behind the transaction, which has written to their rows.
  const leases: Lease[] = []
  try {
    await inTransaction(session, async () => {
      await session.run(patience)
      const job = await lockJob(session, attendant.warehouse, name, attendant.clock)
      if (!job) return
      await plan(session, attendant.warehouse, job)
      const slots = await openSlots(session, attendant.warehouse, name)
      const held = await holdOf(session, attendant, job)
      const { chosen, hopeless } = await settle(session, job, slots, held)
      for (const { slot, reason } of hopeless) {
        const lease = await takeLease(session, work, attendant, slot, leases)
        if (lease) await leaveSlot(session, slot, 'late', reason, job.now, 1)
      }
      if (!chosen || !isDeepStrictEqual(attendant.jobs.get(name), job.definition)) return
      const lease = await takeLease(session, work, attendant, chosen.slot, leases)
      if (!lease) return
      // A command of the former holder may have come to its end until the very moment when its connections were ended.
      const begun = await startSlot(session, chosen.slot, lease.epoch, attendant.holder, job.now)
      if (begun) claim = { slot: { ...chosen, ...begun }, definition: job.definition, lease }
    })
  } catch (error) {
    claim = undefined
    throw error
  } finally {
    for (const lease of leases) if (lease !== claim?.lease) await lease[Symbol.asyncDispose]()
  }
  // Until here nobody else could look at it; from here on it lives as long as others do.
  if (claim && !(await claim.lease.renew())) {
    await claim.lease[Symbol.asyncDispose]()
    return undefined
  }
  return claim
}

/**
 * Whether `attend` would do something; from what was read without a lock.
 *
 * @param jobs all of the warehouse
 * @param slots all that are open
 */
export function wantsAttention(job: Job, jobs: Job[], slots: OpenSlot[]): boolean {
  const { definition, planned_to, now } = job
  if (isPlannable(job) && nextDue(definition, planned_to.getTime()) <= now.getTime()) return true
  const own = slots.filter((slot) => slot.job === job.job)
  return decide(policiesOf(job, heldFrom(job, jobs, slots)), own, job.now.getTime()).length > 0
}

async function holdOf(
  session: Session,
  { warehouse, clock }: Pick<Attendant, 'warehouse' | 'clock'>,
  job: Job,
): Promise<number> {
  if (!job.definition.after?.length) return Number.POSITIVE_INFINITY
  const jobs = await listJobs(session, warehouse, clock)
  return heldFrom(job, jobs, await openSlots(session, warehouse))
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

interface Settled {
  /** To be run. */
  chosen: OpenSlot | undefined
  /** To be given up, for a reason: whatever still works for them has to be ended before. */
  hopeless: { slot: number; reason: string }[]
}

/** Writes down what has been decided, but for what needs the lease of a slot. */
async function settle(session: Session, job: Job, slots: OpenSlot[], held: number): Promise<Settled> {
  const { now } = job
  const settled: Settled = { chosen: undefined, hopeless: [] }
  for (const decision of decide(policiesOf(job, held), slots, now.getTime())) {
    const { slot, act } = decision
    if (act === 'run') settled.chosen = slots.find((one) => one.slot === slot)
    if (act === 'queue') await queueSlot(session, slot, now)
    if (act === 'cancel') await cancelSlot(session, slot, now)
    if (act === 'give up') settled.hopeless.push(decision)
    if (act === 'leave') await leaveSlot(session, slot, decision.outcome, decision.reason, now)
  }
  return settled
}

function policiesOf({ definition, now, paused_at, paused_by, gone_at }: Job, held: number): Policies {
  const { misfire, overlap, late_after, window } = definition
  const closed = gone_at
    ? 'the warehouse file has the job no more'
    : paused_at
      ? `paused since ${paused_at.toISOString().slice(0, 19)}Z by ${paused_by}`
      : undefined
  const instant = Temporal.Instant.fromEpochMilliseconds(now.getTime())
  const isWithinWindow = window === null || isOpen(readHours(window), instant)
  return {
    ...{ misfire, overlap, closed, isWithinWindow },
    lateAfter: late_after * 1000,
    isGone: gone_at !== null,
    heldFrom: held,
  }
}

/** @returns undefined where somebody has it, whose sign of life came between our look and our reach */
async function takeLease(
  session: Session,
  work: Work,
  { run, spare }: Attendant,
  slot: number,
  taken: Lease[],
): Promise<Lease | undefined> {
  try {
    const start = { renewal: spare?.take(), seconds: firstSeconds }
    const lease = await Lease.take(session, work, slotLease(slot), run, timeToLive, start)
    taken.push(lease)
    return lease
  } catch (error) {
    if (error instanceof DwhError && error.code === 'LOCK_HELD') return undefined
    throw error
  }
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
  return known.some((job) => {
    try {
      return wantsAttention(job, known, slots)
    } catch (error) {
      // A zone that this machine does not know: whoever knows it does what is due.
      if (error instanceof RangeError) return false
      throw error
    }
  })
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
    const held = await holdOf(session, { warehouse, clock }, job)
    await settle(session, job, await openSlots(session, warehouse, name), held)
    await resumeJob(session, warehouse, name)
    return true
  })
}
