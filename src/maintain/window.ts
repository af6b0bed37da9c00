import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import { type Hours, isOpen, nextClosing, nextOpening, readHours } from '../warehouse/hours.ts'

/** The hours of upkeep by the clock of the server, asked once. */
export class MaintenanceWindow {
  readonly #hours: Hours
  /** Milliseconds that the server's clock is before ours, which only goes on. */
  readonly #ahead: number

  private constructor(hours: Hours, ahead: number) {
    this.#hours = hours
    this.#ahead = ahead
  }

  /** @returns undefined where the warehouse file names no window */
  static async of(session: Session, text: string | undefined): Promise<MaintenanceWindow | undefined> {
    if (text === undefined) return undefined
    const { now } = await session.one<{ now: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
    )
    return new MaintenanceWindow(readHours(text), now - performance.now())
  }

  get #now(): Temporal.Instant {
    return Temporal.Instant.fromEpochMilliseconds(Math.round(performance.now() + this.#ahead))
  }

  /** Why nothing may begin now; undefined where it may. */
  get closed(): string | undefined {
    if (isOpen(this.#hours, this.#now)) return undefined
    return `outside of the window ${this.#hours.text}, which opens ${nextOpening(this.#hours, this.#now)}`
  }

  /** Milliseconds until it closes. */
  get left(): number {
    const now = this.#now
    return nextClosing(this.#hours, now).epochMilliseconds - now.epochMilliseconds
  }

  get over(): DwhError {
    return new DwhError(
      'TIMED_OUT',
      `the window ${this.#hours.text} is over; what was not finished is undone`,
      {
        hint: 'the same command goes on in the next window, and with --now outside of it',
      },
    )
  }
}
