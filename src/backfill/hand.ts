import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { BackfillSettings } from '../ledger/backfills.ts'
import { type Claim, claimChunk } from '../ledger/chunks.ts'
import { Crew } from '../postgres/crew.ts'
import { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Target } from '../postgres/target.ts'
import { Refused } from '../sources/http/trouble.ts'
import { attempt, type Bench, type Tools } from './attempt.ts'
import { ChunkWork, chunkName } from './chunk-work.ts'
import { codeOf } from './code.ts'
import { type Settled, settle } from './settle.ts'

/** Milliseconds between two looks for a chunk where there was none. */
const idlePause = 500

/** What a hand is told, and whom it tells. */
export interface Foreman {
  readonly backfill: number
  readonly run: number
  readonly target: Target
  readonly bench: Bench
  /** A connection that nothing stops. */
  readonly control: Session
  readonly settings: BackfillSettings
  /** Connections of a hand that send rows. */
  readonly jobs: number
  /** Whether a hand shall look for another chunk. */
  wants(hand: number): boolean
  /** Whether a chunk may be begun now. */
  mayBegin(): boolean
  /** A hand rests for so many milliseconds, for it has found no chunk. */
  idle(milliseconds: number): Promise<void>
  /** An attempt is at work until what comes back is disposed of. */
  begin(claim: Claim, work: ChunkWork): Disposable
  tell(claim: Claim, settled: Settled, error?: DwhError): void
  /** Stops every hand, after an error that is not of one chunk alone. */
  stop(error: DwhError): void
}

/** One chunk after the other, over connections of its own that live as long as nothing goes wrong. */
export class Hand {
  readonly #shift: Foreman
  readonly #work: Work
  readonly #number: number
  #tools: Tools | undefined

  constructor(shift: Foreman, work: Work, number: number) {
    this.#shift = shift
    this.#work = work
    this.#number = number
  }

  /** Works until the shift wants this hand no more. */
  async work(): Promise<void> {
    const shift = this.#shift
    try {
      while (shift.wants(this.#number)) {
        const tools = await this.#readyTools()
        const found = shift.mayBegin()
          ? await claimChunk(tools.session, shift.backfill, shift.run)
          : undefined
        if (found === 'busy') await sleep(5 + Math.random() * 20)
        else if (found) await this.#do(tools, found)
        else await shift.idle(idlePause * (0.5 + Math.random()))
      }
    } catch (error) {
      if (!this.#work.signal.aborted) shift.stop(toDwhError(error))
    } finally {
      await this.#dropTools()
    }
  }

  async #do(tools: Tools, claim: Claim): Promise<void> {
    const shift = this.#shift
    const name = chunkName(claim)
    const work = new ChunkWork(this.#work, this.#work.signal, name)
    using _ = shift.begin(claim, work)
    try {
      requirePlanned(shift, claim)
      const result = await attempt(shift.bench, tools, work, claim, shift.settings)
      shift.tell(claim, { state: 'ended', ...result, load: result.load ?? null })
      await renew(tools)
    } catch (thrown) {
      const error = toDwhError(this.#work.signal.aborted ? this.#work.signal.reason : thrown)
      await this.#dropTools()
      if (error.code === 'LEASE_LOST') throw error
      const settled = await settle(
        shift.control,
        claim,
        error,
        shift.settings,
        this.#work.signal.aborted || isOfWorker(error),
      )
      shift.tell(claim, settled, error)
      if (isOfWorker(error)) throw named(error, name, shift.backfill)
    }
  }

  async #readyTools(): Promise<Tools> {
    if (this.#tools) return this.#tools
    const { target, bench, jobs, backfill } = this.#shift
    const name = `dwh backfill ${backfill}`
    const session = await Session.open(target, name, this.#work)
    try {
      await bench.lease.join(session)
      const crew = await Crew.hire(session, this.#work, jobs, name)
      this.#tools = { session, crew }
      for (const member of crew.sessions) await bench.lease.join(member)
      return this.#tools
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    }
  }

  async #dropTools(): Promise<void> {
    const tools = this.#tools
    this.#tools = undefined
    await tools?.crew[Symbol.asyncDispose]()
    await tools?.session[Symbol.asyncDispose]()
  }
}

/** A load leaves settings and temporary tables behind that are not those of the next one. */
async function renew({ session, crew }: Tools): Promise<void> {
  for (const member of [session, ...crew.sessions]) {
    await member.run('DISCARD ALL')
    await member.rows(sql('postgres/pin_session'))
  }
}

/** What the next chunk would fail with too. What a host refuses of one question tells nothing of the others, but for a login. */
function isOfWorker(error: DwhError): boolean {
  const { code } = error
  if (error instanceof Refused && code !== 'LOGIN_REFUSED') return false
  return ['DISK_FULL', 'CONFIG_INVALID', 'CONFIG_MISSING', 'PRIVILEGE_MISSING', 'LOGIN_REFUSED'].includes(
    code,
  )
}

/** Which of many sources it was; a backfill that has filled a disk is paused. */
function named(error: DwhError, chunk: string, backfill: number): DwhError {
  const hint =
    error.code === 'DISK_FULL'
      ? `backfill ${backfill} is paused: free some room, and then: dwh backfill retry ${backfill}`
      : error.hint
  return new DwhError(error.code, `${chunk}: ${error.message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** @throws DwhError CONFIG_INVALID where this machine would make other rows than those that were planned */
function requirePlanned({ bench: { warehouse }, backfill }: Foreman, claim: Claim): void {
  if (codeOf(warehouse, claim.dataset, claim.source) === claim.code) return
  throw new DwhError(
    'CONFIG_INVALID',
    `${warehouse.path} says something else about ${claim.dataset}/${claim.source} than when backfill ${backfill} was planned`,
    {
      hint: `work with the file as it was; or let the rest be read by the new one: dwh backfill cancel ${backfill}, and then dwh backfill retry ${backfill}`,
    },
  )
}
