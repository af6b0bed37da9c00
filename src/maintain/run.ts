import { DwhError, type ErrorCode, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { endTask, keepIdleTasks, openTask, type TaskEnd } from '../ledger/tasks.ts'
import { Session } from '../postgres/session.ts'
import type { Target } from '../postgres/target.ts'
import type { Span } from '../warehouse/values.ts'
import { TaskLimits } from './limits.ts'
import { Recorder } from './recorder.ts'
import type { Task } from './task.ts'
import type { MaintenanceWindow } from './window.ts'
import { readable } from './words.ts'

export interface TaskResult extends TaskEnd {
  task: Task
  seconds: number
  /** Of one that has failed or was stopped. */
  error: DwhError | undefined
}

export interface RunOptions {
  target: Target
  run: number
  warehouse: string
  /** Of each task. */
  timeout: Span | undefined
  window: MaintenanceWindow | undefined
  /** Tasks side by side, where they may be. */
  jobs: number
}

/**
 * Runs tasks, each on a connection of its own and with a row of its own in the ledger, in the order in which they come; those
 * that may go side by side do with others of their name. None that fails stops or undoes another.
 *
 * @returns a result for each that was begun, or skipped; fewer than tasks after an interruption
 * @throws DwhError LOCK_HELD where another run maintains the warehouse
 */
export async function runTasks(work: Work, tasks: Task[], options: RunOptions): Promise<TaskResult[]> {
  const { target, run, warehouse } = options
  await using recorder = await Recorder.open(target, `maintain ${warehouse}`, run, work)
  const results: TaskResult[] = []
  results.push(...(await keepIdle(work, tasks, options, recorder)))
  for (const group of groups(tasks.filter(({ idle }) => !idle))) {
    const queue = group.values()
    const many = group.some(({ parallel }) => parallel) ? Math.min(options.jobs, group.length) : 1
    const worker = async () => {
      for (const task of queue) {
        if (work.signal.aborted) return
        results.push(await runTask(work, task, options, recorder))
      }
    }
    await Promise.all(Array.from({ length: many }, worker))
  }
  return results
}

/** Neighbours of one name, those that go side by side apart from those that follow. */
function groups(tasks: Task[]): Task[][] {
  const all: Task[][] = []
  for (const task of tasks) {
    const fits = (one: Task) => one.name === task.name && one.parallel === task.parallel
    const last = all.at(-1)
    if (last?.every(fits)) last.push(task)
    else all.push([task])
  }
  return all
}

async function keepIdle(
  work: Work,
  tasks: Task[],
  { run, warehouse }: RunOptions,
  recorder: Recorder,
): Promise<TaskResult[]> {
  const all = tasks.flatMap(({ idle, ...task }) =>
    idle ? { name: task.name, subject: task.subject, outcome: idle, reason: task.plan } : [],
  )
  if (all.length > 0) await recorder.keep((ledger) => keepIdleTasks(ledger, run, warehouse, all))
  return tasks.flatMap((task): TaskResult[] => {
    const { idle, name, subject, plan: reason } = task
    if (!idle) return []
    if (idle === 'skipped')
      work.emit({ type: 'step', step: `${name} ${readable(subject)}`, state: 'skipped', detail: reason })
    return [{ task, outcome: idle, reason, seconds: 0, error: undefined }]
  })
}

/** These are no failures: something with a right to it has ended the task. */
const stops: ErrorCode[] = ['TIMED_OUT', 'INTERRUPTED']

async function runTask(work: Work, task: Task, options: RunOptions, recorder: Recorder): Promise<TaskResult> {
  const title = `${task.name} ${readable(task.subject)}`
  const started = performance.now()
  const number = await recorder.keep((ledger) =>
    openTask(ledger, options.run, options.warehouse, task.name, task.subject),
  )
  work.emit({ type: 'step', step: title, state: 'started' })
  const { end, error } = await attempt(work, task, options, recorder)
  const seconds = Math.round(performance.now() - started) / 1000
  await recorder.keep((ledger) => endTask(ledger, number, end))
  tell(work, title, end, seconds)
  return { task, ...end, seconds, error }
}

async function attempt(
  work: Work,
  task: Task,
  options: RunOptions,
  recorder: Recorder,
): Promise<{ end: TaskEnd; error: DwhError | undefined }> {
  const window = task.anytime ? undefined : options.window
  const closed = window?.closed
  if (closed) {
    const error = new DwhError('TIMED_OUT', closed)
    return { end: { outcome: 'stopped', reason: closed, code: error.code }, error }
  }
  try {
    using limits = new TaskLimits(options.timeout, window)
    const signal = AbortSignal.any([work.signal, limits.signal])
    const own: Work = { emit: work.emit, signal }
    await using session = await Session.open(options.target, `dwh maintain ${options.run}`, own)
    await recorder.join(session)
    return { end: await task.run({ session, work: own, run: options.run }), error: undefined }
  } catch (thrown) {
    const error = toDwhError(thrown)
    if (error.code === 'SERVER_WENT_AWAY' || error.code === 'SERVER_UNREACHABLE') await recorder.comeBack()
    const outcome = stops.includes(error.code) ? 'stopped' : 'failed'
    return { end: { outcome, reason: error.message, code: error.code }, error }
  }
}

function tell(work: Work, title: string, end: TaskEnd, seconds: number): void {
  const { outcome, reason } = end
  if (outcome === 'failed' || outcome === 'stopped') {
    work.emit({ type: 'warning', message: `${title}: ${outcome}: ${reason?.split('\n')[0]}` })
    return
  }
  const detail = outcome === 'done' ? reason : `${outcome}: ${reason}`
  const state = outcome === 'skipped' ? 'skipped' : 'done'
  work.emit({ type: 'step', step: title, state, seconds, ...(detail ? { detail } : {}) })
}
