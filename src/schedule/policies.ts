import type { OpenSlot } from '../ledger/slots.ts'

/** What a job says of slots that nobody ran in time, and of those that fall into the work of another. */
export interface Policies {
  misfire: 'once' | 'all' | 'skip'
  overlap: 'skip' | 'queue' | 'cancel'
  /** Milliseconds after which a slot counts as late. */
  lateAfter: number
  /** Why no slot of it may begin now, such as that it was paused; what had begun goes on. */
  closed?: string | undefined
  /** Nobody knows any more what is to be done. */
  isGone?: boolean
  /** Whether a slot may begin at this time of the day, where there is a window. */
  isWithinWindow: boolean
  /** Slots that are due then or later wait for other jobs; milliseconds. */
  heldFrom?: number
}

/** What is to become of one slot. */
export type Decision =
  | { slot: number; act: 'run' }
  | { slot: number; act: 'queue' }
  | { slot: number; act: 'cancel' }
  | { slot: number; act: 'leave'; outcome: 'skipped' | 'missed'; reason: string }
  | { slot: number; act: 'give up'; reason: string }

/**
 * Whoever kills daemons does not ask what they work on, so that a slot whose daemons died is not lost. One that may have killed them
 * itself, by taking all the memory, is tried at longer and longer intervals, and gives way to the next one.
 */
const manyAttempts = 3

/** Milliseconds after the last sign of life: a minute, two, four, to an hour. */
const rest = (attempts: number) => Math.min(60_000 * 2 ** (attempts - manyAttempts), 3_600_000)

/**
 * Decides about the open slots of one job, in the order in which they are due; pure. At most one of them is to run.
 *
 * @param now milliseconds, by the clock of the server
 */
export function decide(policies: Policies, slots: OpenSlot[], now: number): Decision[] {
  const { closed, isGone = false } = policies
  const died = slots.filter(({ state }) => state === 'died')
  const running = slots.find(({ state }) => state === 'running')
  const waiting = slots.filter(({ state }) => state === 'due' || state === 'queued')
  const isHopeless = ({ attempts }: OpenSlot) => isGone || (attempts >= manyAttempts && waiting.length > 0)
  const isRested = ({ attempts, alive_until }: OpenSlot) =>
    attempts < manyAttempts || now >= (alive_until?.getTime() ?? 0) + rest(attempts)
  const decisions: Decision[] = died.filter(isHopeless).map(({ slot, attempts }) => ({
    slot,
    act: 'give up',
    reason: isGone
      ? `its daemon died, and ${closed}`
      : `its daemons died ${attempts} times, and the next one is due`,
  }))
  const again = running ? undefined : died.find((slot) => !isHopeless(slot) && isRested(slot))
  if (again) decisions.push({ slot: again.slot, act: 'run' })
  if (closed !== undefined)
    return [...decisions, ...waiting.map(({ slot }) => leave(slot, 'skipped', closed))]
  const busy = running ?? again
  return [...decisions, ...(busy ? overlapping(policies, busy, waiting) : free(policies, waiting, now))]
}

function overlapping({ overlap }: Policies, busy: OpenSlot, waiting: OpenSlot[]): Decision[] {
  const fresh = waiting.filter(({ state }) => state === 'due')
  if (overlap === 'skip') {
    const was = busy.state === 'running' || busy.state === 'died' ? 'at work' : 'waiting'
    const reason = `the one of ${utc(busy.due_at)} was still ${was}`
    return fresh.map(({ slot }) => leave(slot, 'skipped', reason))
  }
  const queue: Decision[] = fresh.map(({ slot }) => ({ slot, act: 'queue' }))
  const cancels = overlap === 'cancel' && fresh.length > 0 && busy.state === 'running'
  return cancels ? [{ slot: busy.slot, act: 'cancel' }, ...queue] : queue
}

function free(policies: Policies, waiting: OpenSlot[], now: number): Decision[] {
  const { misfire, lateAfter, isWithinWindow, heldFrom = Number.POSITIVE_INFINITY } = policies
  // One that was put into a queue was seen in time.
  const isMissed = ({ state, due_at, planned_at }: OpenSlot) =>
    state === 'due' && Math.max(now, planned_at.getTime()) > due_at.getTime() + lateAfter
  const missed = waiting.filter(isMissed)
  const decisions: Decision[] = []
  let left = waiting
  if (misfire === 'skip') {
    left = waiting.filter((slot) => !missed.includes(slot))
    decisions.push(
      ...missed.map(({ slot }) => leave(slot, 'missed', `nobody was there until ${utc(new Date(now))}`)),
    )
  } else if (misfire === 'once' && missed.length > 0) {
    const last = waiting.findLast(({ state }) => state === 'due') as OpenSlot
    const gone = missed.filter((slot) => slot !== last)
    left = waiting.filter((slot) => !gone.includes(slot))
    const reason = `nobody was there; made up for by the one of ${utc(last.due_at)}`
    decisions.push(...gone.map(({ slot }) => leave(slot, 'skipped', reason)))
  }
  if (!isWithinWindow)
    return [...decisions, ...left.map(({ slot }) => leave(slot, 'skipped', 'outside of its window'))]
  const [first, ...others] = left
  if (!first) return decisions
  // What is to be made up for one after the other must not be taken for an overlap.
  const behind = others.filter((slot) => misfire === 'all' && missed.includes(slot) && slot.state === 'due')
  const queue = behind.map(({ slot }): Decision => ({ slot, act: 'queue' }))
  if (first.due_at.getTime() < heldFrom) return [...decisions, { slot: first.slot, act: 'run' }, ...queue]
  if (first.state === 'due') decisions.push({ slot: first.slot, act: 'queue' })
  const later = others.filter((slot) => !behind.includes(slot))
  return [...decisions, ...queue, ...overlapping(policies, first, later)]
}

function leave(slot: number, outcome: 'skipped' | 'missed', reason: string): Decision {
  return { slot, act: 'leave', outcome, reason }
}

const utc = (date: Date) => `${date.toISOString().slice(0, 16).replace('T', ' ')}Z`
