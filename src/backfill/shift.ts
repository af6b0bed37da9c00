import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type BackfillSettings, type OpenWork, openWork } from '../ledger/backfills.ts'
import type { Claim } from '../ledger/chunk.ts'
import { failDependents, tellProgress } from '../ledger/chunks.ts'
import { releaseDead } from '../ledger/workers.ts'
import type { Session } from '../postgres/session.ts'
import type { Target } from '../postgres/target.ts'
import { type Hours, isOpen, nextOpening, readHours } from '../warehouse/hours.ts'
import type { Bench } from './attempt.ts'
import { type ChunkWork, chunkName } from './chunk-work.ts'
import { endLine, failureLine } from './end-line.ts'
import { failures } from './gates.ts'
import { type Foreman, Hand } from './hand.ts'
import type { Settled } from './settle.ts'

/** Milliseconds between two looks at what is wanted, two signs of life, two searches for dead workers. */
const beat = 1000

export interface ShiftOptions {
  backfill: number
  target: Target
  bench: Bench
  /** A connection that nothing stops: it writes down that the work was stopped. */
  control: Session
  /** Hands of this process at the most. */
  hands: number
}

/** The work of one process on one backfill: its hands, and the beat that watches over them. */
export class Shift implements Foreman {
  readonly backfill: number
  readonly run: number
  readonly target: Target
  readonly bench: Bench
  readonly control: Session
  readonly #most: number
  readonly #work: Work
  readonly #stopper: AbortController
  readonly #attempts = new Map<number, { claim: Claim; work: ChunkWork }>()
  readonly #hands = new Map<number, Promise<void>>()
  #state: OpenWork
  #hours: Hours | undefined
  #waitsUntil: number | undefined
  /** Aborted when no chunk is to be begun any more. */
  readonly #ending = new AbortController()
  #hurry = new AbortController()
  #failure: DwhError | undefined
  #rows = 0
  #rejects = 0

