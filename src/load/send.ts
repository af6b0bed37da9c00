import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Reason, Reject } from '../ledger/rejects.ts'
import { positionDate, positionSql } from '../partitions/bounds.ts'
import { ident, identList, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, hasStateClass, sqlstate } from '../postgres/sqlstate.ts'
import type { Batch, InputRecord, Reader } from '../sources/file/reader.ts'
import { placeColumn } from './columns.ts'
import { copyStatement, field } from './encode.ts'
import { certainty } from './examine.ts'
import { judge, sendTexts, textsSelect } from './judge.ts'
import type { Landing } from './landing.ts'
import type { RejectLog } from './reject-log.ts'
import type { LoadTarget, Reference } from './target.ts'

/** The temporary table in which typed rows are looked at before they go on. */
const arrived = 'pg_temp.dwh_arrived'

/**
 * How much is looked at before the server is shown a batch; what a batch fails with decides how the next one begins.
 *
 * - `raw`: nothing: the bytes of the file go as they stand.
 * - `cut`: records are cut into fields and written anew.
 * - `examined`: fields are compared with the types of their columns, and what is in doubt is judged by the server.
 * - `arrived`: rows go by a table without constraints, where the server finds all that breaks one.
 */
type Care = 'raw' | 'cut' | 'examined' | 'arrived'

/** What all connections of one load share. */
export class Dispatch {
  readonly target: LoadTarget
  readonly landing: Landing
  readonly rejects: RejectLog
  readonly #reader: Reader
  readonly #certain: ((fields: (string | null)[]) => boolean) | undefined
  #care: Care
  /** Rows that have arrived in the landing. */
  landed = 0

  constructor(reader: Reader, target: LoadTarget, landing: Landing, rejects: RejectLog) {
    this.#reader = reader
    this.target = target
    this.landing = landing
    this.rejects = rejects
    this.#certain = certainRecord(target)
    this.#care = firstCare(target, landing)
  }

