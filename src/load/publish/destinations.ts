import type { Temporal } from 'temporal-polyfill'
import { DwhError } from '../../errors.ts'
import { isAttached } from '../../partitions/create.ts'
import { periodLabel } from '../../partitions/periods.ts'
import { refuseSealed, stillSealed } from '../../partitions/sealed.ts'
import { inspectTarget, type Leaf } from '../../partitions/tree.ts'
import type { Crew } from '../../postgres/crew.ts'
import { fitName, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Policy } from '../../warehouse/schema.ts'
import { readTableColumns, type TableColumn } from '../columns.ts'
import type { Landing } from '../landing.ts'
import { type LoadTarget, refuseDetaching } from '../target.ts'
import { findEmptied, mayBeEmptied } from './emptied.ts'
import { sealedAgainst } from './prepare.ts'
import { occupiedLeaves, type ReadyLeaf } from './ready-leaf.ts'
import { readVersions } from './rebuild.ts'
import { type Territory, touchedLeaves } from './territory.ts'

/** What a load has brought, out of sight still. */
export interface Arrived {
  target: LoadTarget
  /** Looks at leaves that were written anew. */
  crew: Crew
  /** Tables of the load that are of no use any more. */
  landings: Landing[]
  leaves: ReadyLeaf[]
  /** The predicate of the rows that the file stands for; undefined where it replaces none. */
  scope: string | undefined
  /** Of a chunk: the rows that it stands for. */
  territory: Territory | undefined
  /** Those of them that are there give way. */
  clears: boolean
  /** Leaves that give way whole and get no row are exchanged for empty ones; what they hold is kept. */
  empties?: boolean | undefined
  /** Looks at what will be replaced, before readers have to wait. */
  look?: ((held: Held) => Promise<void>) | undefined
}

/** What is known under the locks. */
export interface Held {
  destinations: Destination[]
  /** Leaves of the target that rows of the territory may lie in; undefined for a plain table. */
  touched: Leaf[] | undefined
  /** Those of them that empty ones take the place of. */
  emptied: Leaf[]
}

/** One leaf of the landing, with the leaf of the target that its rows go to as it is under the lock. */
export interface Destination {
  leaf: ReadyLeaf
  /** The table that becomes a leaf: the leaf itself, or what was written anew; unless its rows are merged. */
  table: ReadyLeaf
  twin: Leaf | undefined
  how: 'attach' | 'exchange' | 'merge'
}

/**
 * Takes every lock in an order that two loads share, and looks at the target again under them. To be called under the lock
 * ladder: what it holds goes when one does not come.
 *
 * Locks: ACCESS EXCLUSIVE on the landing; SHARE ROW EXCLUSIVE on the leaves that rows are merged into or that are replaced
 * (their writers wait, readers do not); on the target itself SHARE UPDATE EXCLUSIVE where leaves are attached, and ACCESS
 * EXCLUSIVE where they replace others: where those hold rows only once it is known that they have not changed.
 */
