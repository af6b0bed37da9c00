import { setTimeout as sleep } from 'node:timers/promises'
import { toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { Lease } from '../ledger/lease.ts'
import { renewRun } from '../ledger/runs.ts'
import { Session } from '../postgres/session.ts'
import type { Target } from '../postgres/target.ts'

/** Seconds that a server is waited for which has gone away: a restart takes no longer, or takes a person. */
const patience = 120

/** What is written down is written down whatever is stopped. */
const quiet: Work = { emit: () => {}, signal: new AbortController().signal }

/**
 * The connection on which tasks are written down, and the lease under which they work. Both come back after a restart of the
 * server: the tasks that are left go on then.
 */
export class Recorder implements AsyncDisposable {
  readonly #target: Target
  readonly #key: string
  readonly #run: number
  readonly #work: Work
  #session: Session
  #lease: Lease
  #returning: Promise<void> | undefined

  private constructor(
    place: { target: Target; key: string; run: number; work: Work },
    session: Session,
    lease: Lease,
  ) {
    this.#target = place.target
    this.#key = place.key
    this.#run = place.run
    this.#work = place.work
    this.#session = session
    this.#lease = lease
  }

  /** @throws DwhError LOCK_HELD where another run is at work under this key */
  static async open(target: Target, key: string, run: number, work: Work): Promise<Recorder> {
    const session = await Session.open(target, `dwh maintain ${run}`, quiet)
    try {
      const lease = await Lease.take(session, work, key, run)
      return new Recorder({ target, key, run, work }, session, lease)
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Writes on the connection, on a new one where the server has ended the first. */
  async keep<T>(write: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await write(this.#session)
    } catch (error) {
      if (toDwhError(error).code !== 'SERVER_WENT_AWAY') throw error
      await this.comeBack()
      return await write(this.#session)
    }
  }

  /** Names a session that works under the lease, so that whoever takes it over ends that one too. */
  async join(session: Session): Promise<void> {
    await this.#lease.join(session)
  }

  /**
   * After the server has ended a connection: waits until it answers, and takes the lease again where it has ended ours too.
   *
   * @throws DwhError LOCK_HELD, LEASE_LOST where another run is at work by now; SERVER_UNREACHABLE
   */
  async comeBack(): Promise<void> {
    this.#returning ??= this.#return().finally(() => {
      this.#returning = undefined
    })
    await this.#returning
  }

  async #return(): Promise<void> {
    const isThere = await this.#session.rows('SELECT').then(
      () => true,
      () => false,
    )
    if (isThere) return
    this.#work.emit({ type: 'note', message: 'the server has gone away: waiting for it' })
    await this.#session[Symbol.asyncDispose]()
    this.#session = await this.#patiently()
    await renewRun(this.#session, this.#run)
    await this.#lease[Symbol.asyncDispose]()
    this.#lease = await Lease.take(this.#session, this.#work, this.#key, this.#run)
  }

  async #patiently(): Promise<Session> {
    const deadline = performance.now() + patience * 1000
    for (;;) {
      this.#work.signal.throwIfAborted()
      try {
        return await Session.open(this.#target, `dwh maintain ${this.#run}`, quiet)
      } catch (error) {
        const { code } = toDwhError(error)
        const isPassing = code === 'SERVER_UNREACHABLE' || code === 'SERVER_WENT_AWAY'
        if (!isPassing || performance.now() > deadline) throw error
        await sleep(500, undefined, { signal: this.#work.signal })
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease[Symbol.asyncDispose]()
    await this.#session[Symbol.asyncDispose]()
  }
}