  /** Sends one batch, with whatever care it needs. Each record of it has landed afterwards, or is a reject. */
  async send(session: Session, batch: Batch): Promise<void> {
    if (this.#care === 'raw' && batch.raw && (await this.#sendRaw(session, batch.raw))) return
    const records = [...batch.records()]
    const broken = records.filter(({ problem }) => problem)
    const whole = broken.length === 0 ? records : records.filter(({ problem }) => !problem)
    const place = new Map(records.map((record, index) => [record, batch.firstRecord + index]))
    const refuse = (record: InputRecord, reasons: Reason[]): Reject => ({
      record: place.get(record) as number,
      line: record.line,
      offset: record.offset,
      original: batch.original(record),
      reasons,
    })
    const refused = broken.map((record) => refuse(record, [record.problem as Reason]))
    const found = await this.#sendRecords(session, whole, place)
    refused.push(...found.map(([record, reasons]) => refuse(record, reasons)))
    await this.rejects.add(refused)
  }

  async #sendRaw(session: Session, raw: Buffer): Promise<boolean> {
    const { filled, input } = this.target.plan
    const columns = input.map((_, index) => {
      const fits = filled.find(({ from }) => 'input' in from && from.input === index)
      return (fits as (typeof filled)[number]).column.name
    })
    const statement = copyStatement(relation(this.landing.name), columns, this.#reader.dialect)
    return this.#try(session, async () => {
      const rows = await session.copyIn(statement, [raw])
      this.landed += rows
    })
  }

  /** @returns those that cannot be loaded, with every reason */
  async #sendRecords(
    session: Session,
    records: InputRecord[],
    place: Map<InputRecord, number>,
  ): Promise<[InputRecord, Reason[]][]> {
    if (records.length === 0) return []
    if (this.#care === 'raw' || this.#care === 'cut') {
      if (await this.#copyRecords(session, records, place)) return []
    }
    const [fine, refused] = await this.#sift(session, records)
    if (this.#care === 'examined' && (await this.#copyRecords(session, fine, place))) return refused
    return [...refused, ...(await this.#sendByArrival(session, fine, place))]
  }

  /** Takes out what the server does not want, showing it only what is in doubt. */
  async #sift(session: Session, records: InputRecord[]): Promise<[InputRecord[], [InputRecord, Reason[]][]]> {
    // Expressions compute values that nobody has seen yet: the insert shows whether they are right.
    if (!this.#certain) return [records, []]
    const certain = this.#certain
    return this.#judgeSome(session, records, (record) => !certain(record.fields))
  }

  async #judgeSome(
    session: Session,
    records: InputRecord[],
    inDoubt: (record: InputRecord) => boolean,
  ): Promise<[InputRecord[], [InputRecord, Reason[]][]]> {
    const doubtful = records.filter(inDoubt)
    const judgements = await judge(session, this.target, doubtful)
    const refused = judgements.flatMap(({ place, reasons }): [InputRecord, Reason[]][] =>
      reasons.length > 0 ? [[doubtful[place - 1] as InputRecord, reasons]] : [],
    )
    const out = new Set(refused.map(([record]) => record))
    return [out.size === 0 ? records : records.filter((record) => !out.has(record)), refused]
  }

  async #copyRecords(
    session: Session,
    records: InputRecord[],
    place: Map<InputRecord, number>,
  ): Promise<boolean> {
    if (records.length === 0) return true
    return this.#try(session, async () => {
      const rows = await this.#copy(
        session,
        relation(this.landing.name),
        records,
        place,
        this.landing.isPlaced,
      )
      this.#count(rows, records.length)
    })
  }

  async #copy(
    session: Session,
    table: string,
    records: InputRecord[],
    place: Map<InputRecord, number>,
    isPlaced: boolean,
  ): Promise<number> {
    const { filled } = this.target.plan
    const inputs = filled.flatMap(({ from }) => ('input' in from ? [from.input] : []))
    const lines = records.map((record) => {
      const { fields } = record
      let line = isPlaced ? `${place.get(record)},` : ''
      for (const [n, input] of inputs.entries())
        line += (n === 0 ? '' : ',') + field(fields[input] as string | null)
      // COPY takes a line of one empty field for a row, but one of backslash and dot for the end.
      return `${line}\n`
    })
    const columns = filled.map(({ column }) => column.name)
    const statement = copyStatement(table, isPlaced ? [placeColumn, ...columns] : columns)
    return session.copyIn(statement, [Buffer.from(lines.join(''))])
  }

  /** By way of a table without constraints, in which the server finds all rows that break one. */
  async #sendByArrival(
    session: Session,
    records: InputRecord[],
    place: Map<InputRecord, number>,
  ): Promise<[InputRecord, Reason[]][]> {
    await session.run(`TRUNCATE ${arrived}`)
    const [fine, refused] = await this.#arrive(session, records, place)
    if (fine.length === 0) return refused
    await this.#reachLeaves(session)
    const offenders = await this.#offenders(session)
    const byPlace = new Map(fine.map((record) => [place.get(record) as number, record]))
    const bad = [...offenders].map((n) => byPlace.get(n) as InputRecord)
    const judgements = await judge(session, this.target, bad)
    const reasons = judgements.map(({ place: n, reasons, position }): [InputRecord, Reason[]] => [
      bad[n - 1] as InputRecord,
      reasons.length > 0 ? reasons : [noLeaf(this.target, position)],
    ])
    await this.#land(session, [...offenders], fine.length)
    return [...refused, ...reasons]
  }

  /** Brings records into the table of arrivals, but those that cannot even be rows. */
  async #arrive(
    session: Session,
    records: InputRecord[],
    place: Map<InputRecord, number>,
  ): Promise<[InputRecord[], [InputRecord, Reason[]][]]> {
    const bring = async (some: InputRecord[]) => {
      if (!this.target.plan.derived) return void (await this.#copy(session, arrived, some, place, true))
      await sendTexts(session, this.target, some, (record) => place.get(record) as number)
      const columns = [placeColumn, ...this.target.plan.filled.map(({ column }) => column.name)]
      await session.run(`INSERT INTO ${arrived} (${identList(columns)}) ${textsSelect(this.target)}`)
    }
    if (await this.#try(session, () => bring(records), false)) return [records, []]
    const [fine, refused] = await this.#judgeSome(session, records, () => true)
    await session.run(`TRUNCATE ${arrived}`)
    await bring(fine)
    return [fine, refused]
  }

  /** Makes the leaves that rows of the arrivals want and the landing does not have. */
  async #reachLeaves(session: Session): Promise<void> {
    const { policy } = this.landing
    if (!policy || this.landing.isPlain) return
    const position = positionSql(policy)
    for (;;) {
      const { wanting } = this.landing.conditions(policy)
      const { low, high } = await session.one<{ low: string | null; high: string | null }>(
        `SELECT min(${position})::text AS low, max(${position})::text AS high FROM ${arrived} WHERE ${wanting}`,
      )
      if (low === null || high === null) return
      const made = await this.landing.reach(session, [positionDate(policy, low), positionDate(policy, high)])
      if (made === 0) return
    }
  }

  /** The places of arrivals that no leaf takes, or that break a CHECK or a reference. */
  async #offenders(session: Session): Promise<Set<number>> {
    const { target, landing } = this
    const conditions = [
      ...(landing.policy && !landing.isPlain ? [landing.conditions(landing.policy).homeless] : []),
      ...target.plan.filled
        .filter(({ column }) => target.mustHaveValue(column))
        .map(({ column }) => `${ident(column.name)} IS NULL`),
      ...target.checks.map(({ condition }) => `(${condition}) IS FALSE`),
      ...target.references.filter(({ onMissing }) => onMissing === 'reject').map(isMissing),
    ]
    if (conditions.length === 0) return new Set()
    const rows = await session.rows<{ place: number }>(
      `SELECT ${placeColumn} AS place FROM ${target.wholeRow(arrived)} AS a WHERE ${conditions.map((one) => `(${one})`).join(' OR ')}`,
    )
    return new Set(rows.map(({ place }) => place))
  }

  async #land(session: Session, offenders: number[], arrivals: number): Promise<void> {
    const { filled } = this.target.plan
    const toNull = this.target.references.filter(({ onMissing }) => onMissing === 'set_null')
    const values = filled.map(({ column: { name } }) => {
      const reference = toNull.find(({ columns }) => columns[0] === name)
      return reference ? `CASE WHEN ${isMissing(reference)} THEN NULL ELSE ${ident(name)} END` : ident(name)
    })
    const columns = [
      ...(this.landing.isPlaced ? [placeColumn] : []),
      ...filled.map(({ column }) => column.name),
    ]
    const rows = await session.run(
      `INSERT INTO ${relation(this.landing.name)} (${identList(columns)}) OVERRIDING SYSTEM VALUE ` +
        `SELECT ${[...(this.landing.isPlaced ? [placeColumn] : []), ...values].join(', ')} FROM ${arrived} AS a ` +
        `WHERE ${placeColumn} <> ALL ($1::bigint[])`,
      [offenders],
    )
    this.#count(rows, arrivals - offenders.length)
  }

  #count(rows: number, expected: number): void {
    if (rows !== expected)
      throw new DwhError(
        'PROOF_FAILED',
        `of ${expected} rows ${rows} came to ${shown(this.landing.name)}; nothing was loaded`,
        { hint: 'a trigger or a rule may keep rows: see which, and run the same command again' },
      )
    this.landed += rows
  }

  /**
   * Whether something succeeds. What the data is at fault for is no error yet: it says how much care the next ones need.
   *
   * @param lasting whether it does so for later batches too
   */
  async #try(session: Session, attempt: () => Promise<void>, lasting = true): Promise<boolean> {
    const isInTransaction = this.landing.kind === 'target'
    if (isInTransaction) await session.run('SAVEPOINT batch')
    try {
      await attempt()
      if (isInTransaction) await session.run('RELEASE SAVEPOINT batch')
      return true
    } catch (error) {
      if (!isOfData(error)) throw error
      if (isInTransaction) await session.run('ROLLBACK TO SAVEPOINT batch')
      const breaksConstraint = hasState(error, sqlstate.checkViolation, sqlstate.foreignKeyViolation)
      const missesLeaf = error instanceof DwhError && error.code === 'ROWS_UNFIT'
      if (breaksConstraint && !missesLeaf && lasting) this.#care = 'arrived'
      else if (!missesLeaf && lasting)
        this.#care = this.#care === 'raw' || this.#care === 'cut' ? 'examined' : 'arrived'
      return false
    }
  }
}

