import { type Range, rangeCondition } from '../../partitions/bounds.ts'
import { completeLeaf } from '../../partitions/complete-leaf.ts'
import { readIndexes, type TableIndex } from '../../partitions/indexes.ts'
import { leafIndexName } from '../../partitions/leaf-sql.ts'
import { boundName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { type ProofColumn, proofColumns } from '../../proof/columns.ts'
import { emptyProof, type Proof, proveAlone } from '../../proof/hash.ts'
import type { Policy } from '../../warehouse/schema.ts'
import type { Landing, LandingLeaf } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import type { OnDuplicate } from './deduplicate.ts'
import type { Merged } from './merge.ts'
import type { Territory } from './territory.ts'

/** A leaf of the landing that holds rows, one a key, and has all that it needs to become a leaf of the target. */
export interface ReadyLeaf extends LandingLeaf {
  rows: number
  /** Of all its rows; undefined where no proof was wanted, or where they are merged into others. */
  proof: Proof | undefined
  /** Its indexes, and what they are called when it bears the name of a leaf of the target. */
  indexes: { name: string; of: string }[]
  /** It takes the place of a leaf without rows, or of none; otherwise its rows are merged. */
  attachable: boolean
  /** Of a leaf of a staging landing: the leaf of the target written anew with its rows. */
  rebuilt?: Rebuilt
}

/** A leaf of the target written anew, out of its rows and those of the file. */
export interface Rebuilt {
  leaf: ReadyLeaf
  merged: Merged
  /** Its twin when it was read: the rows that it stands for as long as the twin has not changed. */
  versions: Versions
}

/** The versions of rows that a table holds: whatever a writer does makes another set of them. */
export interface Versions {
  rows: number
  sum: string
}

/** How what has arrived is made ready. */
export interface PrepareOptions {
  onDuplicate: OnDuplicate
  prove: boolean
  /** Doubled keys are rare: whether there are any is told by their index. */
  isOncePerKey?: boolean | undefined
  /** Rows of it that are there give way to those that come. */
  replaced?: Territory | undefined
}

/** What tells which leaves can become leaves of the target, and what they need for it. */
export interface Readiness {
  /** Rows with the keys of a leaf are in no other leaf of the target. */
  mayAttach: boolean
  /** The oids of leaves of the target that hold rows. */
  occupied: Set<number>
  /** The oids of those on which something hangs that another leaf would lose. */
  hung: Set<number>
  indexes: TableIndex[]
  /** What is hashed; undefined where no proof is wanted. */
  columns: ProofColumn[] | undefined
  /** Leaves that it covers take the place of those that hold rows. */
  replaced: Territory | undefined
}

export async function readiness(
  session: Session,
  target: LoadTarget,
  landing: Pick<Landing, 'kind' | 'leaves'>,
  { prove, replaced }: Pick<PrepareOptions, 'prove' | 'replaced'>,
): Promise<Readiness> {
  const occupied = await occupiedLeaves(session, target)
  // Rows that others refer to cannot leave with their leaf, and triggers would not see them go.
  const obstacles = replaced ? await session.rows(sql('load/rebuild_obstacles'), [target.oid]) : []
  const isLeaves = landing.kind === 'leaves'
  return {
    mayAttach: isLeaves && (target.isAligned || occupied.size === 0),
    occupied,
    hung: await hungLeaves(session, landing.leaves),
    indexes: isLeaves ? await readIndexes(session, target.oid) : [],
    columns: prove ? await proofColumns(session, target.oid) : undefined,
    replaced: obstacles.length > 0 ? undefined : replaced,
  }
}

/** A leaf takes the place of none, or of one that nobody would miss. */
export function isFree(
  { mayAttach, occupied, hung, replaced }: Readiness,
  { range, twin }: LandingLeaf,
): boolean {
  if (!mayAttach || !range) return false
  if (!twin) return true
  return !hung.has(twin.oid) && (!occupied.has(twin.oid) || replaced?.covers(range) === true)
}

/**
 * Gives a leaf all that it needs to become a leaf of the target, where it can become one.
 *
 * @param aide a second connection, which nobody else needs meanwhile
 */
export async function makeReady(
  session: Session,
  signal: AbortSignal,
  target: LoadTarget,
  leaf: LandingLeaf,
  attachable: boolean,
  { indexes, columns }: Readiness,
  aide?: Session,
): Promise<ReadyLeaf> {
  const name = relation(leaf)
  if (!attachable)
    return { ...leaf, rows: await countRows(session, leaf), proof: undefined, indexes: [], attachable }
  const { has } = await session.one<{ has: boolean }>(`SELECT EXISTS (SELECT FROM ${name}) AS has`)
  const built = indexes.map((like) => ({ name: leafIndexName(leaf, like, target.dataset.target), like }))
  let proof = columns && emptyProof
  let rows = 0
  const look = async (session: Session) => {
    proof = columns && (await proveAlone(session, columns, name))
    rows = proof?.rows ?? (await countRows(session, leaf))
  }
  if (has)
    await completeLeaf(session, leaf, {
      bound: {
        name: boundName(leaf.name),
        condition: rangeCondition(target.dataset.partition as Policy, leaf.range as Range),
      },
      indexes: built,
      foreignKeys: target.foreignKeys,
      signal,
      aide,
      meanwhile: look,
    })
  const made = has ? built.map(({ name, like }) => ({ name, of: like.name })) : []
  return { ...leaf, rows, proof, indexes: made, attachable }
}

async function countRows(session: Session, leaf: LandingLeaf): Promise<number> {
  const { rows } = await session.one<{ rows: number }>(`SELECT count(*) AS rows FROM ${relation(leaf)}`)
  return rows
}

/** Leaves asked about in one statement, which locks each of them and all its indexes. */
const leavesAtOnce = 100

/** The oids of the target's leaves that hold a row. */
export async function occupiedLeaves(
  session: Session,
  { leaves = [] }: Pick<LoadTarget, 'leaves'>,
): Promise<Set<number>> {
  const occupied = new Set<number>()
  for (let at = 0; at < leaves.length; at += leavesAtOnce) {
    const some = leaves.slice(at, at + leavesAtOnce)
    const holds = some.map((leaf) => `EXISTS (SELECT FROM ONLY ${relation(leaf)})`)
    const { has } = await session.one<{ has: boolean[] }>(`SELECT ARRAY[${holds.join(', ')}] AS has`)
    for (const [index, { oid }] of some.entries()) if (has[index]) occupied.add(oid)
  }
  return occupied
}

/** The oids of the twins of some leaves on which something hangs that is not of the parent. */
export async function hungLeaves(
  session: Session,
  leaves: Pick<LandingLeaf, 'twin'>[],
): Promise<Set<number>> {
  const twins = leaves.flatMap(({ twin }) => (twin ? [twin.oid] : []))
  const rows = await session.rows<{ oid: number }>(sql('load/hangers'), [twins])
  return new Set(rows.map(({ oid }) => oid))
}
