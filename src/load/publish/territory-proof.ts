import { DwhError } from '../../errors.ts'
import type { StoredProof } from '../../ledger/chunks.ts'
import { type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { proofColumns } from '../../proof/columns.ts'
import { addProofs, type Proof, proofAlgorithm, proveRelation } from '../../proof/hash.ts'
import type { LoadTarget } from '../target.ts'
import type { Conclusion } from './conclusion.ts'
import type { Held } from './destinations.ts'
import type { Settled } from './settle.ts'
import type { Territory } from './territory.ts'

/**
 * What the territory of a chunk holds at the end of its load. Leaves that have come whole were hashed while nobody waited;
 * only what lies in others is read.
 */
export async function proveTerritory(
  session: Session,
  { target, territory }: Pick<Conclusion, 'target' | 'territory'>,
  { touched = [] }: Held,
  settled: Settled[],
): Promise<StoredProof | undefined> {
  if (!territory) return undefined
  if (!target.leaves)
    return storedProof(territory, await proveTables(session, target, territory, [target.dataset.target]))
  const tables = new Map<string, RelationName>(touched.map((leaf) => [relation(leaf), leaf]))
  const proofs: Proof[] = []
  for (const { destination, table } of settled) {
    const { proof } = destination.table
    const isKnown = destination.how !== 'merge' && proof && territory.covers(destination.leaf.range)
    if (isKnown) proofs.push(proof)
    if (isKnown) tables.delete(relation(table))
    else tables.set(relation(table), table)
  }
  proofs.push(await proveTables(session, target, territory, [...tables.values()]))
  return storedProof(territory, addProofs(proofs))
}

/**
 * To be called under the locks of the last transaction, before anything is changed.
 *
 * @throws DwhError ROWS_UNFIT where the territory does not hold what is expected of it
 */
export async function requireStanding(
  session: Session,
  conclusion: Pick<Conclusion, 'target' | 'territory'>,
  held: Held,
  expected: StoredProof,
): Promise<void> {
  const found = await proveTerritory(session, conclusion, held, [])
  const { rows, hash_1, hash_2 } = expected
  if (!found || (found.rows === rows && found.hash_1 === hash_1 && found.hash_2 === hash_2)) return
  throw new DwhError(
    'ROWS_UNFIT',
    `somebody has changed rows of ${shown(conclusion.target.dataset.target)} since they were looked at; nothing was changed`,
    { hint: 'run the same command again: it says what has changed' },
  )
}

async function proveTables(
  session: Session,
  { oid }: Pick<LoadTarget, 'oid'>,
  { condition }: Territory,
  tables: RelationName[],
): Promise<Proof> {
  const columns = await proofColumns(session, oid)
  const proofs: Proof[] = []
  for (const table of tables)
    proofs.push(await proveRelation(session, columns, `ONLY ${relation(table)} WHERE ${condition}`))
  return addProofs(proofs)
}

function storedProof({ condition }: Territory, { rows, hash1, hash2 }: Proof): StoredProof {
  return { rows, hash_1: String(hash1), hash_2: String(hash2), algorithm: proofAlgorithm, condition }
}
