import type { DwhError } from '../../errors.ts'
import type { Reason } from '../../ledger/rejects.ts'
import { positionDate, positionSql } from '../../partitions/bounds.ts'
import { ident, identList, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sqlstateOf } from '../../postgres/sqlstate.ts'
import type { Batch, InputRecord } from '../../sources/file/reader.ts'
import { placeColumn } from '../columns.ts'
import type { Landing } from '../landing.ts'
import type { LoadTarget, Reference } from '../target.ts'
import { copyStatement, field } from './encode.ts'
import { judge, sendTexts, textsSelect } from './judge.ts'
import type { Scratch } from './scratch.ts'

/** A record with its 1-based number in the file. */
export interface Placed {
  record: InputRecord
  place: number
  /** The part of its batch that holds nothing else, where there is one: its bytes are found there at once. */
  source?: Batch
}

/** A record that cannot be loaded, with every reason. */
export interface Refused extends Placed {
  reasons: Reason[]
}

/**
 * Does something that the data may be at fault for.
 *
 * @returns undefined when it went well
 */
export type Attempt = (work: () => Promise<void>) => Promise<DwhError | undefined>

/** The temporary table in which typed rows are looked at before they go on. */
const arrived = 'pg_temp.dwh_arrived'

/** Creates the table of arrivals on one connection: the columns that a load fills, and nothing that would refuse a row. */
export async function openArrivals(session: Session, { plan }: LoadTarget): Promise<void> {
  const columns = plan.filled.map(({ column: { name, type } }) => `${ident(name)} ${type}`)
  await session.run(
    `DROP TABLE IF EXISTS ${arrived}; CREATE TEMPORARY TABLE dwh_arrived (${[`${placeColumn} bigint`, ...columns].join(', ')})`,
  )
}

/** Writes records into a table, the columns that the load fills. */
export async function copyRecords(
  session: Session,
  { plan: { filled } }: LoadTarget,
  table: string,
  records: Iterable<Placed>,
  isPlaced: boolean,
  scratch: Scratch,
): Promise<{ sent: number; rows: number }> {
  const inputs = filled.flatMap(({ from }) => ('input' in from ? [from.input] : []))
  scratch.clear()
  let sent = 0
  for (const { record, place } of records) {
    scratch.text(line(record.fields, inputs, isPlaced ? place : undefined))
    sent += 1
  }
  if (sent === 0) return { sent, rows: 0 }
  const columns = filled.map(({ column }) => column.name)
  const rows = await session.copyIn(
    copyStatement(table, isPlaced ? [placeColumn, ...columns] : columns),
    scratch.filled,
  )
  return { sent, rows }
}

function line(fields: (string | null)[], inputs: number[], place: number | undefined): string {
  let text = place === undefined ? '' : `${place}`
  let separator = place === undefined ? '' : ','
  for (const input of inputs) {
    text += separator + field(fields[input] as string | null)
    separator = ','
  }
  return `${text}\n`
}

/** Shows the server some records, and splits all by what it says. */
export async function sift(
  session: Session,
  target: LoadTarget,
  records: Placed[],
  inDoubt: (record: InputRecord) => boolean,
): Promise<{ fine: Placed[]; refused: Refused[] }> {
  const doubtful = records.filter(({ record }) => inDoubt(record))
  const judgements = await judge(
    session,
    target,
    doubtful.map(({ record }) => record),
  )
  const refused = judgements.flatMap(({ place, reasons }): Refused[] =>
    reasons.length > 0 ? [{ ...(doubtful[place - 1] as Placed), reasons }] : [],
  )
  const out = new Set(refused.map(({ record }) => record))
  return { fine: out.size === 0 ? records : records.filter(({ record }) => !out.has(record)), refused }
}

/**
 * Brings records into the landing by way of a table without constraints, in which the server finds all rows that break one;
 * leaves that are missing are made.
 *
 * @returns how many landed, and the rest
 */
export async function sendByArrival(
  session: Session,
  target: LoadTarget,
  landing: Landing,
  records: Placed[],
  attempt: Attempt,
  scratch: Scratch,
): Promise<{ landed: number; refused: Refused[] }> {
  await session.run(`TRUNCATE ${arrived}`)
  const { fine, refused } = await arrive(session, target, records, attempt, scratch)
  if (fine.length === 0) return { landed: 0, refused }
  await reachLeaves(session, landing)
  const offenders = await findOffenders(session, target, landing)
  const bad = fine.filter(({ place }) => offenders.has(place))
  const judgements = await judge(
    session,
    target,
    bad.map(({ record }) => record),
  )
  for (const { place, reasons, position } of judgements) {
    refused.push({
      ...(bad[place - 1] as Placed),
      reasons: reasons.length > 0 ? reasons : [noLeaf(target, position)],
    })
  }
  const good = fine.filter(({ place }) => !offenders.has(place))
  const landed = await landApart(good, attempt, refused, (places) => land(session, target, landing, places))
  return { landed, refused }
}

