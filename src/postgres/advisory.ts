import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Session } from './session.ts'
import { sql } from './sql-files.ts'

/** The advisory locks of dwh share this first key: `dwh` in ASCII, shifted. */
const dwhClass = 0x64776800

/** What is locked by advisory locks, and nothing else is. */
export const advisoryKeys = { migrations: 1 } as const

/** Milliseconds between two tries. */
const pollInterval = 200

/** An advisory lock of one session, held with `await using`. */
export class AdvisoryLock implements AsyncDisposable {
  readonly #session: Session
  readonly #key: number

  private constructor(session: Session, key: number) {
    this.#session = session
    this.#key = key
  }

  /**
   * Polls a try-lock until it is ours.
   *
   * @param patience seconds
   * @throws DwhError LOCK_HELD naming the holder when patience ends
   */
  static async poll(session: Session, work: Work, name: keyof typeof advisoryKeys, patience: number) {
    const key = advisoryKeys[name]
    const deadline = performance.now() + patience * 1000
    for (let told = false; ; ) {
      const { taken } = await session.one<{ taken: boolean }>(sql('postgres/try_advisory_lock'), [
        dwhClass,
        key,
      ])
      if (taken) return new AdvisoryLock(session, key)
      const holder = await session.row<Holder>(sql('postgres/advisory_holder'), [dwhClass, key])
      const who = holder ? `session ${holder.pid} (${holder.role}, ${holder.application})` : 'another session'
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
    await this.#session.run(sql('postgres/advisory_unlock'), [dwhClass, this.#key]).catch(() => {})
  }
}

interface Holder {
  pid: number
  application: string
  role: string
}
