import { isUtf8 } from 'node:buffer'
import { DwhError } from '../../errors.ts'
import type { Reason } from '../../ledger/rejects.ts'
import { relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { hasState, hasStateClass, sqlstate } from '../../postgres/sqlstate.ts'
import type { Batch, InputRecord, Reader } from '../../sources/file/reader.ts'
import { type FilledColumn, placeColumn } from '../columns.ts'
import type { Landing } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { copyRecords, type Placed, type Refused, sendByArrival, sift } from './arrivals.ts'
import { copyStatement } from './encode.ts'
import { certainty } from './examine.ts'
import { type ByteExamination, byteExamination, doubtfulSpans } from './examine-bytes.ts'
import type { RejectLog } from './reject-log.ts'
import { Scratch } from './scratch.ts'

/**
 * How much is looked at before the server is shown a batch; what a batch fails with decides how the next ones begin.
 *
 * - `none`: nothing: the records go as they stand.
 * - `types`: fields are compared with the types of their columns, and what is in doubt is judged by the server.
 * - `all`: rows go by a table without constraints, where the server finds all that breaks one.
 */
type Care = 'none' | 'types' | 'all'

/** What a batch that did not arrive has failed with. */
type Fault = 'value' | 'constraint' | 'leaf'

/** A record that the server must be asked about, and where in its batch's bytes it ends, line end included. */
interface Doubtful extends Placed {
  end: number
}

/** What all connections of one load share. */
export class Dispatch {
  readonly target: LoadTarget
  readonly landing: Landing
  readonly rejects: RejectLog
  /** Rows that have arrived in the landing. */
  landed = 0
  readonly #reader: Reader
  /** The column of the table for each of the file, where the bytes of the file are what COPY wants as they stand. */
  readonly #straight: FilledColumn[] | undefined
  /** Undefined where expressions compute values. */
  readonly #certain: ((record: InputRecord) => boolean) | undefined
  /** By column of the file; only where the bytes are sent as they stand. */
  readonly #examinations: ByteExamination[]
  readonly #scratches = new WeakMap<Session, Scratch>()
  #care: Care

  constructor(reader: Reader, target: LoadTarget, landing: Landing, rejects: RejectLog) {
    this.#reader = reader
    this.target = target
    this.landing = landing
    this.rejects = rejects
    this.#straight = straightColumns(target)
    this.#certain = certainRecord(target)
    this.#examinations = (this.#straight ?? []).map(({ column }) =>
      byteExamination(column, target.mustHaveValue(column)),
    )
    this.#care = firstCare(target, landing)
  }

  /** Sends one batch, with whatever care it needs. Each record of it has landed afterwards, or is a reject. */
  async send(session: Session, batch: Batch): Promise<void> {
    const refused = await this.#deliver(session, batch)
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

  async #deliver(session: Session, batch: Batch): Promise<Refused[]> {
    // Places are written before lines, and only where there are no quotes each line is a record.
    const raw = this.#straight && (batch.plain || !this.landing.isPlaced) ? batch.raw : undefined
    let care = this.#care
    if (care === 'none' && raw) {
      const fault = await this.#try(session, () => this.#copyRaw(session, batch, raw, []))
      if (!fault) return []
      care = this.#learn(fault)
    }
    if (care === 'types' && raw && this.#certain) {
      const doubtful = this.#doubtful(batch, raw)
      const refused = await this.#refuse(session, doubtful)
      const places = new Set(refused.map(({ place }) => place))
      const out = doubtful.filter(({ place }) => places.has(place))
      const fault = await this.#try(session, () => this.#copyRaw(session, batch, raw, out))
      if (!fault) return refused
      care = this.#learn(fault)
    }
    return this.#deliverRecords(session, batch, care)
  }

  async #deliverRecords(session: Session, batch: Batch, asked: Care): Promise<Refused[]> {
    let care = asked
    if (care === 'none') {
      const broken: Refused[] = []
      const fault = await this.#try(session, () => this.#copyRecords(session, goodRecords(batch, broken)))
      if (!fault) return broken
      care = this.#learn(fault)
    }
    const broken: Refused[] = []
    const whole = [...goodRecords(batch, broken)]
    const certain = this.#certain
    // Expressions compute values that nobody has seen yet: the arrivals show whether they are right.
    const { fine, refused } = certain
      ? await sift(session, this.target, whole, (record) => !certain(record))
      : { fine: whole, refused: [] }
    const out = [...broken, ...refused]
    if (care === 'types') {
      const fault = await this.#try(session, () => this.#copyRecords(session, fine))
      if (!fault) return out
      this.#learn(fault)
    }
    const attempt = (work: () => Promise<void>) => this.#attempt(session, work)
    const arrived = await sendByArrival(
      session,
      this.target,
      this.landing,
      fine,
      attempt,
      this.#scratch(session),
    )
    this.#count(arrived.landed, fine.length - arrived.refused.length)
    return [...out, ...arrived.refused]
  }

  /** Sends the bytes of the file as they stand, but for some records, behind their places where the landing has them. */
  async #copyRaw(session: Session, batch: Batch, raw: Buffer, without: Doubtful[]): Promise<void> {
    const { dialect } = this.#reader
    const columns = (this.#straight ?? []).map(({ column }) => column.name)
    const { isPlaced, name } = this.landing
    const statement = copyStatement(relation(name), isPlaced ? [placeColumn, ...columns] : columns, dialect)
    const rows = await session.copyIn(
      statement,
      isPlaced || without.length > 0 ? this.#piecesOf(session, batch, raw, without) : raw,
    )
    this.#count(rows, batch.count - without.length)
  }

  #piecesOf(session: Session, batch: Batch, raw: Buffer, without: Doubtful[]): Buffer {
    const scratch = this.#scratch(session).clear()
    const { delimiter } = this.#reader.dialect
    let from = 0
    let place = batch.firstRecord
    for (const one of [...without, undefined]) {
      const to = one ? one.record.offset - batch.offset : raw.length
      if (this.landing.isPlaced) scratch.numbered(raw, from, to, place, delimiter)
      else scratch.copy(raw, from, to)
      if (one) {
        from = one.end
        place = one.place + 1
      }
    }
    return scratch.filled
  }

  #scratch(session: Session): Scratch {
    const found = this.#scratches.get(session) ?? new Scratch()
    this.#scratches.set(session, found)
    return found
  }

  async #copyRecords(session: Session, records: Iterable<Placed>): Promise<void> {
    const { target, landing } = this
    const scratch = this.#scratch(session)
    const { sent, rows } = await copyRecords(
      session,
      target,
      relation(landing.name),
      records,
      landing.isPlaced,
      scratch,
    )
    this.#count(rows, sent)
  }

  /** A trigger may have kept rows, or the server have read the bytes otherwise than we have. */
  #count(rows: number, expected: number): void {
    if (rows !== expected)
      throw new DwhError(
        'PROOF_FAILED',
        `of ${expected} rows ${rows} came to ${shown(this.landing.name)}; nothing was loaded`,
        { hint: 'a trigger or a rule may keep rows: see which, and run the same command again' },
      )
    this.landed += rows
  }

  /** What of the records in doubt cannot be loaded. */
  async #refuse(session: Session, doubtful: Doubtful[]): Promise<Refused[]> {
    const broken = doubtful.filter(({ record }) => record.problem)
    const whole = doubtful.filter(({ record }) => !record.problem)
    const { refused } = await sift(session, this.target, whole, () => true)
    return [...broken.map(asRefused), ...refused]
  }

  #doubtful(batch: Batch, raw: Buffer): Doubtful[] {
    return this.#doubtfulLines(batch, raw) ?? this.#doubtfulRecords(batch, raw)
  }

  #doubtfulLines(batch: Batch, raw: Buffer): Doubtful[] | undefined {
    const { plain, part } = batch
    if (!plain || !part || !(this.#reader.dialect.encoding !== 'UTF8' || isUtf8(raw))) return undefined
    const { delimiter, nullText } = this.#reader.dialect
    const spans = doubtfulSpans(raw, delimiter.charCodeAt(0), Buffer.from(nullText), this.#examinations)
    return spans?.map(({ index, from, to }) => {
      const source = part.call(batch, index, from, to)
      const [record] = source.records()
      return { record: record as InputRecord, place: batch.firstRecord + index, end: to, source }
    })
  }

  #doubtfulRecords(batch: Batch, raw: Buffer): Doubtful[] {
    const certain = this.#certain as (record: InputRecord) => boolean
    const doubtful: Doubtful[] = []
    let place = batch.firstRecord
    let last: { end: number } | undefined
    for (const record of batch.records()) {
      if (last) last.end = record.offset - batch.offset
      last = undefined
      if (record.problem || !certain(record)) {
        const one = { record, place, end: raw.length }
        doubtful.push(one)
        last = one
      }
      place += 1
    }
    return doubtful
  }

  /** @returns undefined when it went well */
  async #try(session: Session, work: () => Promise<void>): Promise<Fault | undefined> {
    const error = await this.#attempt(session, work)
    if (!error) return undefined
    if (error.code === 'ROWS_UNFIT') return 'leaf'
    return hasState(error, sqlstate.checkViolation, sqlstate.foreignKeyViolation) ? 'constraint' : 'value'
  }

  /**
   * Does something that the data may be at fault for.
   *
   * @returns undefined when it went well
   */
  async #attempt(session: Session, attempt: () => Promise<void>): Promise<DwhError | undefined> {
    const isInTransaction = this.landing.kind === 'target'
    if (isInTransaction) await session.run('SAVEPOINT batch')
    try {
      await attempt()
      if (isInTransaction) await session.run('RELEASE SAVEPOINT batch')
      return undefined
    } catch (error) {
      if (!(error instanceof DwhError && isOfData(error))) throw error
      if (isInTransaction) await session.run('ROLLBACK TO SAVEPOINT batch')
      return error
    }
  }

  /** How to go on with this batch after a fault; the next ones begin with as much, unless only a leaf was missing. */
  #learn(fault: Fault): Care {
    if (fault === 'leaf') return 'all'
    const care: Care = fault === 'value' && this.#certain ? 'types' : 'all'
    if (this.#care === 'none' || care === 'all') this.#care = care
    return care
  }
}

