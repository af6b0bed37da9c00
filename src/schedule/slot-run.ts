import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { advanceSlot, finishSlot, handOverSlot } from '../ledger/slots.ts'
import { Session } from '../postgres/session.ts'
import type { Target } from '../postgres/target.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { splitWords } from '../warehouse/command-line.ts'
import type { Claim } from './claim.ts'
import { type CommandEnd, SlotCommand, type Stop } from './command.ts'

export interface SlotRunOptions {
  /** The words before those of a command. */
  program: string[]
  target: Target
  /** Never aborted: what became of a slot has to be written down. */
  work: Work
}

/** How a slot went, for whoever watches. */
export interface SlotResult {
  exitCode: number
  /** undefined where it was not ours to end. */
  outcome: string | undefined
  reason: string | null
}

const lost = 'its lease is lost, and whoever has it goes on'

/** Seconds that a server which has gone is waited for with the outcome of a slot. */
const patience = 120

/** A claimed slot at work: its commands one after the other, until one fails or all are done. */
export class SlotRun {
  readonly claim: Claim
  readonly ended: Promise<SlotResult>
  readonly #options: SlotRunOptions
  #command: SlotCommand | undefined
  #stop: Stop | undefined
  #isOver = false

  constructor(claim: Claim, options: SlotRunOptions) {
    this.claim = claim
    this.#options = options
    this.ended = this.#work()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Its lease is with another, or with nobody. */
  get isLost(): boolean {
    return !this.claim.lease.isRenewed
  }

  get stopped(): Stop | undefined {
    return this.#stop
  }

  /** Ends the command that works; the first reason counts. */
  async stop(how: Stop): Promise<void> {
    this.#stop ??= how
    await this.#command?.stop(how)
  }

  async #work(): Promise<SlotResult> {
    const { lease, definition } = this.claim
    const limit = definition.timeout
    // Timers reach no further than 2^31 ms.
    const timer =
      limit === null
        ? undefined
        : setTimeout(() => void this.stop('timeout'), Math.min(limit * 1000, 2 ** 31 - 1))
    try {
      const end = await this.#commands()
      return await this.#conclude(end)
    } finally {
      clearTimeout(timer)
      this.#isOver = true
      await lease[Symbol.asyncDispose]()
    }
  }

  async #commands(): Promise<CommandEnd> {
    const { slot, definition } = this.claim
    let end: CommandEnd = { code: 0, error: undefined }
    for (let index = slot.commands_done; index < definition.run.length && !this.#stop; index++) {
      // A command may have come to its end after its daemon had died.
      const isDone = index === slot.commands_done && slot.run_exit_code === 0
      if (!isDone) end = await this.#run(definition.run[index] ?? '')
      if (end.code !== 0) return end
      if (index + 1 < definition.run.length && !this.#stop) await this.#advance(index + 1)
    }
    return end
  }

  async #run(text: string): Promise<CommandEnd> {
    const { slot, lease } = this.claim
    const words = splitWords(text)
    if (!words) return { code: 2, error: `a quote is not closed: ${text}` }
    const { emit } = this.#options.work
    const tell = (line: string) => emit({ type: 'note', message: `${slot.job} ${slot.slot}: ${line}` })
    this.#command = new SlotCommand(
      this.#options.program,
      words,
      { slot: slot.slot, epoch: lease.epoch },
      tell,
    )
    return await this.#command.ended
  }

  async #advance(commandsDone: number): Promise<void> {
    await this.#underLease((session) =>
      advanceSlot(session, this.claim.slot.slot, this.claim.lease.epoch, commandsDone),
    )
  }

  async #conclude({ code, error }: CommandEnd): Promise<SlotResult> {
    const { slot, lease, definition } = this.claim
    // A command whose connections were ended by a take-over, or by a restart of the server, did not fail: it was not finished.
    if (code !== 0 && !this.#stop && !(await lease.renew())) this.#stop = 'lost'
    const stop = this.#stop
    if (stop === 'lost') return { exitCode: code, outcome: undefined, reason: lost }
    if (stop === 'handed over' && code !== 0) {
      await this.#underLease((session) => handOverSlot(session, slot.slot, lease.epoch))
      return { exitCode: code, outcome: undefined, reason: 'handed over' }
    }
    const why: Partial<Record<Stop, string>> = {
      timeout: `ended after ${definition.timeout} s, its timeout`,
      cancelled: 'cancelled: the next one was due',
    }
    // What was stopped did not do all that it is there for, even if the command made a clean end.
    const exitCode = stop && code === 0 && stop !== 'handed over' ? 1 : code
    const reason = (stop && why[stop]) ?? error?.slice(0, 1000) ?? null
    const outcome = await this.#underLease((session) =>
      finishSlot(session, slot.slot, lease.epoch, exitCode, reason),
    )
    return { exitCode, outcome, reason: this.#stop === 'lost' ? lost : reason }
  }

  /** In a transaction that keeps the slot ours until its commit, whatever it takes to reach the server. */
  async #underLease<T>(body: (session: Session) => Promise<T>): Promise<T | undefined> {
    const { target, work } = this.#options
    const { lease } = this.claim
    const deadline = performance.now() + patience * 1000
    for (let pause = 250; ; pause = Math.min(pause * 2, 5000)) {
      try {
        await using session = await Session.open(target, `dwh ${lease.work}`, work)
        return await inTransaction(session, async () => {
          await lease.check(session)
          return await body(session)
        })
      } catch (thrown) {
        const error = toDwhError(thrown)
        if (error instanceof DwhError && error.code === 'LEASE_LOST') {
          this.#stop = 'lost'
          work.emit({ type: 'warning', message: error.message })
          return undefined
        }
        if (!isGone(error) || performance.now() > deadline) throw error
        await sleep(pause)
      }
    }
  }
}

export function isGone({ code }: DwhError): boolean {
  return code === 'SERVER_WENT_AWAY' || code === 'SERVER_UNREACHABLE'
}