export async function lockAll(session: Session, arrived: Arrived): Promise<Held> {
  const { target, landings, leaves, scope, territory, clears } = arrived
  const table = relation(target.dataset.target)
  const tables = leaves.map(tableOf)
  const empties = mayBeEmptied(arrived).length > 0
  const exchanges = empties || tables.some(({ attachable, twin }) => attachable && twin)
  const attaches = empties || tables.some(({ attachable, twin }) => attachable || !twin)
  // Readers wait only once it is known that leaves which hold rows have not changed.
  const looksFirst = arrived.look !== undefined || leaves.some(({ rebuilt }) => rebuilt)
  // Rows that move, and rows of a scope without a window, may be anywhere.
  const isAnywhere = clears ? territory?.window === undefined : scope !== undefined
  const all = !target.leaves || !target.isAligned || isAnywhere
  // Whoever reads all tables, such as pg_dump, has these too: better told now than with the locks of others in our hands.
  const made = landings.flatMap((landing) => [landing.name, ...landing.leaves])
  const own = new Set([...made, ...tables.filter(({ attachable }) => attachable)].map(relation))
  await session.run(
    `LOCK TABLE ${[...own].map((name) => `ONLY ${name}`).join(', ')} IN ACCESS EXCLUSIVE MODE`,
  )
  const exchange = looksFirst ? 'SHARE ROW EXCLUSIVE' : 'ACCESS EXCLUSIVE'
  const parent = exchanges ? exchange : attaches ? 'SHARE UPDATE EXCLUSIVE' : 'ROW EXCLUSIVE'
  if (all) await session.run(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`)
  if (exchanges || !all) await session.run(`LOCK TABLE ONLY ${table} IN ${parent} MODE`)
  const now = await lookAgain(session, target)
  const twins = leaves.map((leaf) => now.leaves?.find(({ range }) => isSameRange(range, leaf.range)))
  const touched = territory && now.leaves && touchedLeaves(territory, now.leaves)
  const cleared = clears ? (touched ?? []) : []
  const written = [...new Set([...twins.flatMap((twin) => twin ?? []), ...cleared].map(relation))]
  // ATTACH takes the same lock on what foreign keys refer to, and would wait for it with all others in its hands.
  const referred = attaches && target.leaves ? target.foreignKeys.map(referredTable) : []
  const locked = [...written.toSorted(), ...new Set(referred.toSorted())].map((name) => `ONLY ${name}`)
  if (locked.length > 0) await session.run(`LOCK TABLE ${locked.join(', ')} IN SHARE ROW EXCLUSIVE MODE`)
  const sealed = await stillSealed(
    session,
    [...twins, ...cleared].flatMap((twin) => twin ?? []),
  )
  refuseSealed(target.dataset.name, sealed, sealedAgainst)
  const destinations = await findDestinations(session, arrived, twins, now)
  const emptied = await findEmptied(session, arrived, destinations, touched)
  const held = { destinations, touched, emptied }
  await arrived.look?.(held)
  const exchanged = [
    ...destinations.flatMap(({ twin, how }) => (twin && how === 'exchange' ? [relation(twin)] : [])),
    ...emptied.map(relation),
  ]
  if (looksFirst && exchanged.length > 0) {
    const names = [table, ...exchanged.toSorted()].map((name) => `ONLY ${name}`)
    await session.run(`LOCK TABLE ${names.join(', ')} IN ACCESS EXCLUSIVE MODE`)
  }
  return held
}

/** What can become a leaf of the target. */
const tableOf = (leaf: ReadyLeaf): ReadyLeaf => leaf.rebuilt?.leaf ?? leaf

function referredTable({ schema, table_name: name }: LoadTarget['foreignKeys'][number]): string {
  return relation({ schema, name })
}

const isSameRange = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

/** The target as it is at the end of a load. */
interface Now {
  /** Undefined for a plain table. */
  leaves: Leaf[] | undefined
  /** It has columns that it did not have. */
  isWider: boolean
}

/**
 * @throws DwhError TARGET_UNFIT for another table of this name, and where columns of it were changed: the rows were judged
 *   by what they had been
 */
async function lookAgain(session: Session, target: LoadTarget): Promise<Now> {
  const now = await inspectTarget(session, target.dataset.target, target.dataset.partition)
  const kind = target.leaves ? 'partitioned' : 'plain'
  if (now.kind === 'missing' || now.kind !== kind || now.oid !== target.oid)
    throw changed(target, 'is another table now')
  const columns = await readTableColumns(session, target.oid)
  const gone = target.columns.filter((column) => !columns.some((other) => isSameColumn(column, other)))
  if (gone.length > 0)
    throw changed(target, `has other columns than it had: ${gone.map(({ name }) => name).join(', ')}`)
  return {
    leaves: now.kind === 'partitioned' ? now.leaves : undefined,
    isWider: columns.length > target.columns.length,
  }
}

function isSameColumn(one: TableColumn, other: TableColumn): boolean {
  return one.name === other.name && one.type === other.type && one.not_null === other.not_null
}

/** What becomes of each leaf of the landing, told under the locks: nobody writes into its twin any more. */
async function findDestinations(
  session: Session,
  { target, leaves, crew, territory, clears }: Arrived,
  twins: (Leaf | undefined)[],
  now: Now,
): Promise<Destination[]> {
  if (!now.leaves) return leaves.map((leaf) => ({ leaf, table: leaf, twin: undefined, how: 'merge' }))
  const asked = target.isAligned ? twins.filter((twin) => twin !== undefined) : now.leaves
  const occupied = await occupiedLeaves(session, { leaves: asked })
  // Where a key may be in any leaf, rows that have come meanwhile may be of a key of the file.
  const mayStandBeside = target.isAligned || occupied.size === 0
  // A column that came meanwhile gets its default by INSERT; a leaf without it cannot be attached.
  const mayAttach = mayStandBeside && !now.isWider
  const givesWay = ({ range }: ReadyLeaf) => clears && territory?.covers(range) === true
  const changedOids = await changedLeaves(
    crew,
    leaves.filter((leaf) => !givesWay(leaf)),
  )
  const found: Destination[] = []
  refuseDetaching(target, twins)
  for (const [index, leaf] of leaves.entries()) {
    const twin = twins[index]
    const table = tableOf(leaf)
    const attachable = table.attachable && mayAttach
    const mayReplace = (oid: number) =>
      givesWay(leaf) || (leaf.rebuilt ? !changedOids.has(oid) : !occupied.has(oid))
    if (!twin) {
      if (!leaf.range) throw changed(target, 'has no unknown leaf any more')
      await isAttached(session, target.oid, nameOf(target, leaf))
      found.push({ leaf, table, twin, how: attachable && !leaf.rebuilt?.versions.rows ? 'attach' : 'merge' })
    } else if (attachable && table.twin?.oid === twin.oid && mayReplace(twin.oid))
      found.push({ leaf, table, twin, how: 'exchange' })
    else found.push({ leaf, table, twin, how: 'merge' })
  }
  return found
}

/** The oids of leaves that hold other rows than when they were written anew; asked while nobody can write. */
async function changedLeaves(crew: Crew, leaves: ReadyLeaf[]): Promise<Set<number>> {
  const changed = new Set<number>()
  await crew.each(leaves, async (worker, { rebuilt }) => {
    const twin = rebuilt?.leaf.twin
    if (!twin) return
    const now = await readVersions(worker, twin)
    if (now.rows !== rebuilt.versions.rows || now.sum !== rebuilt.versions.sum) changed.add(twin.oid)
  })
  return changed
}

/** What a leaf of the target is called that is made for a leaf of the landing. */
export function nameOf(
  { dataset: { target, partition } }: LoadTarget,
  { from, until }: ReadyLeaf,
): RelationName {
  const policy = partition as Policy
  const period = { start: from as Temporal.PlainDate, end: until as Temporal.PlainDate }
  return { schema: target.schema, name: fitName(target.name, `_${periodLabel(period, policy.grain)}`) }
}

function changed({ dataset }: LoadTarget, how: string): DwhError {
  return new DwhError('TARGET_UNFIT', `${shown(dataset.target)} ${how}; nothing was loaded`, {
    hint: 'run the same command again',
  })
}
