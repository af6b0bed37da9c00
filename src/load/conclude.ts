import type { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Lease } from '../ledger/lease.ts'
import { finishLoad, type LoadedLeaf, type LoadFigures, recordDigest, supersede } from '../ledger/loads.ts'
import { handOn, type Replay } from '../ledger/rejects.ts'
import { forValues } from '../partitions/bounds.ts'
import { isAttached, readFurniture } from '../partitions/create.ts'
import { createLeafStatements, leafIndexName } from '../partitions/leaf-sql.ts'
import { periodLabel } from '../partitions/periods.ts'
import { refuseSealed, stillSealed } from '../partitions/sealed.ts'
import { inspectTarget, type Leaf } from '../partitions/tree.ts'
import type { Crew } from '../postgres/crew.ts'
import { boundName, fitName, ident, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInSavepoint } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { Transaction } from '../postgres/transaction.ts'
import { proofAlgorithm } from '../proof/hash.ts'
import type { Policy } from '../warehouse/schema.ts'
import { readTableColumns, type TableColumn } from './columns.ts'
import type { OnDuplicate } from './deduplicate.ts'
import type { Landing } from './landing.ts'
import { type MergeColumns, type Merged, merge, mergeColumns } from './merge.ts'
import { sealedAgainst } from './prepare.ts'
import { occupiedLeaves, type ReadyLeaf } from './ready-leaf.ts'
import { readVersions } from './rebuild.ts'
import { replaceScope } from './replace.ts'
import { type LoadTarget, refuseDetaching } from './target.ts'

/** What the last transaction does with a landing. */
export interface Conclusion {
  target: LoadTarget
  /** Looks at leaves that were written anew. */
  crew: Crew
  /** Tables of the load that are of no use any more. */
  landings: Landing[]
  leaves: ReadyLeaf[]
  onDuplicate: OnDuplicate
  /** The predicate of the rows that the file stands for; undefined where it replaces none. */
  scope: string | undefined
  /** Somebody has said that it is so. */
  mayReplace: boolean
  load: number
  digest: { bytes: number; sha256: string }
  again: boolean
  /** Rejects that the file stands for. */
  replay: Replay | undefined
  /** What is known before. */
  figures: Pick<LoadFigures, 'records' | 'duplicates' | 'rejected'>
}

/** One leaf of the landing, with the leaf of the target that its rows go to as it is under the lock. */
interface Destination {
  leaf: ReadyLeaf
  /** The table that becomes a leaf: the leaf itself, or what was written anew; unless its rows are merged. */
  table: ReadyLeaf
  twin: Leaf | undefined
  how: 'attach' | 'exchange' | 'merge'
}

/**
 * The last transaction of a load: all its rows become visible, with the ledger's row, or none.
 *
 * Locks, all at the beginning and under the lock ladder: ACCESS EXCLUSIVE on the landing; SHARE ROW EXCLUSIVE on the leaves
 * that rows are merged into (their writers wait, readers do not); SHARE UPDATE EXCLUSIVE on the target where leaves are attached, ACCESS EXCLUSIVE on it for
 * as long as that takes where they replace empty ones.
 */
export async function conclude(
  session: Session,
  work: Work,
  lease: Lease,
  conclusion: Conclusion,
): Promise<LoadFigures> {
  const { target, leaves, load, figures } = conclusion
  await using transaction = await Transaction.begin(session)
  const destinations = await climbInSavepoint(session, work, { relations: [target.dataset.target] }, () =>
    lockAll(session, conclusion),
  )
  const replaced = conclusion.scope === undefined ? 0 : await replaceScope(session, conclusion)
  const columns = await mergeColumns(session, target)
  const sum: Merged = { inserted: 0, updated: 0, unchanged: 0, moved: 0 }
  const loaded: LoadedLeaf[] = []
  for (const destination of destinations) {
    work.signal.throwIfAborted()
    const merged = await settle(session, conclusion, destination, columns)
    for (const key of ['inserted', 'updated', 'unchanged', 'moved'] as const) sum[key] += merged[key]
    loaded.push(
      loadedLeaf(
        merged.name,
        destination.table,
        destination.how === 'merge' ? undefined : destination.table.rows,
      ),
    )
  }
  requireWhole(conclusion, leaves, sum)
  for (const landing of conclusion.landings) await landing.drop(session)
  const result: LoadFigures = { ...figures, ...sum, replaced, leaves: loaded }
  await finish(session, work, lease, load, conclusion, result)
  await transaction.commit()
  return result
}

