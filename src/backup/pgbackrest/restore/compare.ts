import type { Work } from '../../../events.ts'
import { type RelationName, relation, shown } from '../../../postgres/identifiers.ts'
import type { Session } from '../../../postgres/session.ts'
import { sql } from '../../../postgres/sql-files.ts'
import { proofColumns } from '../../../proof/columns.ts'
import { addProofs, equalProofs, type Proof, proofVectors, proveRelation } from '../../../proof/hash.ts'

/** A table as the restored server has it, beside the live one; what neither has is left out. */
export interface Compared {
  /** `schema.table` */
  table: string
  /** Null where there is no such table. */
  rows: number | null
  live_rows: number | null
  /** Leaves, or the table itself, whose rows are the same on both sides, of those that either side has. */
  equal_leaves: number
  leaves: number
  /** `alone`: there is no live server to compare with. */
  verdict: 'equal' | 'different' | 'not comparable' | 'alone'
}

interface Side {
  session: Session
  vectors: string
}

/**
 * Reads tables on the restored server, and on the live one where there is one, and compares them by the proof of each leaf. A
 * difference is no fault: the live server has gone on.
 */
export async function compareTables(
  restored: Session,
  live: Session | undefined,
  tables: RelationName[],
  work: Work,
): Promise<Compared[]> {
  const sides = live ? [await sideOf(restored), await sideOf(live)] : [await sideOf(restored)]
  const [here, there] = sides
  const compared: Compared[] = []
  for (const [done, table] of tables.entries()) {
    work.signal.throwIfAborted()
    work.emit({ type: 'progress', step: 'compare', done, total: tables.length, unit: 'tables' })
    const one = await compareTable(here as Side, there, table)
    if (one.leaves > 0) compared.push(one)
  }
  return compared
}

async function sideOf(session: Session): Promise<Side> {
  return { session, vectors: await proofVectors(session) }
}

interface Leaf extends RelationName {
  oid: number
}

async function compareTable(here: Side, there: Side | undefined, table: RelationName): Promise<Compared> {
  const isComparable = here.vectors === there?.vectors
  // Both sides at once, each leaf in a statement of its own: a scan of the parent would lock every index of every leaf.
  const [ours, theirs] = await Promise.all([proveLeaves(here, table), there && proveLeaves(there, table)])
  const names = new Set([...ours.keys(), ...(theirs?.keys() ?? [])])
  const isEqual = (name: string) => {
    const [one, other] = [ours.get(name), theirs?.get(name)]
    return one && other ? one.columns === other.columns && equalProofs(one.proof, other.proof) : false
  }
  const equal = [...names].filter(isEqual).length
  const verdict = isComparable ? (equal === names.size ? 'equal' : 'different') : 'not comparable'
  return {
    table: shown(table),
    rows: rowsOf(ours),
    live_rows: theirs ? rowsOf(theirs) : null,
    equal_leaves: equal,
    leaves: names.size,
    verdict: theirs ? verdict : 'alone',
  }
}

type Proved = Map<string, { columns: string; proof: Proof }>

async function proveLeaves({ session }: Side, table: RelationName): Promise<Proved> {
  const leaves = await session.rows<Leaf>(sql('backup/leaves'), [relation(table)])
  const proved: Proved = new Map()
  for (const leaf of leaves) {
    const columns = await proofColumns(session, leaf.oid)
    const proof = await proveRelation(session, columns, `ONLY ${relation(leaf)}`)
    proved.set(shown(leaf), { columns: JSON.stringify(columns), proof })
  }
  return proved
}

function rowsOf(proved: Proved): number | null {
  return proved.size === 0 ? null : addProofs([...proved.values()].map(({ proof }) => proof)).rows
}
