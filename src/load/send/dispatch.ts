import { DwhError } from '../../errors.ts'
import type { Session } from '../../postgres/session.ts'
import type { Batch, Reader } from '../../sources/file/reader.ts'
import type { Landing } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { bringByArrivals, sift } from './arrivals.ts'
import { AtOnce } from './at-once.ts'
import { BinaryRows } from './binary-rows.ts'
import { StraightBytes } from './bytes.ts'
import { type Caution, faultOf, LastingCaution, PassingCaution } from './care.ts'
import { Carrier } from './carrier.ts'
import { certainRecord } from './examine.ts'
import { copyLines, goodRecords } from './lines.ts'
import type { Outcome, Refused } from './refused.ts'
import type { RejectLog } from './reject-log.ts'

/** Decides, for all connections of one load, in which way each batch is brought. */
export class Dispatch {
  readonly target: LoadTarget
  readonly landing: Landing
  readonly rejects: RejectLog
  /** Rows that have arrived in the landing. */
  landed = 0
  readonly #reader: Reader
  readonly #straight: StraightBytes | undefined
  readonly #atOnce: AtOnce | undefined
  readonly #binary: BinaryRows | undefined
  readonly #caution: Caution
  readonly #carriers = new WeakMap<Session, Carrier>()

  constructor(reader: Reader, target: LoadTarget, landing: Landing, rejects: RejectLog) {
    this.#reader = reader
    this.target = target
    this.landing = landing
    this.rejects = rejects
    this.#straight = StraightBytes.of(target)
    this.#atOnce = AtOnce.of(target, landing, this.#straight)
    this.#binary = BinaryRows.of(target, landing)
    this.#caution = this.#atOnce ? new PassingCaution() : lastingCaution(target, landing)
  }

  /** Sends one batch, with whatever care it needs. Each record of it has landed afterwards, or is a reject. */
  async send(session: Session, batch: Batch): Promise<void> {
    const carrier =
      this.#carriers.get(session) ?? new Carrier(session, this.target, this.landing, this.#reader)
    this.#carriers.set(session, carrier)
    const { landed, refused } = await this.#bring(carrier, batch)
    this.landed += landed
    await this.rejects.add(
      refused.map(({ record, place, reasons, source = batch }) => ({
        record: place,
        line: record.line,
        offset: record.offset,
        original: source.original(record),
        reasons,
      })),
      refused.reduce((sum, { record }) => sum + (record.swallowed ?? 0), 0),
    )
  }

  async #bring(carrier: Carrier, batch: Batch): Promise<Outcome> {
    // Places are written before lines, and only where there are no quotes each line is a record.
    const raw = batch.plain || !this.landing.isPlaced ? batch.raw : undefined
    let { care } = this.#caution
    if (care === 'none') {
      const outcome = await carrier.attempt(() => this.#bringUnseen(carrier, batch, raw))
      if (!(outcome instanceof DwhError)) return outcome
      care = this.#caution.learn(faultOf(outcome))
    }
    if (care === 'types') {
      const outcome = await carrier.attempt(() => this.#bringCertain(carrier, batch, raw))
      if (!(outcome instanceof DwhError)) return outcome
      this.#caution.learn(faultOf(outcome))
    }
    return await bringByArrivals(carrier, batch)
  }

  async #bringUnseen(carrier: Carrier, batch: Batch, raw: Buffer | undefined): Promise<Outcome> {
    const outcome = await this.#binary?.bring(carrier, batch)
    if (outcome) return outcome
    if (this.#atOnce) return this.#atOnce.bring(carrier, batch, raw)
    return raw && this.#straight ? this.#straight.copyAll(carrier, batch, raw) : copyLines(carrier, batch)
  }

  async #bringCertain(carrier: Carrier, batch: Batch, raw: Buffer | undefined): Promise<Outcome> {
    if (raw && this.#straight) return await this.#straight.copyCertain(carrier, batch, raw)
    const broken: Refused[] = []
    const whole = [...goodRecords(batch, broken)]
    const certain = certainRecord(this.target)
    const { fine, refused } = await sift(carrier.session, this.target, whole, (record) => !certain(record))
    const { landed } = await copyLines(carrier, fine)
    return { landed, refused: [...broken, ...refused] }
  }
}

/** The target itself does not refuse what only the warehouse file does. */
function lastingCaution(target: LoadTarget, { kind }: Landing): Caution {
  const demands = target.columns.some((column) => !column.not_null && target.mustHaveValue(column))
  if (target.plan.derived) return new LastingCaution('all', false)
  return new LastingCaution(kind === 'target' && demands ? 'types' : 'none', true)
}