/** The end of the last transaction, of every strategy. */
export async function finish(
  session: Session,
  work: Work,
  lease: Lease,
  load: number,
  { digest, again, replay }: Pick<Conclusion, 'digest' | 'again' | 'replay'>,
  figures: LoadFigures,
): Promise<void> {
  await recordDigest(session, load, digest)
  if (again) await supersede(session, load)
  if (replay) await handOn(session, load, replay)
  // The cancel of a Ctrl-C that comes between two statements cancels nothing.
  work.signal.throwIfAborted()
  await finishLoad(session, load, figures)
  await lease.check(session)
}

/** Takes every lock in an order that two loads share, and looks at the target again under them. */
async function lockAll(session: Session, conclusion: Conclusion): Promise<Destination[]> {
  const { target, landings, leaves, scope } = conclusion
  const table = relation(target.dataset.target)
  const tables = leaves.map(tableOf)
  const exchanges = tables.some(({ attachable, twin }) => attachable && twin)
  const attaches = tables.some(({ attachable, twin }) => attachable || !twin)
  // Readers wait only once it is known that leaves which hold rows have not changed.
  const looksFirst = leaves.some(({ rebuilt }) => rebuilt)
  // Rows that move, and rows of a scope, may be anywhere.
  const all = !target.leaves || !target.isAligned || scope !== undefined
  // Whoever reads all tables, such as pg_dump, has these too: better told now than with the locks of others in our hands.
  const own = landings.flatMap((landing) => [landing.name, ...landing.leaves])
  await session.run(
    `LOCK TABLE ${own.map((name) => `ONLY ${relation(name)}`).join(', ')} IN ACCESS EXCLUSIVE MODE`,
  )
  const parent = attaches ? 'SHARE UPDATE EXCLUSIVE' : 'ROW EXCLUSIVE'
  if (all) await session.run(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`)
  if (exchanges || !all)
    await session.run(
      `LOCK TABLE ONLY ${table} IN ${exchanges ? (looksFirst ? 'SHARE ROW EXCLUSIVE' : 'ACCESS EXCLUSIVE') : parent} MODE`,
    )
  const now = await lookAgain(session, target)
  const twins = leaves.map((leaf) => now.leaves?.find(({ range }) => isSameRange(range, leaf.range)))
  const written = twins.flatMap((twin) => (twin ? [relation(twin)] : []))
  // ATTACH takes the same lock on what foreign keys refer to, and would wait for it with all others in its hands.
  const referred = attaches && target.leaves ? target.foreignKeys.map(referredTable) : []
  const locked = [...written.toSorted(), ...new Set(referred.toSorted())].map((name) => `ONLY ${name}`)
  if (locked.length > 0) await session.run(`LOCK TABLE ${locked.join(', ')} IN SHARE ROW EXCLUSIVE MODE`)
  const sealed = await stillSealed(
    session,
    twins.flatMap((twin) => twin ?? []),
  )
  refuseSealed(target.dataset.name, sealed, sealedAgainst)
  const destinations = await findDestinations(session, conclusion, twins, now)
  if (looksFirst && destinations.some(({ how }) => how === 'exchange'))
    await session.run(`LOCK TABLE ONLY ${table} IN ACCESS EXCLUSIVE MODE`)
  return destinations
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
  { target, leaves, crew }: Conclusion,
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
  const changedOids = await changedLeaves(crew, leaves)
  const found: Destination[] = []
  refuseDetaching(target, twins)
  for (const [index, leaf] of leaves.entries()) {
    const twin = twins[index]
    const table = tableOf(leaf)
    const attachable = table.attachable && mayAttach
    const mayReplace = (oid: number) => (leaf.rebuilt ? !changedOids.has(oid) : !occupied.has(oid))
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

async function settle(
  session: Session,
  conclusion: Conclusion,
  { leaf, table, twin, how }: Destination,
  columns: MergeColumns,
): Promise<Merged & { name: string }> {
  const { target, onDuplicate } = conclusion
  const parent = target.dataset.target
  if (how === 'merge') {
    const into = twin ?? (target.leaves ? await makeLeaf(session, target, leaf) : parent)
    const merged = await merge(
      session,
      target,
      columns,
      leaf,
      leaf.rows,
      target.isAligned ? into : parent,
      onDuplicate,
    )
    return { ...merged, name: into.name }
  }
  const policy = target.dataset.partition as Policy
  const name = twin ?? nameOf(target, leaf)
  const indexNames = new Map<string, string>()
  if (twin) {
    const rows = await session.rows<{ of: string; name: string }>(sql('load/leaf_indexes'), [twin.oid])
    for (const index of rows) indexNames.set(index.of, index.name)
    await session.run(`ALTER TABLE ${relation(parent)} DETACH PARTITION ${relation(twin)}`)
    await session.run(`DROP TABLE ${relation(twin)}`)
  }
  await session.run(`ALTER TABLE ${relation(table)} RENAME TO ${ident(name.name)}`)
  const here = { schema: table.schema, name: name.name }
  if (name.schema !== table.schema)
    await session.run(`ALTER TABLE ${relation(here)} SET SCHEMA ${ident(name.schema)}`)
  const there = { schema: name.schema, name: name.name }
  for (const index of table.indexes) {
    const final = indexNames.get(index.of) ?? leafIndexName(there, { name: index.of }, parent)
    await session.run(
      `ALTER INDEX ${relation({ schema: there.schema, name: index.name })} RENAME TO ${ident(final)}`,
    )
  }
  await renameStatistics(session, there, table.name)
  await session.run(
    `ALTER TABLE ${relation(parent)} ATTACH PARTITION ${relation(there)} ${forValues(policy, table.range as NonNullable<typeof table.range>)}`,
  )
  await session.run(`ALTER TABLE ${relation(there)} DROP CONSTRAINT ${ident(boundName(table.name))}`)
  const merged = leaf.rebuilt?.merged ?? { inserted: leaf.rows, updated: 0, unchanged: 0, moved: 0 }
  return { ...merged, name: there.name }
}

/** They were named after the table when it was made, as LIKE does it. */
async function renameStatistics(session: Session, leaf: RelationName, before: string): Promise<void> {
  const statistics = await session.rows<RelationName>(sql('load/leaf_statistics'), [relation(leaf)])
  for (const { schema, name } of statistics) {
    const final = fitName(leaf.name, name.startsWith(before) ? name.slice(before.length) : `_${name}`)
    const taken = await session.row(
      'SELECT FROM pg_statistic_ext WHERE stxname = $1 AND stxnamespace = $2::text::regnamespace',
      [final, ident(schema)],
    )
    if (!taken) await session.run(`ALTER STATISTICS ${relation({ schema, name })} RENAME TO ${ident(final)}`)
  }
}

/** A leaf of the target for rows that come by INSERT. */
async function makeLeaf(session: Session, target: LoadTarget, leaf: ReadyLeaf): Promise<RelationName> {
  const { dataset, oid } = target
  const named = { ...nameOf(target, leaf), range: leaf.range }
  const furniture = await readFurniture(session, oid, dataset)
  for (const statement of createLeafStatements(dataset.target, dataset.partition as Policy, named, furniture))
    await session.run(statement)
  return named
}

function nameOf({ dataset: { target, partition } }: LoadTarget, { from, until }: ReadyLeaf): RelationName {
  const policy = partition as Policy
  const period = { start: from as Temporal.PlainDate, end: until as Temporal.PlainDate }
  return { schema: target.schema, name: fitName(target.name, `_${periodLabel(period, policy.grain)}`) }
}

function loadedLeaf(name: string, { proof }: ReadyLeaf, rows: number | undefined): LoadedLeaf {
  if (rows === undefined) return { name }
  if (!proof) return { name, rows }
  return { name, rows, hash_1: String(proof.hash1), hash_2: String(proof.hash2), algorithm: proofAlgorithm }
}

/** Every record of the file is accounted for, to the last one. */
function requireWhole({ figures, target }: Conclusion, leaves: ReadyLeaf[], sum: Merged): void {
  const ended = sum.inserted + sum.updated + sum.unchanged + sum.moved
  const kept = leaves.reduce((total, { rows }) => total + rows, 0)
  if (ended === kept && kept + figures.duplicates + figures.rejected === figures.records) return
  throw new DwhError(
    'PROOF_FAILED',
    `of ${figures.records} records ${kept} were kept, ${figures.duplicates} were duplicates and ${figures.rejected} rejects, and ${ended} came to ${shown(target.dataset.target)}: that does not add up; nothing was loaded`,
    { hint: 'a trigger or a rule may change or keep rows: see which, and run the same command again' },
  )
}

function changed({ dataset }: LoadTarget, how: string): DwhError {
  return new DwhError('TARGET_UNFIT', `${shown(dataset.target)} ${how}; nothing was loaded`, {
    hint: 'run the same command again',
  })
}