/** Creates the table of arrivals on one connection. */
export async function openArrivals(session: Session, { plan }: LoadTarget): Promise<void> {
  const columns = plan.filled.map(({ column: { name, type } }) => `${ident(name)} ${type}`)
  await session.run(
    `DROP TABLE IF EXISTS ${arrived}; CREATE TEMPORARY TABLE dwh_arrived (${[`${placeColumn} bigint`, ...columns].join(', ')})`,
  )
}

/** Sends all batches of a reader on the connections of a crew, in order as they become free. */
export async function sendAll(
  sessions: Session[],
  work: Work,
  reader: Reader,
  dispatch: Dispatch,
  progress: (bytesRead: number) => void,
): Promise<void> {
  const batches = reader.batches(work)[Symbol.asyncIterator]()
  let next = batches.next()
  let failed = false
  const results = await Promise.allSettled(
    sessions.map(async (session) => {
      try {
        while (!failed) {
          const mine = await takeNext()
          if (mine.done) return
          work.signal.throwIfAborted()
          using batch = mine.value
          await dispatch.send(session, batch)
          progress(batch.bytesRead)
        }
      } catch (error) {
        failed = true
        throw error
      }
    }),
  )
  await batches.return?.()
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason

  /** One batch is always read ahead. */
  async function takeNext() {
    const mine = next
    next = mine.then((result) => (result.done ? result : batches.next()))
    next.catch(() => {})
    return mine
  }
}

