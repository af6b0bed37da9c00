import { DwhError } from '../../errors.ts'
import type { Reason } from '../../ledger/rejects.ts'
import { positionDate, positionSql } from '../../partitions/bounds.ts'
import { ident, identList, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sqlstateOf } from '../../postgres/sqlstate.ts'
import type { Batch, InputRecord } from '../../sources/file/reader.ts'
import { placeColumn } from '../columns.ts'
import type { Landing } from '../landing.ts'
import type { LoadTarget, Reference } from '../target.ts'
import type { Carrier } from './carrier.ts'
import { copyStatement } from './encode.ts'
import { certainRecord } from './examine.ts'
import { judge } from './judge.ts'
import { copiedColumns, goodRecords, writeBatch, writeRecords } from './lines.ts'
import type { Outcome, Placed, Refused } from './refused.ts'
import { neededInputs, textsTable, valuesOfTexts } from './texts.ts'

/** The temporary table in which typed rows are looked at before they go on. */
export const arrivedTable = 'pg_temp.dwh_arrived'

/** Creates the table of arrivals on one connection: the columns that a load fills, and nothing that would refuse a row. */
export async function openArrivals(session: Session, { plan }: LoadTarget): Promise<void> {
  const columns = plan.filled.map(({ column: { name, type } }) => `${ident(name)} ${type}`)
  await session.run(
    `DROP TABLE IF EXISTS ${arrivedTable}; CREATE TEMPORARY TABLE dwh_arrived (${[`${placeColumn} bigint`, ...columns].join(', ')})`,
  )
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

/** What has come into the table of arrivals. */
interface Arrived {
  places: number[]
  /** The records at some of them. */
  at(places: ReadonlySet<number>): Placed[]
  refused: Refused[]
}

/**
 * Brings a batch into the landing by way of a table without constraints, in which the server finds all rows that break one; leaves
 * that are missing are made.
 */
export async function bringByArrivals(carrier: Carrier, batch: Batch): Promise<Outcome> {
  const { session, target, landing } = carrier
  const { places, at, refused } = await arrive(carrier, batch)
  if (places.length === 0) return { landed: 0, refused }
  await reachLeaves(session, landing)
  const offenders = await findOffenders(session, target, landing)
  const bad = at(offenders)
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
  const good = offenders.size > 0 ? places.filter((place) => !offenders.has(place)) : places
  const unforeseen = new Map<number, DwhError>()
  const landed = await landApart(carrier, good, { but: [...offenders] }, unforeseen)
  for (const placed of at(new Set(unforeseen.keys())))
    refused.push({ ...placed, reasons: [unforeseenReason(unforeseen.get(placed.place) as DwhError)] })
  return { landed: carrier.prove(landed, good.length - unforeseen.size), refused }
}

/** Which of the arrivals are meant: but for a few, or a few only. */
type Selection = { but: number[] } | { only: number[] }

/**
 * Lands all records at once. Where the server refuses what nobody could foresee, such as a trigger, or an expression that
 * generates a column, one half after the other is tried, until those that it refuses stand alone.
 *
 * @param places those of the selection
 */
async function landApart(
  carrier: Carrier,
  places: number[],
  selection: Selection,
  unforeseen: Map<number, DwhError>,
): Promise<number> {
  if (places.length === 0) return 0
  const landed = await carrier.attempt(() => land(carrier, selection))
  if (!(landed instanceof DwhError)) return landed
  const [only] = places
  if (places.length === 1 && only !== undefined) {
    unforeseen.set(only, landed)
    return 0
  }
  let sum = 0
  const middle = places.length >> 1
  for (const half of [places.slice(0, middle), places.slice(middle)])
    sum += await landApart(carrier, half, { only: half }, unforeseen)
  return sum
}

function unforeseenReason(error: DwhError): Reason {
  const state = sqlstateOf(error)
  const message = error.message.split('\n')[0] as string
  return { kind: 'other', message, ...(state === undefined ? {} : { sqlstate: state }) }
}

/** Brings a batch into the table of arrivals, but for what cannot even be a row. */
async function arrive(carrier: Carrier, batch: Batch): Promise<Arrived> {
  const { session, target } = carrier
  const broken: Refused[] = []
  if (target.plan.derived) {
    const left = await carrier.attempt(() => bringTexts(carrier, batch))
    if (!(left instanceof DwhError)) return arrivedOf(batch, left)
  }
  const whole = [...goodRecords(batch, broken)]
  // Expressions compute values that nobody has seen yet.
  const certain = target.plan.derived ? () => false : certainRecord(target)
  let { fine, refused } = await sift(session, target, whole, (record) => !certain(record))
  if ((await carrier.attempt(() => bringRecords(carrier, fine))) instanceof DwhError) {
    const sifted = await sift(session, target, fine, () => true)
    fine = sifted.fine
    refused = [...refused, ...sifted.refused]
    await bringRecords(carrier, fine)
  }
  return {
    places: fine.map(({ place }) => place),
    at: (places) => (places.size === 0 ? [] : fine.filter(({ place }) => places.has(place))),
    refused: [...broken, ...refused],
  }
}

/** A batch whose records nobody needs to see, but for a few. */
function arrivedOf(batch: Batch, refused: Refused[]): Arrived {
  const out = new Set(refused.map(({ place }) => place))
  const all = Array.from({ length: batch.count }, (_, n) => batch.firstRecord + n)
  return {
    places: out.size === 0 ? all : all.filter((place) => !out.has(place)),
    at: (places) =>
      places.size === 0
        ? []
        : goodRecords(batch, [])
            .filter(({ place }) => places.has(place))
            .toArray(),
    refused,
  }
}

/** @returns what is no record */
async function bringTexts({ session, target, scratch }: Carrier, batch: Batch): Promise<Refused[]> {
  const inputs = neededInputs(target.plan)
  const names = inputs.map((index) => target.plan.names[index] as string)
  scratch.clear()
  const refused = writeBatch(batch, inputs, true, scratch)
  await session.run(`TRUNCATE ${textsTable}, ${arrivedTable}`)
  if (refused.length === batch.count) return refused
  await session.copyIn(copyStatement(textsTable, [placeColumn, ...names]), scratch.filled)
  await compute(session, target)
  return refused
}

async function bringRecords({ session, target, scratch }: Carrier, records: Placed[]): Promise<void> {
  const { names, input, derived } = target.plan
  await session.run(`TRUNCATE ${textsTable}, ${arrivedTable}`)
  if (records.length === 0) return
  const { inputs, names: columns } = copiedColumns(target)
  scratch.clear()
  writeRecords(records, derived ? [...input.keys()] : inputs, true, scratch)
  const table = derived ? textsTable : arrivedTable
  await session.copyIn(copyStatement(table, [placeColumn, ...(derived ? names : columns)]), scratch.filled)
  if (derived) await compute(session, target)
}

/** Makes arrivals of the texts. */
async function compute(session: Session, { plan }: LoadTarget): Promise<void> {
  const columns = [placeColumn, ...plan.filled.map(({ column }) => column.name)]
  await session.run(
    `INSERT INTO ${arrivedTable} (${identList(columns)}) SELECT ${[placeColumn, ...valuesOfTexts(plan)].join(', ')} FROM ${textsTable}`,
  )
}

/** Makes the leaves that rows of the arrivals want and the landing does not have. */
async function reachLeaves(session: Session, landing: Landing): Promise<void> {
  const { policy } = landing
  if (!policy || landing.isPlain) return
  const position = positionSql(policy)
  for (;;) {
    const { wanting } = landing.conditions(policy)
    const { low, high } = await session.one<{ low: string | null; high: string | null }>(
      `SELECT min(${position})::text AS low, max(${position})::text AS high FROM ${arrivedTable} WHERE ${wanting}`,
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
    `SELECT ${placeColumn} AS place FROM ${target.wholeRow(arrivedTable)} AS a WHERE ${conditions.map((one) => `(${one})`).join(' OR ')}`,
  )
  return new Set(rows.map(({ place }) => place))
}

/** Brings arrivals into the landing. */
async function land({ session, target, landing }: Carrier, selection: Selection): Promise<number> {
  const place = landing.isPlaced ? [placeColumn] : []
  const columns = target.plan.filled.map(({ column: { name } }) => name)
  const insert =
    `INSERT INTO ${relation(landing.name)} (${identList([...place, ...columns])}) ` +
    `OVERRIDING SYSTEM VALUE SELECT ${[...place, ...withoutMissing(target)].join(', ')} FROM ${arrivedTable} AS a`
  if ('only' in selection)
    return session.run(`${insert} WHERE ${placeColumn} = ANY ($1::bigint[])`, [arrayText(selection.only)])
  if (selection.but.length === 0) return session.run(insert)
  return session.run(`${insert} WHERE ${placeColumn} <> ALL ($1::bigint[])`, [arrayText(selection.but)])
}

/** As PostgreSQL writes an array: the client would quote each number by itself. */
const arrayText = (places: number[]) => `{${places.join(',')}}`

/** The columns of rows `a`; values that another table does not have become NULL where that is wanted. */
export function withoutMissing({ plan, references }: LoadTarget): string[] {
  const toNull = references.filter(({ onMissing }) => onMissing === 'set_null')
  return plan.filled.map(({ column: { name } }) => {
    const reference = toNull.find(({ columns }) => columns[0] === name)
    return reference ? `CASE WHEN ${isMissing(reference)} THEN NULL ELSE ${ident(name)} END` : ident(name)
  })
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
