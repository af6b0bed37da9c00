import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Lease } from '../../ledger/lease.ts'
import { finishLoad, type LoadedLeaf, type LoadFigures, recordDigest, supersede } from '../../ledger/loads.ts'
import { handOn } from '../../ledger/rejects.ts'
import { shown } from '../../postgres/identifiers.ts'
import { climbInSavepoint } from '../../postgres/ladder.ts'
import type { Session } from '../../postgres/session.ts'
import { Transaction } from '../../postgres/transaction.ts'
import { proofAlgorithm } from '../../proof/hash.ts'
import type { ChunkEnd } from '../chunk.ts'
import { type Former, keepsFormer, lookAtFormer, makeRoom } from './clear.ts'
import type { Conclusion } from './conclusion.ts'
import { type Held, lockAll } from './destinations.ts'
import { exchangeForEmpty } from './emptied.ts'
import { type Merged, mergeColumns } from './merge.ts'
import type { ReadyLeaf } from './ready-leaf.ts'
import { refuseOthers } from './refuse-others.ts'
import { type Settled, settle } from './settle.ts'
import { proveTerritory, requireStanding } from './territory-proof.ts'

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
  const { target, leaves, load, figures, chunk } = conclusion
  const columns = await mergeColumns(session, target)
  await using transaction = await Transaction.begin(session)
  let former: Former | undefined
  const look = async (held: Held) => {
    await refuseOthers(session, conclusion)
    if (chunk?.expects) await requireStanding(session, conclusion, held, chunk.expects)
    if (keepsFormer(conclusion)) former = await lookAtFormer(session, conclusion, held, columns)
  }
  const held = await climbInSavepoint(session, work, { relations: [target.dataset.target] }, () =>
    lockAll(session, {
      ...conclusion,
      empties: keepsFormer(conclusion),
      look: conclusion.clears && chunk ? look : undefined,
    }),
  )
  const { destinations } = held
  const room = await makeRoom(session, conclusion, held, former)
  await exchangeForEmpty(session, target, held.emptied, room.leaves)
  const sum: Merged = { inserted: 0, updated: 0, unchanged: 0, moved: 0 }
  const settled: Settled[] = []
  for (const destination of destinations) {
    work.signal.throwIfAborted()
    const merged = await settle(session, conclusion, destination, columns, room.leaves)
    for (const key of ['inserted', 'updated', 'unchanged', 'moved'] as const) sum[key] += merged[key]
    settled.push({ destination, table: merged.table })
  }
  requireWhole(conclusion, leaves, sum)
  for (const landing of conclusion.landings) await landing.drop(session)
  const { outside, unplanned, ...counted } = figures
  const result: LoadFigures = { ...counted, ...sum, replaced: room.rows, leaves: settled.map(loadedLeaf) }
  const end: ChunkEnd = {
    load,
    outcome: 'published',
    figures: { ...result, outside, unplanned },
    generations: room.generations,
    proof: chunk && conclusion.prove ? await proveTerritory(session, conclusion, held, settled) : undefined,
  }
  await finish(session, work, lease, conclusion, result, () => chunk?.concluding(session, end))
  await transaction.commit()
  return result
}

/** The end of the last transaction, of every strategy. */
export async function finish(
  session: Session,
  work: Work,
  lease: Lease,
  { load, digest, again, replay }: Pick<Conclusion, 'load' | 'digest' | 'again' | 'replay'>,
  figures: LoadFigures,
  concluding: () => Promise<void> | undefined = () => undefined,
): Promise<void> {
  await recordDigest(session, load, digest)
  if (again) await supersede(session, load)
  if (replay) await handOn(session, load, replay)
  // The cancel of a Ctrl-C that comes between two statements cancels nothing.
  work.signal.throwIfAborted()
  await finishLoad(session, load, figures)
  await concluding()
  await lease.check(session)
}

function loadedLeaf({ destination, table: { name } }: Settled): LoadedLeaf {
  if (destination.how === 'merge') return { name }
  const { rows, proof } = destination.table
  if (!proof) return { name, rows }
  return { name, rows, hash_1: String(proof.hash1), hash_2: String(proof.hash2), algorithm: proofAlgorithm }
}

/** Every record of the file is accounted for, to the last one. */
function requireWhole({ figures, target }: Conclusion, leaves: ReadyLeaf[], sum: Merged): void {
  const ended = sum.inserted + sum.updated + sum.unchanged + sum.moved
  const kept = leaves.reduce((total, { rows }) => total + rows, 0)
  const left = figures.duplicates + figures.rejected + figures.outside
  if (ended === kept && kept + left === figures.records) return
  throw new DwhError(
    'PROOF_FAILED',
    `of ${figures.records} records ${kept} were kept, ${figures.duplicates} were duplicates, ${figures.rejected} rejects and ${figures.outside} outside the window, and ${ended} came to ${shown(target.dataset.target)}: that does not add up; nothing was loaded`,
    { hint: 'a trigger or a rule may change or keep rows: see which, and run the same command again' },
  )
}
