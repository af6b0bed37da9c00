import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type JobDefinition, listJobs, seeJobs } from '../ledger/jobs.ts'
import { renewRun } from '../ledger/runs.ts'
import { openSlots, pruneSlots } from '../ledger/slots.ts'
import { Session } from '../postgres/session.ts'
import type { Target } from '../postgres/target.ts'
import { type Attendant, attend, type Claim, wantsAttention } from './claim.ts'
import { nextDue } from './due.ts'
import { isGone, SlotRun } from './slot-run.ts'
import { Spare } from './spare.ts'

export interface DaemonOptions extends Attendant {
  target: Target
  /** The words before those of a command. */
  program: string[]
  /** Does what is due now, and ends. */
  once: boolean
  /** Seconds that what works may go on for after the signal to stop, before it is handed over. */
  grace: number
  /** Seconds that slots are kept. */
  retention: number
  /** The jobs, where the warehouse file has changed since it was asked last. */
  changed?: () => ReadonlyMap<string, JobDefinition> | undefined
  /** Called once a minute, and when a slot has ended; one call at a time. */
  upkeep?: () => Promise<void>
}

/** Milliseconds after which everything is looked at anew, whatever the timers say. */
const longestSleep = 500
/** Milliseconds until a server that has gone is asked again. */
const afterFailure = 1000
const upkeepEvery = 60_000
/** Turns in a row that may fail for whatever is no outage: a full disk, a lock, a deadlock. */
const mostFailures = 60
const pruneEvery = 86_400_000

/**
 * Attends to the jobs of a warehouse, beside any number of others who do, on this machine and on others. All that it knows stands in
 * the ledger and is read anew at every turn; its timers only wake it.
 */
export class Daemon {
  readonly #options: DaemonOptions
  readonly #work: Work
  /** Is not interrupted: what works has to be ended and written down. */
  readonly #quiet: Work
  readonly #running = new Set<SlotRun>()
  #jobs: ReadonlyMap<string, JobDefinition>
  #session: Session | undefined
  #failures = 0
  #wake = new AbortController()
  #upkeep: Promise<void> | undefined
  #upkeepAt = Number.NEGATIVE_INFINITY
  #prunedAt = Number.NEGATIVE_INFINITY
  readonly #spare = new Spare()
  readonly #warned = new Set<string>()
  /** Slots of ours that ended with an error. */
  failed = 0
  ended = 0

