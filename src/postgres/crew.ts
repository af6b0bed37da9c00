import type { Work } from '../events.ts'
import type { Session } from './session.ts'

/**
 * Several connections that work on one list of tasks side by side, held with `await using`. The first task that fails
 * stops the others before their next task.
 */
export class Crew implements AsyncDisposable {
  readonly sessions: Session[]
  readonly #work: Work

  private constructor(sessions: Session[], work: Work) {
    this.sessions = sessions
    this.#work = work
  }

  static async hire(session: Session, work: Work, size: number, application: string): Promise<Crew> {
    const crew = new Crew([], work)
    try {
      for (let n = 0; n < size; n++) crew.sessions.push(await session.sibling(application))
      return crew
    } catch (error) {
      await crew[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Runs every task once, in order as connections become free. */
  async each<T>(tasks: Iterable<T>, run: (session: Session, task: T) => Promise<void>): Promise<void> {
    return shareOut(this.sessions, this.#work.signal, tasks, run)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.sessions.map((session) => session[Symbol.asyncDispose]()))
  }
}

/** Runs every task once, in order as sessions become free. The first that fails stops the others before their next task. */
export async function shareOut<T>(
  sessions: Session[],
  signal: AbortSignal,
  tasks: Iterable<T>,
  run: (session: Session, task: T) => Promise<void>,
): Promise<void> {
  const queue = tasks[Symbol.iterator]()
  let failed = false
  const results = await Promise.allSettled(
    sessions.map(async (session) => {
      for (let task = queue.next(); !task.done && !failed; task = queue.next()) {
        try {
          signal.throwIfAborted()
          await run(session, task.value)
        } catch (error) {
          failed = true
          throw error
        }
      }
    }),
  )
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason
}
