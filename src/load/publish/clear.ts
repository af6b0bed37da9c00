import { DwhError } from '../../errors.ts'
import type { Difference, GenerationTable } from '../../ledger/generations.ts'
import type { Leaf } from '../../partitions/tree.ts'
import {
  fitName,
  identList,
  literal,
  type RelationName,
  relation,
  shown,
} from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { hasState, sqlstate } from '../../postgres/sqlstate.ts'
import type { ChunkLoad } from '../chunk.ts'
import { readTableColumns } from '../columns.ts'
import type { LoadTarget } from '../target.ts'
import type { Conclusion } from './conclusion.ts'
import type { Held } from './destinations.ts'
import { findDifference } from './difference.ts'
import type { MergeColumns } from './merge.ts'
import { refuseCascade } from './refuse-cascade.ts'
import { daysTaken, replaceScope } from './replace.ts'
import { sameKey } from './same-key.ts'
import type { Territory } from './territory.ts'

/** What a forced chunk replaces. */
export interface Former {
  difference: Difference
  /** Leaves that go whole, with their rows; none without rows. */
  leaves: { leaf: Leaf; rows: number }[]
}

/** What was deleted, and where it is kept. */
interface Room {
  rows: number
  generations: GenerationTable[]
  /** By its oid, what a leaf will be called that goes whole. */
  leaves: Map<number, RelationName>
}

type Clearing = Pick<
  Conclusion,
  'target' | 'territory' | 'clears' | 'leaves' | 'chunk' | 'scope' | 'mayReplace'
>

/** Rows that are replaced are kept aside. */
export function keepsFormer({ clears, chunk }: Pick<Clearing, 'clears' | 'chunk'>): boolean {
  return clears && chunk?.replaces === true
}

/** Looks, before readers have to wait, at what a forced chunk will replace. */
export async function lookAtFormer(
  session: Session,
  { target, territory, leaves }: Clearing,
  { touched, destinations, emptied }: Held,
  columns: MergeColumns,
): Promise<Former> {
  const condition = territory?.own ?? 'true'
  const tables = touched ?? [target.dataset.target]
  const difference = await findDifference(session, target, columns, {
    former: tables.map((table) => ({ table, condition })),
    next: leaves.map((leaf) => leaf.rebuilt?.leaf ?? leaf),
  })
  const whole: Former['leaves'] = []
  const exchanged = destinations.flatMap(({ twin, how }) => (twin && how === 'exchange' ? [twin] : []))
  for (const leaf of [...exchanged, ...emptied]) {
    const { rows } = await session.one<{ rows: number }>(
      `SELECT count(*) AS rows FROM ONLY ${relation(leaf)}`,
    )
    if (rows > 0) whole.push({ leaf, rows })
  }
  return { difference, leaves: whole }
}

/** Makes room for the rows of an input that stands for those of a scope, or of the territory of a chunk. */
export async function makeRoom(
  session: Session,
  clearing: Clearing,
  held: Held,
  former: Former | undefined,
): Promise<Room> {
  const { target, territory, clears, chunk, scope } = clearing
  if (!clears || !territory || !chunk) {
    const rows = scope === undefined ? 0 : await replaceScope(session, clearing)
    return { rows, generations: [], leaves: new Map() }
  }
  const table = chunk.replaces ? generationName(target, chunk) : undefined
  if (table) await createGeneration(session, target, table)
  const deleted = await clearTerritory(session, target, territory, held, table)
  if (deleted > 0 && !clearing.mayReplace) throw daysTaken(target, 'ROWS_UNFIT')
  if (deleted > 0) await refuseCascade(session, target)
  const leaves = (former?.leaves ?? []).map(({ leaf, rows }) => ({
    leaf,
    rows,
    name: formerName(target, chunk, leaf),
  }))
  const kept = leaves.map(({ name, rows }) => ({ table: name, rows }))
  // That nothing was there is known by a table without rows.
  if (table && (deleted > 0 || leaves.length === 0)) kept.unshift({ table, rows: deleted })
  else if (table) await session.run(`DROP TABLE ${relation(table)}`)
  const generations = kept.map(({ table, rows }, n): GenerationTable => {
    const difference = n === 0 ? former?.difference : undefined
    return { ...table, kind: chunk.keepsAs ?? 'former', rows, difference }
  })
  const whole = leaves.reduce((sum, { rows }) => sum + rows, 0)
  return {
    rows: deleted + whole,
    generations,
    leaves: new Map(leaves.map(({ leaf, name }) => [leaf.oid, name])),
  }
}

