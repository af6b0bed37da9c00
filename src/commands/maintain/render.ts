import { bytes, plural } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import { DwhError } from '../../errors.ts'
import type { TaskOutcome } from '../../ledger/tasks.ts'
import type { TaskResult } from '../../maintain/run.ts'
import type { Task } from '../../maintain/task.ts'
import { readable } from '../../maintain/words.ts'

const outcomes: TaskOutcome[] = ['done', 'nothing', 'skipped', 'stopped', 'failed']

export function renderPlan(stream: Stream, tasks: Task[]): string {
  if (tasks.length === 0) return 'nothing to do'
  return table<Task>(
    stream,
    [
      { title: 'task', value: ({ name }) => name },
      { title: 'subject', value: ({ subject }) => readable(subject) },
      { title: '', value: ({ idle }) => idle ?? '' },
      { title: 'what, and why', value: ({ plan }) => plan },
    ],
    tasks,
  )
}

export function planJson({ name, subject, plan, idle }: Task) {
  return { task: name, subject, plan, idle: idle ?? null }
}

export function renderSum(results: TaskResult[]): string {
  const of = (outcome: TaskOutcome) => results.filter((one) => one.outcome === outcome).length
  const parts = outcomes.filter((outcome) => of(outcome) > 0).map((outcome) => `${of(outcome)} ${outcome}`)
  if (results.length === 0) return 'nothing to do'
  const freed = results.reduce((sum, { after }) => sum + freedOf(after), 0)
  return `${plural(results.length, 'task')}: ${parts.join(', ')}${freed > 0 ? `; ${bytes(freed)} freed` : ''}`
}

function freedOf(after: object | undefined): number {
  return after && 'freed' in after && typeof after.freed === 'number' ? after.freed : 0
}

export function resultsJson(warehouse: string, run: number, results: TaskResult[]) {
  const of = (outcome: TaskOutcome) => results.filter((one) => one.outcome === outcome).length
  return {
    warehouse,
    run,
    ...Object.fromEntries(outcomes.map((outcome) => [outcome, of(outcome)])),
    tasks: results.map(({ task, outcome, reason, error, seconds, before, after }) => ({
      task: task.name,
      subject: task.subject,
      outcome,
      reason: reason ?? null,
      error: error ? { code: error.code, message: error.message, hint: error.hint ?? null } : null,
      seconds,
      before: before ?? null,
      after: after ?? null,
    })),
  }
}

/**
 * @throws DwhError PARTLY_DONE where some tasks have failed or were stopped and others not; the error of the first where none
 *   has come to its end
 */
export function requireAllDone(results: TaskResult[]): void {
  const broken = results.filter(({ outcome }) => outcome === 'failed' || outcome === 'stopped')
  const [first] = broken
  if (!first) return
  const named = broken
    .slice(0, 3)
    .map(({ task }) => `${task.name} ${readable(task.subject)}`)
    .join(', ')
  const message = `${plural(broken.length, 'task')} of ${results.length} did not come to an end: ${named}${broken.length > 3 ? ', …' : ''}`
  const isAll = broken.length === results.filter(({ outcome }) => outcome !== 'nothing').length
  const { error } = first
  throw new DwhError(isAll && error ? error.code : 'PARTLY_DONE', `${message}: ${error?.message ?? ''}`, {
    cause: error?.cause,
    hint: error?.hint ?? 'why stands above; the same command does what is left',
  })
}
