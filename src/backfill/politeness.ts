import { setTimeout as sleep } from 'node:timers/promises'
import { toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { giveSlotBack, holdHost, isHeld, reserveTurn, takeSlot } from '../ledger/hosts.ts'
import type { AdvisoryKey } from '../postgres/advisory.ts'
import type { Session } from '../postgres/session.ts'
import type { Manners, Politeness } from '../sources/source.ts'

/** Milliseconds between two looks for a free slot, and seconds of waiting that are worth an event. */
const [lookInterval, noticed] = [60, 0.5]

/**
 * Politeness that all workers of a database share: when each host may be asked next stands in dwh.hosts, and how many ask it at
 * the same time follows from locks of the one connection that each worker has for this. Held with `await using`.
 */
export class SharedPoliteness implements Politeness, AsyncDisposable {
  readonly #open: () => Promise<Session>
  #session: Promise<Session> | undefined
  /** Keys of the slots that the connection holds. */
  #held = new Set<number>()
  #closed = false
  /** The question before; comes to an end however that ends. */
  #asking: Promise<void> = Promise.resolve()

  private constructor(open: () => Promise<Session>) {
    this.#open = open
  }

  /** @param session of the same database; it may end before */
  static async open(session: Session): Promise<SharedPoliteness> {
    const politeness = new SharedPoliteness(async () => {
      const own = await session.sibling('dwh politeness')
      // When a turn was taken need not survive a crash of the server.
      await own.run('SET synchronous_commit = off')
      return own
    })
    await politeness.#connected()
    return politeness
  }

  async turn(host: string, { delay, concurrency }: Manners, work: Work): Promise<AsyncDisposable> {
    const began = performance.now()
    const slot = await this.#slot(host, concurrency, work)
    try {
      for (let again = false; ; again = true) {
        const { wait, why } = await this.#asked((session) => reserveTurn(session, host, delay, again))
        if (wait > noticed) work.emit({ type: 'wait', host, seconds: wait, reason: why ?? 'its turn' })
        if (wait > 0) await pause(wait * 1000, work)
        const nobodyWaited = performance.now() - began < noticed * 1000
        if (nobodyWaited || !(await this.#asked((session) => isHeld(session, host)))) return slot
      }
    } catch (error) {
      await slot[Symbol.asyncDispose]()
      throw error
    }
  }

  async hold(host: string, seconds: number, reason: string): Promise<void> {
    await this.#asked((session) => holdHost(session, host, seconds, reason))
  }

  async #slot(host: string, concurrency: number, work: Work): Promise<AsyncDisposable> {
    const began = performance.now()
    for (let told = false; ; ) {
      work.signal.throwIfAborted()
      const { key, session } = await this.#asked(async (connection) => ({
        key: await this.#take(connection, host, concurrency),
        session: connection,
      }))
      if (key) return { [Symbol.asyncDispose]: () => this.#release(session, key) }
      const seconds = (performance.now() - began) / 1000
      if (!told && seconds > noticed) {
        work.emit({ type: 'wait', host, seconds, reason: `${concurrency} requests at the same time` })
        told = true
      }
      await pause(lookInterval * (0.5 + Math.random()), work)
    }
  }

  async #take(session: Session, host: string, concurrency: number): Promise<AdvisoryKey | undefined> {
    const key = await takeSlot(session, host, concurrency, this.#held)
    if (key) this.#held.add(key.key)
    return key
  }

  async #release(session: Session, key: AdvisoryKey): Promise<void> {
    const give = async (current: Session) => {
      // The locks of a connection that has gone have gone with it.
      if (current !== session) return
      this.#held.delete(key.key)
      await giveSlotBack(current, key)
    }
    if (!this.#closed) await this.#asked(give).catch(() => {})
  }

  /** Asks on the connection, one question after the other, and forgets one that has gone: the next question has a new one. */
  async #asked<T>(question: (session: Session) => Promise<T>): Promise<T> {
    const before = this.#asking
    const answer = (async () => {
      await before
      const session = await this.#connected()
      try {
        return await question(session)
      } catch (error) {
        if (toDwhError(error).code === 'SERVER_WENT_AWAY') await this.#forget(session)
        throw error
      }
    })()
    this.#asking = answer.then(
      () => {},
      () => {},
    )
    return await answer
  }

  async #connected(): Promise<Session> {
    if (!this.#session) {
      this.#session = this.#open()
      this.#session.catch(() => {
        this.#session = undefined
      })
    }
    return await this.#session
  }

  async #forget(session: Session): Promise<void> {
    if (this.#closed || (await this.#session?.catch(() => undefined)) !== session) return
    this.#session = undefined
    this.#held = new Set()
    await session[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const session = await this.#session?.catch(() => undefined)
    await session?.[Symbol.asyncDispose]()
  }
}

async function pause(milliseconds: number, { signal }: Work): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
}
