import type { Job } from '../ledger/jobs.ts'
import type { OpenSlot } from '../ledger/slots.ts'
import { nextDue } from './due.ts'

/**
 * Since when slots of a job have to wait for the jobs that come before it: those that are due earlier, or at the same time, end
 * first, whether they have begun yet or nobody has even planned them. Pure.
 *
 * @param jobs all of the warehouse, read before the slots: what is planned meanwhile is found among these
 * @param slots all that are open
 * @returns milliseconds; Infinity where none has to wait
 */
export function heldFrom({ definition: { after = [] } }: Job, jobs: Job[], slots: OpenSlot[]): number {
  const before = jobs.filter(({ job, gone_at }) => gone_at === null && after.includes(job))
  let from = Number.POSITIVE_INFINITY
  for (const { job, definition, planned_to } of before) {
    from = Math.min(from, nextDue(definition, planned_to.getTime()))
    for (const slot of slots) if (slot.job === job) from = Math.min(from, slot.due_at.getTime())
  }
  return from
}