function firstCare(target: LoadTarget, landing: Landing): Care {
  const { plan, references, columns } = target
  if (plan.derived || references.length > 0) return 'arrived'
  const isStraight = plan.ignored.length === 0 && plan.input.length === plan.filled.length
  const isChecked =
    landing.kind !== 'target' || columns.every((column) => column.not_null || !target.mustHaveValue(column))
  if (!isChecked) return 'examined'
  // Of rows that go as they stand nobody knows how many must arrive: a trigger may swallow some.
  const isCounted = landing.kind === 'target' && target.obstacles.length > 0
  return isStraight && !landing.isPlaced && !isCounted ? 'raw' : 'cut'
}

/** Undefined where expressions compute values. */
function certainRecord(target: LoadTarget): ((fields: (string | null)[]) => boolean) | undefined {
  if (target.plan.derived) return undefined
  const tests = target.plan.filled.map(({ column, from }) => ({
    index: 'input' in from ? from.input : -1,
    certain: certainty(column, target.mustHaveValue(column)),
  }))
  return (fields) => {
    for (const { index, certain } of tests) if (!certain(fields[index] as string | null)) return false
    return true
  }
}

/** Over the arrivals `a`: every column has a value, and the other table has no such row. */
function isMissing({ columns, foreignColumns, table }: Reference): string {
  const given = columns.map((name) => `a.${ident(name)} IS NOT NULL`)
  const same = foreignColumns.map((name, n) => `d.${ident(name)} = a.${ident(columns[n] as string)}`)
  return `${given.join(' AND ')} AND NOT EXISTS (SELECT FROM ${relation(table)} AS d WHERE ${same.join(' AND ')})`
}

function noLeaf({ dataset }: LoadTarget, position: string | null): Reason {
  return {
    kind: 'no_leaf',
    ...(dataset.partition ? { column: dataset.partition.key[0] as string } : {}),
    message: `no leaf is made for "${position ?? 'NULL'}"`,
  }
}

/** Values that are no values of their type, and rows that break a constraint. A unique key is no fault of one row. */
function isOfData(error: unknown): boolean {
  return hasStateClass(error, '22', '23', 'P0') && !hasState(error, sqlstate.uniqueViolation)
}
