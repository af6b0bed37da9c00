import type { Temporal } from 'temporal-polyfill'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { positionDate, positionSql } from '../../partitions/bounds.ts'
import { periodOf } from '../../partitions/periods.ts'
import { ident, identList, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { hasStateClass } from '../../postgres/sqlstate.ts'
import { inTransaction } from '../../postgres/transaction.ts'
import type { Direct, DirectColumn, Reader } from '../../sources/file/reader.ts'
import { type FilledColumn, placeColumn } from '../columns.ts'
import type { Landing, LandingLeaf } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { isMissing } from './arrivals.ts'

/** How rows go from one server to the other without being looked at on the way. */
export interface DirectPlan {
  direct: Direct
  format: 'binary' | 'text'
  columns: DirectColumn[]
  /** In plain words; why it is not binary, where it is not. */
  path: string
}

/** Casts that change no value, by which a column of a source is sent in binary all the same. */
const widenings: Record<string, string[]> = {
  smallint: ['integer', 'bigint', 'numeric'],
  integer: ['bigint', 'numeric'],
  bigint: ['numeric'],
  'character varying': ['text'],
}

/**
 * Whether the rows of an input can go directly into a landing, and how.
 *
 * @returns why not, where they cannot; undefined for an input that has no direct way
 */
export function planDirect(
  { direct }: Reader,
  target: LoadTarget,
  kind: Landing['kind'],
): DirectPlan | { path: string } | undefined {
  if (!direct) return undefined
  const { plan } = target
  const computed = plan.filled.find(({ from }) => 'expression' in from)
  if (computed) return { path: `row by row: \`map\` computes ${computed.column.name}` }
  if (kind === 'target') {
    // What has arrived there could not be told from what was there.
    const demands = target.columns.find((column) => !column.not_null && target.mustHaveValue(column))
    const [looked] = [
      ...target.references.flatMap(({ columns }) => columns),
      ...(demands ? [demands.name] : []),
    ]
    if (looked !== undefined) return { path: `row by row: each ${looked} has to be looked at` }
  }
  const columns = plan.filled.map((filled) => directColumn(direct, filled))
  const differing = columns.find(({ differs }) => differs !== undefined)
  return {
    direct,
    format: differing ? 'text' : 'binary',
    columns: columns.map(({ input, cast }) => ({ input, cast: differing ? undefined : cast })),
    path: differing ? `piped as text: ${differing.differs}` : 'piped in binary',
  }
}

function directColumn(
  { types }: Direct,
  { column, from }: FilledColumn,
): DirectColumn & { differs?: string | undefined } {
  const { input } = from as { input: number }
  const type = types[input]
  if (type?.portable && type.name === column.unlimited_type) return { input }
  if (type?.portable && widenings[type.name]?.includes(column.unlimited_type))
    return { input, cast: column.unlimited_type }
  return { input, differs: `${column.name} is ${type?.shown} there and ${column.type} here` }
}

/**
 * Sends all rows in one COPY. Where a row is refused nothing of it stays, and somebody has to look at each.
 *
 * Locks: ROW EXCLUSIVE on the landing, SHARE UPDATE EXCLUSIVE where its leaves are made; ACCESS EXCLUSIVE on it where it has to
 * be emptied again.
 *
 * @param sampled dates for which leaves are made where nobody can tell the first and the last of all rows
 * @returns the rows that landed; undefined when the data is at fault
 * @throws DwhError of the source, as it tells it; PROOF_FAILED
 */
export async function sendDirect(
  session: Session,
  work: Work,
  plan: DirectPlan,
  target: LoadTarget,
  landing: Landing,
  sampled: Temporal.PlainDate[],
): Promise<number | undefined> {
  const dates = (await spanned(plan.direct, target, landing)) ?? sampled
  if (landing.kind !== 'leaves') await landing.reach(session, dates)
  const isInTransaction = landing.kind === 'target'
  if (isInTransaction) await session.run('SAVEPOINT direct')
  try {
    const rows =
      landing.kind === 'leaves'
        ? await copyIntoNew(session, plan, target, landing, dates)
        : await copy(session, plan, target, landing, landing.name)
    const refused = await settleReferences(session, target, landing)
    if (refused !== undefined) return await takeBack(session, work, landing, refused)
    if (isInTransaction) await session.run('RELEASE SAVEPOINT direct')
    landing.isPiped = true
    return rows
  } catch (error) {
    if (!(error instanceof DwhError && isOfData(error))) throw error
    return await takeBack(session, work, landing, error.message.split('\n')[0] as string)
  }
}

/**
 * One transaction makes the leaves and fills them. Rows of a single leaf come into it frozen, with all its pages known to be
 * visible: neither the scans that follow nor a vacuum has to look at each of them, and no index-only scan has to wait for one.
 */
async function copyIntoNew(
  session: Session,
  plan: DirectPlan,
  target: LoadTarget,
  landing: Landing,
  dates: Temporal.PlainDate[],
): Promise<number> {
  let made: LandingLeaf[] = []
  try {
    return await inTransaction(session, async () => {
      made = await landing.reachWithin(session, dates)
      const [first] = made
      // A row without a date is at home in the unknown leaf.
      const only = landing.leaves.length === 1 ? first : undefined
      return only
        ? await copy(session, plan, target, landing, only, ', FREEZE')
        : await copy(session, plan, target, landing, landing.name)
    })
  } catch (error) {
    landing.forget(made)
    throw error
  }
}

async function copy(
  session: Session,
  { direct, format, columns }: DirectPlan,
  target: LoadTarget,
  landing: Landing,
  table: RelationName,
  options = '',
): Promise<number> {
  const names = target.plan.filled.map(({ column }) => column.name)
  const into = identList(landing.isPlaced ? [placeColumn, ...names] : names)
  const rows = await session.copyFramesIn(
    `COPY ${relation(table)} (${into}) FROM STDIN (FORMAT ${format}${options})`,
    direct.copy(columns, format, landing.isPlaced),
  )
  if (rows !== direct.given.rows) throw lost(landing, direct.given.rows, rows)
  return rows
}

/** Rows that a COPY has brought before it failed take room until they are swept: the landing is to become a leaf. */
async function takeBack(session: Session, work: Work, landing: Landing, why: string): Promise<undefined> {
  if (landing.kind === 'target') await session.run('ROLLBACK TO SAVEPOINT direct')
  else await session.run(`TRUNCATE ${relation(landing.name)}`)
  work.emit({ type: 'note', message: `piped rows were refused, and are read row by row now: ${why}` })
}

/**
 * Dates of all leaves between the first and the last row, for a COPY ends at the first row without one.
 *
 * @returns undefined where they cannot be told, or some of them is wrong
 */
async function spanned(
  direct: Direct,
  { plan, leaves }: LoadTarget,
  { policy }: Landing,
): Promise<Temporal.PlainDate[] | undefined> {
  if (!policy || !leaves) return undefined
  const names = Object.fromEntries(
    plan.filled.flatMap(({ column, from }) =>
      policy.key.includes(column.name) && 'input' in from ? [[column.name, from.input]] : [],
    ),
  )
  if (Object.keys(names).length < policy.key.length) return undefined
  const extent = await direct.extent(positionSql(policy), names)
  if (!extent) return undefined
  const last = positionDate(policy, extent.high)
  const dates: Temporal.PlainDate[] = []
  let date = positionDate(policy, extent.low)
  // Beyond any number of leaves that a policy allows, some date is wrong.
  while (dates.length <= policy.most && date.since(last).sign <= 0) {
    dates.push(date)
    date = periodOf(date, policy.grain).end
  }
  return dates.length <= policy.most ? dates : undefined
}

/**
 * Values that another table does not have become NULL where that is wanted.
 *
 * @returns what is wrong where one of them makes its row a reject
 */
async function settleReferences(
  session: Session,
  { references }: LoadTarget,
  landing: Landing,
): Promise<string | undefined> {
  const table = relation(landing.name)
  if (references.length > 0) await session.run(`ANALYZE ${table}`)
  for (const reference of references) {
    const [column = ''] = reference.columns
    const missing = isMissing(reference)
    if (reference.onMissing === 'set_null') {
      await session.run(`UPDATE ${table} AS a SET ${ident(column)} = NULL WHERE ${missing}`)
      continue
    }
    const { found } = await session.one<{ found: boolean }>(
      `SELECT EXISTS (SELECT FROM ${table} AS a WHERE ${missing}) AS found`,
    )
    if (found) return `some ${column} is not in ${shown(reference.table)}`
  }
  return undefined
}

function lost(landing: Landing, given: number, rows: number): DwhError {
  return new DwhError(
    'PROOF_FAILED',
    `of ${given} rows ${rows} came to ${shown(landing.name)}; nothing was loaded`,
    { hint: 'a trigger or a rule may keep rows: see which, and run the same command again' },
  )
}

/** What the target says of rows; the source tells its own errors, which carry other codes. */
function isOfData(error: DwhError): boolean {
  if (error.code === 'ROWS_UNFIT') return true
  return error.code === 'SQL_FAILED' && hasStateClass(error, '22', '23', '54', 'P0')
}
