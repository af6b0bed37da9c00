import { DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { TaskEnd } from '../ledger/tasks.ts'
import type { Session } from '../postgres/session.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import type { WarehouseFile } from '../warehouse/schema.ts'

export type TaskName = WarehouseFile['maintenance']['weekly'][number]

/** What tasks are planned for. */
export interface Scene {
  /** Reads only. */
  session: Session
  work: Work
  warehouse: Warehouse
  datasets: Dataset[]
  /** Where what is written anew shall lie; where its table lies unless named. */
  tablespace: string | undefined
  /** What the tasks that come before will do. */
  planned: readonly Task[]
}

/** What a task has when its turn comes: a connection of its own, and a signal that its own limits abort too. */
export interface Turn {
  session: Session
  work: Work
  run: number
}

/** How a task ends that has not failed. */
export type Ending = Omit<TaskEnd, 'outcome' | 'code'> & { outcome: 'done' | 'nothing' | 'skipped' }

/** One thing that is to be done to one subject: by itself, in transactions of its own. */
export interface Task {
  name: TaskName
  /** A table or index, quoted with its schema, or a dataset. */
  subject: string
  /** What will be done and why, for the plan. */
  plan: string
  /** There is nothing to do, or it cannot be done: `plan` says why. */
  idle?: 'nothing' | 'skipped'
  /** May go on beside others of its name. */
  parallel?: boolean
  /** Begun outside of the maintenance window too. */
  anytime?: boolean
  /** The table that it writes anew, and all of its indexes with it. */
  rebuilds?: number
  run(turn: Turn): Promise<Ending>
}

/** A task that has nothing to do. */
export function idle(
  name: TaskName,
  subject: string,
  plan: string,
  outcome: 'nothing' | 'skipped' = 'nothing',
): Task {
  return { name, subject, plan, idle: outcome, run: async () => ({ outcome, reason: plan }) }
}

/**
 * The tasks of each subject. What goes wrong while one is planned is a task that fails, and the others are planned on.
 *
 * @param work ends the planning when it is aborted
 */
export async function planEach<Subject>(
  { work }: Pick<Scene, 'work'>,
  name: TaskName,
  subjects: Subject[],
  nameOf: (subject: Subject) => string,
  plan: (subject: Subject) => Promise<Task | Task[]>,
): Promise<Task[]> {
  const tasks: Task[] = []
  for (const subject of subjects) {
    work.signal.throwIfAborted()
    try {
      tasks.push(...[await plan(subject)].flat())
    } catch (thrown) {
      work.signal.throwIfAborted()
      const error = toDwhError(thrown)
      if (error.code === 'SERVER_WENT_AWAY') throw error
      tasks.push({
        name,
        subject: nameOf(subject),
        plan: error.message.split('\n')[0] as string,
        run: async () => {
          throw new DwhError(error.code, error.message, {
            cause: error.cause,
            ...(error.hint ? { hint: error.hint } : {}),
          })
        },
      })
    }
  }
  return tasks
}