/**
 * Lands all records at once. Where the server refuses what nobody could foresee, such as a trigger, or an expression that
 * generates a column, one half after the other is tried, until those that it refuses stand alone.
 */
async function landApart(
  some: Placed[],
  attempt: Attempt,
  refused: Refused[],
  landThem: (places: number[]) => Promise<number>,
): Promise<number> {
  if (some.length === 0) return 0
  let landed = 0
  const error = await attempt(async () => {
    landed = await landThem(some.map(({ place }) => place))
  })
  if (!error) return landed
  const [only] = some
  if (some.length === 1 && only) {
    refused.push({ ...only, reasons: [unforeseen(error)] })
    return 0
  }
  const middle = some.length >> 1
  const before = await landApart(some.slice(0, middle), attempt, refused, landThem)
  return before + (await landApart(some.slice(middle), attempt, refused, landThem))
}

function unforeseen(error: DwhError): Reason {
  const state = sqlstateOf(error)
  const message = error.message.split('\n')[0] as string
  return { kind: 'other', message, ...(state === undefined ? {} : { sqlstate: state }) }
}

/** Brings records into the table of arrivals, but those that cannot even be rows. */
async function arrive(
  session: Session,
  target: LoadTarget,
  records: Placed[],
  attempt: Attempt,
  scratch: Scratch,
): Promise<{ fine: Placed[]; refused: Refused[] }> {
  const bring = async (some: Placed[]) => {
    if (!target.plan.derived) {
      await copyRecords(session, target, arrived, some, true, scratch)
      return
    }
    await sendTexts(
      session,
      target,
      some.map(({ record }) => record),
      (n) => (some[n] as Placed).place,
    )
    const columns = [placeColumn, ...target.plan.filled.map(({ column }) => column.name)]
    await session.run(`INSERT INTO ${arrived} (${identList(columns)}) ${textsSelect(target)}`)
  }
  if (!(await attempt(() => bring(records)))) return { fine: records, refused: [] }
  const sifted = await sift(session, target, records, () => true)
  await session.run(`TRUNCATE ${arrived}`)
  await bring(sifted.fine)
  return sifted
}

/** Makes the leaves that rows of the arrivals want and the landing does not have. */
async function reachLeaves(session: Session, landing: Landing): Promise<void> {
  const { policy } = landing
  if (!policy || landing.isPlain) return
  const position = positionSql(policy)
  for (;;) {
    const { wanting } = landing.conditions(policy)
    const { low, high } = await session.one<{ low: string | null; high: string | null }>(
      `SELECT min(${position})::text AS low, max(${position})::text AS high FROM ${arrived} WHERE ${wanting}`,
    )
    if (low === null || high === null) return
    const made = await landing.reach(session, [positionDate(policy, low), positionDate(policy, high)])
    if (made === 0) return
  }
}

/** The places of arrivals that no leaf takes, that lack a value, or that break a CHECK or a reference. */
async function findOffenders(session: Session, target: LoadTarget, landing: Landing): Promise<Set<number>> {
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

/** Brings some of the arrivals into the landing; values that another table does not have become NULL where that is wanted. */
async function land(
  session: Session,
  { plan: { filled }, references }: LoadTarget,
  landing: Landing,
  places: number[],
): Promise<number> {
  const toNull = references.filter(({ onMissing }) => onMissing === 'set_null')
  const place = landing.isPlaced ? [placeColumn] : []
  const values = filled.map(({ column: { name } }) => {
    const reference = toNull.find(({ columns }) => columns[0] === name)
    return reference ? `CASE WHEN ${isMissing(reference)} THEN NULL ELSE ${ident(name)} END` : ident(name)
  })
  return session.run(
    `INSERT INTO ${relation(landing.name)} (${identList([...place, ...filled.map(({ column }) => column.name)])}) ` +
      `OVERRIDING SYSTEM VALUE SELECT ${[...place, ...values].join(', ')} FROM ${arrived} AS a ` +
      `WHERE ${placeColumn} = ANY ($1::bigint[])`,
    [places],
  )
}

/** Over the arrivals `a`: every column has a value, and the other table has no such row. */
export function isMissing({ columns, foreignColumns, table }: Reference): string {
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