/**
 * Deletes the rows of a territory that do not go with a leaf that is exchanged whole. Rows outside of it that have a key of
 * the input go the same way: the input says where they belong.
 *
 * @param into the table that keeps them
 * @returns how many were deleted
 * @throws DwhError ROWS_UNFIT when rows of other tables refer to them
 */
async function clearTerritory(
  session: Session,
  target: LoadTarget,
  territory: Territory,
  { destinations, touched, emptied }: Held,
  into: RelationName | undefined,
): Promise<number> {
  const gone = new Set([
    ...destinations.flatMap(({ twin, how }) => (twin && how === 'exchange' ? [twin.oid] : [])),
    ...emptied.map(({ oid }) => oid),
  ])
  const parts = touched?.filter(({ oid }) => !gone.has(oid)) ?? [target.dataset.target]
  let rows = 0
  for (const part of parts)
    rows += await move(session, target, `ONLY ${relation(part)} AS t WHERE ${territory.own}`, into)
  const mayCollide = target.dataset.key && (territory.scope !== undefined || !target.isAligned)
  for (const { leaf, twin, how } of mayCollide ? destinations : []) {
    if (how !== 'merge' || (target.leaves && target.isAligned && !twin)) continue
    const from = relation(target.isAligned && twin ? twin : target.dataset.target)
    const known = `EXISTS (SELECT FROM ${relation(leaf)} AS s WHERE ${sameKey(target.dataset, 't', 's')})`
    const spared = territory.spared === undefined ? '' : ` AND (${territory.spared}) IS NOT TRUE`
    rows += await move(session, target, `${from} AS t WHERE ${known}${spared}`, into)
  }
  return rows
}

/** The name of a table that keeps rows of a chunk beside the target, in its schema. */
export function generationName(
  { dataset: { target } }: LoadTarget,
  { tables }: Pick<ChunkLoad, 'tables'>,
): RelationName {
  return { schema: target.schema, name: fitName(tables) }
}

/** What a leaf is called that is kept when another takes its place. */
function formerName(
  { dataset: { target } }: LoadTarget,
  { tables }: Pick<ChunkLoad, 'tables'>,
  { name }: RelationName,
): RelationName {
  const label = name.startsWith(`${target.name}_`) ? name.slice(target.name.length) : `_${name}`
  return { schema: target.schema, name: fitName(`${tables}${label}`) }
}

/** A table with the columns of the target and nothing that would keep a row out, or refer to others. */
export async function createGeneration(
  session: Session,
  target: LoadTarget,
  name: RelationName,
): Promise<void> {
  const like = relation(target.dataset.target)
  await session.run(`CREATE TABLE ${relation(name)} (LIKE ${like} INCLUDING STORAGE INCLUDING COMPRESSION)`)
  await session.run(
    `COMMENT ON TABLE ${relation(name)} IS ${literal(`Rows of ${shown(target.dataset.target)} that dwh keeps aside; see dwh.generations.`)}`,
  )
}

/** Quoted, of the target under the locks of the last transaction: a column may have come while its rows were made ready. */
async function columnsNow(session: Session, { oid }: LoadTarget): Promise<string> {
  return identList((await readTableColumns(session, oid)).map(({ name }) => name))
}

async function move(
  session: Session,
  target: LoadTarget,
  from: string,
  into: RelationName | undefined,
): Promise<number> {
  try {
    if (!into) return await session.run(`DELETE FROM ${from}`)
    const list = await columnsNow(session, target)
    return await session.run(
      `WITH gone AS (DELETE FROM ${from} RETURNING t.*) INSERT INTO ${relation(into)} (${list}) SELECT ${list} FROM gone`,
    )
  } catch (error) {
    if (!hasState(error, sqlstate.foreignKeyViolation)) throw error
    throw new DwhError(
      'ROWS_UNFIT',
      `rows of ${shown(target.dataset.target)} cannot give way: ${String((error as Error).message).split('\n')[0]}; nothing was changed`,
      {
        cause: error,
        hint: 'rows of another table refer to them: without --force rows are merged, not replaced',
      },
    )
  }
}
