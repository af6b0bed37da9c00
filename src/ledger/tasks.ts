import type { ErrorCode } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/**
 * `nothing`: there was nothing to do; `skipped`: it could not or should not be begun; `stopped`: by its timeout, the end of
 * the window or Ctrl-C.
 */
export type TaskOutcome = 'done' | 'nothing' | 'skipped' | 'stopped' | 'failed'

/** How a task has ended. */
export interface TaskEnd {
  outcome: TaskOutcome
  /** Why, where it is not `done`; of what is done, what is worth a word. */
  reason?: string | undefined
  code?: ErrorCode | undefined
  /** What was measured before and afterwards. */
  before?: object | undefined
  after?: object | undefined
}

/** @param subject a table or index, quoted with its schema, or a dataset */
export async function openTask(
  session: Session,
  run: number,
  warehouse: string,
  name: string,
  subject: string,
): Promise<number> {
  const row = await session.one<{ task: number }>(sql('ledger/open_task'), [run, warehouse, name, subject])
  return row.task
}

/** A task that was never begun. */
export interface IdleTask {
  name: string
  subject: string
  outcome: 'nothing' | 'skipped'
  reason: string
}

/** Writes several down in one statement: there are many, and each by itself would wait for the disk. */
export async function keepIdleTasks(
  session: Session,
  run: number,
  warehouse: string,
  tasks: IdleTask[],
): Promise<void> {
  await session.run(sql('ledger/keep_idle_tasks'), [run, warehouse, JSON.stringify(tasks)])
}

export async function endTask(session: Session, task: number, end: TaskEnd): Promise<void> {
  await session.run(sql('ledger/end_task'), [
    task,
    end.outcome,
    end.reason ?? null,
    end.code ?? null,
    end.before ? JSON.stringify(end.before) : null,
    end.after ? JSON.stringify(end.after) : null,
  ])
}

/** When a task was done last, by subject, and what was measured then; nothing where the ledger is older than tasks. */
export async function lastTasks<After>(
  session: Session,
  warehouse: string,
  name: string,
): Promise<Map<string, { at: Date; after: After | null }>> {
  if (!(await ledgerPresence(session)).has_tasks) return new Map()
  const rows = await session.rows<{ subject: string; ended_at: Date; after: After | null }>(
    sql('ledger/last_tasks'),
    [warehouse, name],
  )
  return new Map(rows.map(({ subject, ended_at, after }) => [subject, { at: ended_at, after }]))
}
