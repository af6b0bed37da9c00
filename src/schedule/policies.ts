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
}

/** What is to become of one slot. */
export type Decision =
  | { slot: number; act: 'run' }
  | { slot: number; act: 'queue' }
  | { slot: number; act: 'cancel' }
  | { slot: number; act: 'leave'; outcome: 'skipped' | 'missed'; reason: string }
  | { slot: number; act: 'give up'; reason: string }

/** A slot whose daemons died is not tried for ever. */
const mostAttempts = 3

/**
 * Decides about the open slots of one job, in the order in which they are due; pure. At most one of them is to run.
 *
 * @param now milliseconds, by the clock of the server
 */
export function decide(policies: Policies, slots: OpenSlot[], now: number): Decision[] {
  const { closed, isGone = false } = policies
  const isHopeless = ({ attempts }: OpenSlot) => isGone || attempts >= mostAttempts
  const died = slots.filter(({ state }) => state === 'died')
  const running = slots.find(({ state }) => state === 'running')
  const waiting = slots.filter(({ state }) => state === 'due' || state === 'queued')
  const decisions: Decision[] = died.filter(isHopeless).map(({ slot, attempts }) => ({
    slot,
    act: 'give up',
    reason: isGone ? `its daemon died, and ${closed}` : `its daemon died ${attempts} times`,
  }))
  const again = running ? undefined : died.find((slot) => !isHopeless(slot))
  if (again) decisions.push({ slot: again.slot, act: 'run' })
  if (closed !== undefined)
    return [...decisions, ...waiting.map(({ slot }) => leave(slot, 'skipped', closed))]
  const busy = running ?? again
  return [...decisions, ...(busy ? overlapping(policies, busy, waiting) : free(policies, waiting, now))]
}

function overlapping({ overlap }: Policies, busy: OpenSlot, waiting: OpenSlot[]): Decision[] {
  const fresh = waiting.filter(({ state }) => state === 'due')
  if (overlap === 'skip') {
    const reason = `the one of ${utc(busy.due_at)} was still at work`
    return fresh.map(({ slot }) => leave(slot, 'skipped', reason))
  }
  const queue: Decision[] = fresh.map(({ slot }) => ({ slot, act: 'queue' }))
  const cancels = overlap === 'cancel' && fresh.length > 0 && busy.state === 'running'
  return cancels ? [{ slot: busy.slot, act: 'cancel' }, ...queue] : queue
}

function free(policies: Policies, waiting: OpenSlot[], now: number): Decision[] {
  const { misfire, lateAfter, isWithinWindow } = policies
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
  const [first, ...rest] = left
  if (!first) return decisions
  // What is to be made up for one after the other must not be taken for an overlap.
  const behind = rest.filter((slot) => misfire === 'all' && missed.includes(slot) && slot.state === 'due')
  return [
    ...decisions,
    { slot: first.slot, act: 'run' },
    ...behind.map(({ slot }): Decision => ({ slot, act: 'queue' })),
  ]
}

function leave(slot: number, outcome: 'skipped' | 'missed', reason: string): Decision {
  return { slot, act: 'leave', outcome, reason }
}

const utc = (date: Date) => `${date.toISOString().slice(0, 16).replace('T', ' ')}Z`