  constructor(options: ShiftOptions, work: Work, stopper: AbortController, state: OpenWork) {
    this.backfill = options.backfill
    this.run = options.bench.run
    this.target = options.target
    this.bench = options.bench
    this.control = options.control
    this.#most = options.hands
    this.#work = work
    this.#stopper = stopper
    this.#state = state
    this.#hours = state.settings.hours === null ? undefined : readHours(state.settings.hours)
    // Every hand that is idle listens to it.
    setMaxListeners(0, this.#ending.signal)
    work.signal.addEventListener('abort', () => this.#ending.abort(), { once: true })
    if (work.signal.aborted) this.#ending.abort()
  }

  get settings(): BackfillSettings {
    return this.#state.settings
  }

  /** Connections of a hand that send rows: two only where it is alone. */
  get jobs(): number {
    return this.#state.parallel > 1 ? 1 : 2
  }

  wants(hand: number): boolean {
    return !this.#ending.signal.aborted && hand < Math.min(this.#state.parallel, this.#most)
  }

  mayBegin(): boolean {
    if (this.#state.wanted !== 'run') return false
    const now = Temporal.Now.instant()
    if (!this.#hours || isOpen(this.#hours, now)) return true
    const next = nextOpening(this.#hours, now)
    if (this.#waitsUntil !== next.epochMilliseconds)
      this.#note(`outside of ${this.#hours.text}: goes on at ${next.round('minute')}`)
    this.#waitsUntil = next.epochMilliseconds
    return false
  }

  begin(claim: Claim, work: ChunkWork): Disposable {
    this.#attempts.set(claim.chunk, { claim, work })
    return { [Symbol.dispose]: () => void this.#attempts.delete(claim.chunk) }
  }

  /** A hand has found nothing to do: where the others have nothing either, all may be done. */
  async idle(milliseconds: number): Promise<void> {
    if (this.#attempts.size === 0 && this.mayBegin()) this.#hurry.abort()
    await rest(milliseconds, this.#ending.signal)
  }

  /** Says how an attempt has ended. */
  tell(claim: Claim, settled: Settled, error?: DwhError): void {
    if (settled.state === 'ended') {
      const { figures, outcome, gates } = settled
      this.#rows += figures.records
      this.#rejects += figures.rejected
      const detail = endLine(claim, settled)
      const name = chunkName(claim)
      if (outcome === 'done')
        this.#work.emit({ type: 'step', step: name, state: 'done', detail, seconds: figures.seconds })
      else {
        const why = failures(gates).map((gate) => `, ${gate}`)
        this.#work.emit({ type: 'warning', message: `${name}: ${outcome}${why.join('')}: ${detail}` })
      }
    } else if (settled.state !== 'released' && error) {
      this.#work.emit({
        type: 'warning',
        message: failureLine(claim, settled, error, this.settings.retries),
      })
      if (settled.state === 'failed' && this.settings.stop_on_error) this.#ending.abort()
    }
  }

  stop(error: DwhError): void {
    this.#failure ??= error
    this.#ending.abort()
    if (!this.#stopper.signal.aborted) this.#stopper.abort(error)
  }

  /** @throws DwhError what has stopped it, INTERRUPTED among them; the ledger knows how each chunk has ended */
  async work(): Promise<void> {
    for (;;) {
      try {
        await this.#beat()
      } catch (error) {
        this.stop(error as DwhError)
      }
      if (this.#ending.signal.aborted) break
      this.#hurry = new AbortController()
      await rest(beat, AbortSignal.any([this.#ending.signal, this.#hurry.signal]))
    }
    await Promise.all(this.#hands.values())
    if (this.#failure) throw this.#failure
    this.#work.signal.throwIfAborted()
    // Somebody may have taken over what a hand had begun, and done all the rest.
    await this.bench.lease.check(this.control)
  }

  async #beat(): Promise<void> {
    await this.#tellProgress()
    await this.bench.lease.check(this.control)
    if (!this.bench.lease.isRenewed)
      throw new DwhError(
        'SERVER_WENT_AWAY',
        `the connection that renews the lease of run ${this.run} has gone`,
      )
    await releaseDead(this.control, this.#work, this.run, this.backfill)
    if (this.settings.after) await this.#failDependents()
    const state = await openWork(this.control, this.backfill, this.run)
    if (!state) throw new DwhError('LEASE_LOST', `backfill ${this.backfill} is not in the ledger any more`)
    if (state.wanted !== this.#state.wanted && state.wanted !== 'cancel')
      this.#note(
        state.wanted === 'pause'
          ? `backfill ${this.backfill} is paused: what is begun is finished; dwh backfill resume ${this.backfill} goes on, Ctrl-C leaves`
          : `backfill ${this.backfill} goes on`,
      )
    this.#state = state
    if (state.wanted === 'cancel') return this.stop(cancelled(this.backfill))
    // Whoever has paused it because of an error does not wait for somebody to resume it.
    const isGivenUp = state.wanted === 'pause' && state.settings.stop_on_error && state.short > 0
    if (state.open === 0 || isGivenUp) this.#ending.abort()
    for (let hand = 0; this.wants(hand); hand++) {
      if (this.#hands.has(hand)) continue
      const working = new Hand(this, this.#work, hand).work().finally(() => this.#hands.delete(hand))
      this.#hands.set(hand, working)
    }
  }

  /** Computed of days that have not come they would be empty, and count as done. */
  async #failDependents(): Promise<void> {
    for (const chunk of await failDependents(this.control, this.backfill))
      this.#work.emit({ type: 'warning', message: `${chunkName(chunk)}: failed: ${chunk.error}` })
  }

  async #tellProgress(): Promise<void> {
    const attempts = [...this.#attempts.values()]
    const { chunks, open, short } = this.#state
    const sum = (of: (work: ChunkWork) => number) => attempts.reduce((all, { work }) => all + of(work), 0)
    this.#work.emit({
      type: 'progress',
      step: `backfill ${this.backfill}`,
      done: chunks - open,
      total: chunks,
      unit: 'windows',
      short,
      rows: this.#rows + sum(({ progress }) => progress.rows),
      rejects: this.#rejects + sum(({ progress }) => progress.rejects),
    })
    await tellProgress(
      this.control,
      this.run,
      attempts.map(({ claim, work }) => ({
        chunk: claim.chunk,
        attempt: claim.attempts,
        progress: work.progress,
      })),
    )
  }

  #note(message: string): void {
    this.#work.emit({ type: 'note', message })
  }
}

/** Until a time has passed, or somebody wants no more rest. */
async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {})
}

function cancelled(backfill: number): DwhError {
  return new DwhError('INTERRUPTED', `backfill ${backfill} was cancelled; what was not finished is undone`, {
    hint: `what is done stays; dwh backfill retry ${backfill} takes the rest up again`,
  })
}
