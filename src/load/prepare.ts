import type { Work } from '../events.ts'
import { type Range, rangeCondition } from '../partitions/bounds.ts'
import { leafIndexStatements, readIndexes, type TableIndex } from '../partitions/indexes.ts'
import { leafIndexName } from '../partitions/leaf-sql.ts'
import { refuseSealed } from '../partitions/sealed.ts'
import type { Crew } from '../postgres/crew.ts'
import { boundName, ident, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { type ProofColumn, proofColumns } from '../proof/columns.ts'
import { type Proof, proveRelation } from '../proof/hash.ts'
import type { Policy } from '../warehouse/schema.ts'
import { deduplicate, type OnDuplicate } from './deduplicate.ts'
import { type Landing, type LandingLeaf, requiredName } from './landing.ts'
import type { LoadTarget } from './target.ts'

/** A leaf of the landing that holds rows, one a key, and has all that it needs to become a leaf of the target. */
export interface ReadyLeaf extends LandingLeaf {
  rows: number
  /** Of all its rows; undefined where no proof was wanted, or where they are merged into others. */
  proof: Proof | undefined
  /** Its indexes, and what they are called when it bears the name of a leaf of the target. */
  indexes: { name: string; of: string }[]
  /** It takes the place of a leaf without rows, or of none; otherwise its rows are merged. */
  attachable: boolean
}

export interface Prepared {
  leaves: ReadyLeaf[]
  /** Rows that stood behind another of their key. */
  duplicates: number
}

export interface PrepareOptions {
  onDuplicate: OnDuplicate
  prove: boolean
  /** No key stands twice any more. */
  isUnique?: boolean
}

/**
 * Leaves each key in one row, and makes leaves of the target out of those of the landing that can become some: indexes,
 * foreign keys, proof and statistics, leaf by leaf on the connections of a crew, while nobody waits.
 *
 * @throws DwhError LEAF_SEALED
 */
export async function prepare(
  session: Session,
  crew: Crew,
  work: Work,
  target: LoadTarget,
  landing: Landing,
  { onDuplicate, prove, isUnique = false }: PrepareOptions,
): Promise<Prepared> {
  await refuseSealedTwins(session, target, landing)
  const isSifted = isUnique || target.dataset.key === undefined
  const prepared: Prepared = { leaves: [], duplicates: 0 }
  if (!isSifted && !target.isAligned)
    prepared.duplicates += await deduplicate(session, target, landing.name, onDuplicate, landing.isPlaced)
  const occupied = await occupiedLeaves(session, target)
  const hung = await hungLeaves(session, landing)
  // Rows with the keys of a leaf may be in any other.
  const mayAttach = landing.kind === 'leaves' && (target.isAligned || occupied.size === 0)
  const indexes = landing.kind === 'leaves' ? await readIndexes(session, target.oid) : []
  const columns = prove ? await proofColumns(session, target.oid) : undefined
  let done = 0
  await crew.each(landing.leaves.toSorted(byDate), async (worker, leaf) => {
    if (!isSifted && target.isAligned) {
      const duplicates = await deduplicate(worker, target, leaf, onDuplicate, landing.isPlaced)
      prepared.duplicates += duplicates
    }
    const attachable =
      mayAttach &&
      leaf.range !== undefined &&
      (!leaf.twin || !(occupied.has(leaf.twin.oid) || hung.has(leaf.twin.oid)))
    const ready = await prepareLeaf(worker, target, leaf, attachable, indexes, columns)
    if (ready.rows > 0) prepared.leaves.push(ready)
    done += 1
    work.emit({ type: 'progress', step: 'leaves', done, total: landing.leaves.length, unit: 'leaves' })
  })
  prepared.leaves.sort(byDate)
  return prepared
}

/** Before anything is built: the sample may have had no row of them. */
async function refuseSealedTwins(
  session: Session,
  { dataset }: LoadTarget,
  { leaves }: Landing,
): Promise<void> {
  for (const leaf of leaves) {
    if (!leaf.twin?.sealed) continue
    const { has } = await session.one<{ has: boolean }>(
      `SELECT EXISTS (SELECT FROM ${relation(leaf)}) AS has`,
    )
    if (has) refuseSealed(dataset.name, [leaf.twin], sealedAgainst)
  }
}

/** What is said of a sealed leaf that rows of a file have come to. */
export const sealedAgainst = 'and the file has rows that belong there; nothing was loaded'

async function prepareLeaf(
  session: Session,
  target: LoadTarget,
  leaf: LandingLeaf,
  attachable: boolean,
  indexes: TableIndex[],
  columns: ProofColumn[] | undefined,
): Promise<ReadyLeaf> {
  const name = relation(leaf)
  const isProved = attachable && columns !== undefined
  const proof = isProved ? await proveRelation(session, columns, name) : undefined
  const { rows } = proof ?? (await session.one<{ rows: number }>(`SELECT count(*) AS rows FROM ${name}`))
  if (rows === 0 || !attachable) return { ...leaf, rows, proof, indexes: [], attachable }
  // A CHECK while rows arrive would cost more than looking at all of them once; with it ATTACH need not look.
  const bound = rangeCondition(target.dataset.partition as Policy, leaf.range as Range)
  await session.run(`ALTER TABLE ${name} ADD CONSTRAINT ${ident(boundName(leaf.name))} CHECK (${bound})`)
  const built: ReadyLeaf['indexes'] = []
  for (const index of indexes) {
    const own = leafIndexName(leaf, index, target.dataset.target)
    const { build, promote } = leafIndexStatements(leaf, own, {
      isUnique: index.is_unique,
      constraint: index.is_constraint ? (index.is_primary ? 'PRIMARY KEY' : 'UNIQUE') : undefined,
      tail: index.tail,
      tablespace: index.tablespace,
    })
    await session.run(build)
    if (promote) await session.run(promote)
    built.push({ name: own, of: index.name })
  }
  for (const { name: key, definition } of target.foreignKeys) {
    await session.run(
      `ALTER TABLE ${name} ADD CONSTRAINT ${ident(key)} ${definition.replace(/ NOT VALID$/, '')} NOT VALID`,
    )
    await session.run(`ALTER TABLE ${name} VALIDATE CONSTRAINT ${ident(key)}`)
  }
  await session.run(`ANALYZE ${name}`)
  return { ...leaf, rows, proof, indexes: built, attachable }
}

/**
 * Lets go of the landing's parent, so that the last transaction need not, and of what the landing alone demanded.
 *
 * Locks: ACCESS EXCLUSIVE on the landing.
 */
export async function letGo(
  session: Session,
  target: LoadTarget,
  landing: Landing,
  leaves: ReadyLeaf[],
): Promise<void> {
  await inTransaction(session, async () => {
    for (const leaf of leaves.filter(({ attachable }) => attachable)) {
      await session.run(`ALTER TABLE ${relation(landing.name)} DETACH PARTITION ${relation(leaf)}`)
      const drops = landing.required.map(
        (column) => `DROP CONSTRAINT IF EXISTS ${ident(requiredName(column))}`,
      )
      const defaults = target.columns
        .filter(({ name, identity }) => identity || landing.defaults.includes(name))
        .map(({ name }) => `ALTER COLUMN ${ident(name)} DROP DEFAULT`)
      if (drops.length + defaults.length > 0)
        await session.run(`ALTER TABLE ${relation(leaf)} ${[...drops, ...defaults].join(', ')}`)
    }
  })
}

/** The oids of the target's leaves that hold a row. */
export async function occupiedLeaves(
  session: Session,
  target: Pick<LoadTarget, 'leaves'>,
): Promise<Set<number>> {
  const occupied = new Set<number>()
  for (const leaf of target.leaves ?? []) {
    const { has } = await session.one<{ has: boolean }>(
      `SELECT EXISTS (SELECT FROM ONLY ${relation(leaf)}) AS has`,
    )
    if (has) occupied.add(leaf.oid)
  }
  return occupied
}

async function hungLeaves(session: Session, { leaves }: Landing): Promise<Set<number>> {
  const twins = leaves.flatMap(({ twin }) => (twin ? [twin.oid] : []))
  const rows = await session.rows<{ oid: number }>(sql('load/hangers'), [twins])
  return new Set(rows.map(({ oid }) => oid))
}

function byDate(a: LandingLeaf, b: LandingLeaf): number {
  return a.name < b.name ? -1 : 1
}