  constructor(work: Work, options: DaemonOptions) {
    this.#options = options
    this.#jobs = options.jobs
    this.#work = work
    const emit: Work['emit'] = (event) => {
      // A daemon that lives for a year asks every second.
      if (event.type !== 'statement') work.emit(event)
    }
    this.#quiet = { emit, signal: new AbortController().signal }
    // Every connection listens to it.
    setMaxListeners(0, this.#quiet.signal)
    work.signal.addEventListener('abort', () => this.#wake.abort())
  }

  /** Works until it is told to stop; with `once` until what was due has ended. */
  async run(): Promise<void> {
    try {
      for (let isFirst = true; !this.#work.signal.aborted; isFirst = false) {
        const pause = await this.#turn(isFirst)
        if (this.#options.once && this.#running.size === 0) break
        await this.#sleep(pause)
      }
    } finally {
      await this.#leave()
    }
  }

  /** @returns milliseconds until the next one */
  async #turn(isFirst: boolean): Promise<number> {
    try {
      const session = await this.#connect(isFirst)
      const pause = await this.#look(session, isFirst)
      await this.#tidy(session)
      if (!this.#options.once) await this.#spare.fill(session, `dwh lease ${this.#options.run}`)
      this.#failures = 0
      return pause
    } catch (thrown) {
      const error = toDwhError(thrown)
      this.#failures += isGone(error) ? 0 : 1
      if (isFirst || needsPeople(error) || this.#failures > mostFailures) throw error
      // A take-over of one of our slots ends this connection too, and so does the server when we stood still for too long.
      if (this.#session) this.#work.emit({ type: 'warning', message: `${error.message}; connecting again` })
      await this.#session?.[Symbol.asyncDispose]()
      this.#session = undefined
      await this.#spare[Symbol.asyncDispose]()
      this.#stopLost()
      return afterFailure
    }
  }

  async #connect(isFirst: boolean): Promise<Session> {
    if (this.#session) return this.#session
    const { target, run, warehouse, clock } = this.#options
    const session = await Session.open(target, `dwh schedule ${run}`, this.#quiet)
    this.#session = session
    if (isFirst) await seeJobs(session, warehouse, this.#jobs, clock)
    else await renewRun(session, run)
    return session
  }

  async #look(session: Session, isFirst: boolean): Promise<number> {
    const { warehouse, clock, changed, once } = this.#options
    const jobs = changed?.()
    if (jobs) {
      this.#jobs = jobs
      await seeJobs(session, warehouse, jobs, clock)
      this.#work.emit({ type: 'note', message: 'the warehouse file has changed: its jobs are those of now' })
    }
    const slots = await openSlots(session, warehouse)
    this.#stopLost()
    for (const own of this.#running) {
      const { slot } = own.claim.slot
      const now = slots.find((one) => one.slot === slot)
      if (now?.epoch !== own.claim.lease.epoch && !own.isOver) void own.stop('lost')
      else if (now?.cancel_at) void own.stop('cancelled')
    }
    let pause = longestSleep
    const known = await listJobs(session, warehouse, clock)
    for (const job of known) {
      try {
        const mayStart = !once || isFirst
        if (mayStart && wantsAttention(job, known, slots)) {
          const attendant = { ...this.#options, jobs: this.#jobs, spare: this.#spare }
          const claim = await attend(session, this.#quiet, attendant, job.job)
          if (claim) this.#start(claim)
        }
        if (!job.gone_at && !job.paused_at)
          pause = Math.min(pause, nextDue(job.definition, job.now.getTime()) - job.now.getTime() + 1)
      } catch (error) {
        // A zone that only the machine of another daemon knows must not keep the other jobs from being run.
        if (!(error instanceof RangeError)) throw error
        this.#warnOnce(`${job.job}: ${error.message}; another daemon may know better`)
      }
    }
    return pause
  }

  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.#work.emit({ type: 'warning', message })
  }

  #start(claim: Claim): void {
    const { slot, definition } = claim
    const { target, program } = this.#options
    const tell = (message: string) => this.#work.emit({ type: 'note', message })
    const again = slot.attempts > 0 ? ', whose daemon died, is taken up again' : ''
    tell(`${slot.job} ${slot.slot}, due ${slot.due_at.toISOString()}${again}: ${definition.run.join('; ')}`)
    const run = new SlotRun(claim, { target, program, work: this.#quiet })
    this.#running.add(run)
    run.ended
      .then(({ exitCode, outcome, reason }) => {
        this.ended += 1
        if (outcome !== undefined && exitCode !== 0) this.failed += 1
        tell(
          `${slot.job} ${slot.slot}: ${outcome ?? 'not ended'}, exit code ${exitCode}${reason ? `: ${reason}` : ''}`,
        )
      })
      .catch((error) => {
        this.failed += 1
        this.#work.emit({
          type: 'warning',
          message: `${slot.job} ${slot.slot}: ${toDwhError(error).message}`,
        })
      })
      .finally(() => {
        this.#running.delete(run)
        this.#upkeepAt = Number.NEGATIVE_INFINITY
        this.#wake.abort()
      })
  }

  /** A lease whose connection has gone is with another soon: whatever works under it ends. */
  #stopLost(): void {
    for (const own of this.#running) if (own.isLost && !own.isOver) void own.stop('lost')
  }

  async #tidy(session: Session): Promise<void> {
    const { upkeep, warehouse, retention } = this.#options
    const now = performance.now()
    if (now - this.#prunedAt > pruneEvery) {
      this.#prunedAt = now
      await pruneSlots(session, warehouse, retention)
    }
    if (!upkeep || this.#upkeep || now - this.#upkeepAt < upkeepEvery) return
    this.#upkeepAt = now
    this.#upkeep = upkeep()
      .catch((error) => this.#work.emit({ type: 'warning', message: toDwhError(error).message }))
      .finally(() => {
        this.#upkeep = undefined
      })
  }

  async #sleep(milliseconds: number): Promise<void> {
    if (this.#wake.signal.aborted) this.#wake = new AbortController()
    if (this.#work.signal.aborted) return
    await sleep(Math.max(10, milliseconds), undefined, { signal: this.#wake.signal }).catch(() => {})
  }

  /** What works may come to its end for a while; what has not by then is handed over. */
  async #leave(): Promise<void> {
    const { grace, upkeep, once } = this.#options
    const all = () => Promise.allSettled([...this.#running].map(({ ended }) => ended))
    if (this.#running.size > 0) {
      const message = `no slot is begun any more; what works has ${grace} s, then it is handed over`
      this.#work.emit({ type: 'note', message })
      const patience = new AbortController()
      const waited = sleep(grace * 1000, undefined, { signal: patience.signal }).catch(() => {})
      await Promise.race([all(), waited])
      patience.abort()
      await Promise.all([...this.#running].map((own) => own.stop('handed over')))
      await all()
    }
    await this.#upkeep
    // Whoever runs it by cron wants to be told now.
    if (once && this.ended > 0) await upkeep?.()
    await this.#spare[Symbol.asyncDispose]()
    await this.#session?.[Symbol.asyncDispose]()
  }
}

/** The role is gone, the database, a privilege: trying again mends nothing. */
function needsPeople({ code, exit }: DwhError): boolean {
  return exit === 3 && code !== 'SERVER_UNREACHABLE'
}
