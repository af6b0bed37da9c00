import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Lease } from '../ledger/lease.ts'
import { finishLoad, type LoadedLeaf, type LoadFigures, recordDigest, supersede } from '../ledger/loads.ts'
import { handOn, type Replay } from '../ledger/rejects.ts'
import { forValues } from '../partitions/bounds.ts'
import { readFurniture } from '../partitions/create.ts'
import { createLeafStatements, leafIndexName } from '../partitions/leaf-sql.ts'
import { boundName, fitName, ident, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInSavepoint } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { Transaction } from '../postgres/transaction.ts'
import { proofAlgorithm } from '../proof/hash.ts'
import type { Policy } from '../warehouse/schema.ts'
import type { ChunkLoad } from './chunk.ts'
import type { OnDuplicate } from './deduplicate.ts'
import { type Arrived, type Destination, lockAll, nameOf } from './destinations.ts'
import { type MergeColumns, type Merged, merge, mergeColumns } from './merge.ts'
import type { ReadyLeaf } from './ready-leaf.ts'
import { replaceScope } from './replace.ts'
import type { LoadTarget } from './target.ts'

/** What the last transaction does with a landing. */
export interface Conclusion extends Arrived {
  onDuplicate: OnDuplicate
  /** Somebody has said that it is so. */
  mayReplace: boolean
  load: number
  digest: { bytes: number; sha256: string }
  again: boolean
  /** Rejects that the file stands for. */
  replay: Replay | undefined
  chunk: ChunkLoad | undefined
  /** What is known before. */
  figures: Pick<LoadFigures, 'records' | 'duplicates' | 'rejected'>
}

/**
 * The last transaction of a load: all its rows become visible, with the ledger's row, or none.
 *
 * Locks, all at the beginning and under the lock ladder: see `lockAll`.
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
  { digest, again, replay, chunk }: Pick<Conclusion, 'digest' | 'again' | 'replay' | 'chunk'>,
  figures: LoadFigures,
): Promise<void> {
  await recordDigest(session, load, digest)
  if (again) await supersede(session, load)
  if (replay) await handOn(session, load, replay)
  // The cancel of a Ctrl-C that comes between two statements cancels nothing.
  work.signal.throwIfAborted()
  await finishLoad(session, load, figures)
  await chunk?.concluding(session, {
    load,
    outcome: 'published',
    figures: { ...figures, outside: 0 },
    generations: [],
    proof: undefined,
  })
  await lease.check(session)
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
    const taken = await session.row(sql('load/find_statistics'), [final, schema])
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