/** Records with their places; what is none goes to `broken`. */
function* goodRecords(batch: Batch, broken: Refused[]): Generator<Placed> {
  let place = batch.firstRecord
  for (const record of batch.records()) {
    if (record.problem) broken.push(asRefused({ record, place }))
    else yield { record, place }
    place += 1
  }
}

function asRefused(placed: Placed): Refused {
  const { record } = placed
  return { ...placed, reasons: [record.problem as Reason] }
}

function firstCare(target: LoadTarget, landing: Landing): Care {
  const { plan, references, columns } = target
  if (plan.derived || references.length > 0) return 'all'
  // The target itself does not refuse what only the warehouse file does.
  const demands = columns.some((column) => !column.not_null && target.mustHaveValue(column))
  return landing.kind === 'target' && demands ? 'types' : 'none'
}

/** By column of the file; undefined where one of them is none of the table, or one of the table is none of the file. */
function straightColumns({ plan: { ignored, input, filled } }: LoadTarget): FilledColumn[] | undefined {
  if (ignored.length > 0 || input.length !== filled.length) return undefined
  const found = input.flatMap(
    (_, index) => filled.find(({ from }) => 'input' in from && from.input === index) ?? [],
  )
  return found.length === input.length ? found : undefined
}

function certainRecord(target: LoadTarget): ((record: InputRecord) => boolean) | undefined {
  if (target.plan.derived) return undefined
  const tests = target.plan.filled.flatMap(({ column, from }) => {
    const certain = certainty(column, target.mustHaveValue(column))
    return 'input' in from && certain ? [{ index: from.input, certain }] : []
  })
  return ({ fields }) => {
    for (const { index, certain } of tests) if (!certain(fields[index] as string | null)) return false
    return true
  }
}

/**
 * Values that are no values of their type, rows that break a constraint, that a trigger refuses, or that are too large. A
 * unique key is no fault of one row.
 */
function isOfData(error: unknown): boolean {
  return hasStateClass(error, '22', '23', '54', 'P0') && !hasState(error, sqlstate.uniqueViolation)
}
