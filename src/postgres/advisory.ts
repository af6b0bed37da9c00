import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Session } from './session.ts'
import { sql } from './sql-files.ts'

/** The two numbers of an advisory lock: what is locked by them, and nothing else is. */
export interface AdvisoryKey {
  class: number
  key: number
}

/** The advisory locks of dwh begin with `dwh` in ASCII, shifted. */
const dwhClass = 0x64776800

export const migrationsKey: AdvisoryKey = { class: dwhClass, key: 1 }

/** Of restores into one database of a server, which may not be there. */
export function restoreKey(database: string): AdvisoryKey {
  return { class: dwhClass + 1, key: createHash('sha256').update(database).digest().readInt32BE() }
}

/** One of the requests that a host is sent at the same time. */
export function slotKey(host: string, slot: number): AdvisoryKey {
  const key = createHash('sha256').update(`${host} ${slot}`).digest().readInt32BE()
  return { class: dwhClass + 2, key }
}

/** Milliseconds between two tries. */
const pollInterval = 200

/** An advisory lock of one session, held with `await using`. */
export class AdvisoryLock implements AsyncDisposable {
  readonly #session: Session
  readonly #key: AdvisoryKey

  private constructor(session: Session, key: AdvisoryKey) {
    this.#session = session
    this.#key = key
  }

  /** Takes the lock where it is free; never waits. */
  static async attempt(session: Session, key: AdvisoryKey): Promise<AdvisoryLock | undefined> {
    const { taken } = await session.one<{ taken: boolean }>(sql('postgres/try_advisory_lock'), [
      key.class,
      key.key,
    ])
    return taken ? new AdvisoryLock(session, key) : undefined
  }

  /**
   * Polls a try-lock until it is ours.
   *
   * @param name of what is locked, for people
   * @param patience seconds
   * @throws DwhError LOCK_HELD naming the holder when patience ends
   */
  static async poll(session: Session, work: Work, key: AdvisoryKey, name: string, patience: number) {
    const deadline = performance.now() + patience * 1000
    for (let told = false; ; ) {
      const lock = await AdvisoryLock.attempt(session, key)
      if (lock) return lock
      const who = await advisoryHolder(session, key)
      if (performance.now() > deadline) {
        throw new DwhError('LOCK_HELD', `${who} holds the lock on ${name}; nothing was changed`, {
          hint: 'wait for it and run the same command again',
        })
      }
      if (!told) work.emit({ type: 'note', message: `waiting for the lock on ${name}: ${who} holds it` })
      told = true
      await sleep(pollInterval * (0.5 + Math.random()), undefined, { signal: work.signal })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { class: first, key } = this.#key
    await this.#session.run(sql('postgres/advisory_unlock'), [first, key]).catch(() => {})
  }
}

/** Who holds an advisory lock, for people. */
export async function advisoryHolder(session: Session, key: AdvisoryKey): Promise<string> {
  const holder = await session.row<{ pid: number; application: string; role: string }>(
    sql('postgres/advisory_holder'),
    [key.class, key.key],
  )
  return holder ? `session ${holder.pid} (${holder.role}, ${holder.application})` : 'another session'
}
