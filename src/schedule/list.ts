import { type Job, type JobDefinition, listJobs } from '../ledger/jobs.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import { lastSlots, type SlotLine } from '../ledger/slots.ts'
import type { Session } from '../postgres/session.ts'
import { nextDue } from './due.ts'

/** A job with what became of it lately and what comes next. */
export interface JobLine extends JobDefinition {
  job: string
  /** `new`: no daemon has seen it yet. */
  state: 'new' | 'scheduled' | 'running' | 'paused' | 'gone'
  paused_at: Date | null
  paused_by: string | null
  /** Null while it is paused. */
  next_due: Date | null
  /** Newest first. */
  last: SlotLine[]
}

/** Every job of the warehouse file, and those that the ledger still knows. */
export async function listSchedule(
  session: Session,
  warehouse: string,
  jobs: ReadonlyMap<string, JobDefinition>,
  each: number,
): Promise<JobLine[]> {
  const hasSlots = (await ledgerPresence(session)).has_slots
  const known = new Map((hasSlots ? await listJobs(session, warehouse) : []).map((job) => [job.job, job]))
  const slots = hasSlots ? await lastSlots(session, warehouse, each) : []
  const { now } = await session.one<{ now: Date }>('SELECT clock_timestamp() AS now')
  const gone = [...known.values()].filter(({ job }) => !jobs.has(job))
  const all = [...jobs, ...gone.map(({ job, definition }) => [job, definition] as const)]
  return all.map(([job, definition]) => {
    const row = known.get(job)
    const last = slots.filter((slot) => slot.job === job)
    const state = stateOf(row, jobs.has(job), last)
    const isComing = state !== 'paused' && state !== 'gone'
    return {
      job,
      ...definition,
      state,
      paused_at: row?.paused_at ?? null,
      paused_by: row?.paused_by ?? null,
      next_due: isComing ? new Date(nextDue(definition, now.getTime())) : null,
      last,
    }
  })
}

function stateOf(row: Job | undefined, isInFile: boolean, last: SlotLine[]): JobLine['state'] {
  if (!isInFile) return 'gone'
  if (last.some(({ state }) => state === 'running')) return 'running'
  if (row?.paused_at) return 'paused'
  return row ? 'scheduled' : 'new'
}
