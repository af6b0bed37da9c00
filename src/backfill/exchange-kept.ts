import { step, type Work } from '../events.ts'
import type { Chunk } from '../ledger/chunk.ts'
import type { Generation } from '../ledger/generations.ts'
import { underLease } from '../ledger/lease.ts'
import { type KeptRows, publishTables } from '../load/publish/publish-tables.ts'
import type { Loaded } from '../load/run.ts'
import { Crew } from '../postgres/crew.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { chunkName, windowOf } from './chunk-work.ts'
import { sourceOf } from './code.ts'
import { exchangedTables, keptTable } from './generations.ts'
import { rowsWithPrecedence } from './precedence.ts'

/** Rows beside a dataset that come into it, or back into it. */
export interface KeptChunk {
  how: 'accept' | 'undo'
  /** What its rows are called: `former`, `withheld`. */
  which: string
  chunk: Chunk
  generations: Generation[]
  rules: Omit<KeptRows['chunk'], 'yields' | 'tables'>
}

/**
 * Brings the kept rows of a chunk into its dataset, under a lease of the chunk and in one transaction.
 *
 * Locks: those of a load.
 *
 * @throws DwhError LEASE_LOST, LOCK_HELD, LEAF_SEALED, TARGET_UNFIT, ROWS_UNFIT
 */
export async function exchangeKept(
  session: Session,
  work: Work,
  warehouse: Warehouse,
  { how, which, chunk, generations, rules }: KeptChunk,
  run: number,
  jobs: number,
): Promise<Loaded> {
  const name = chunkName(chunk)
  return underLease(session, work, `backfill chunk ${chunk.chunk}`, run, async (lease) => {
    await using crew = await Crew.hire(session, work, jobs, `dwh backfill ${how} ${run}`)
    for (const member of crew.sessions) await lease.join(member)
    const kept: KeptRows = {
      warehouse: warehouse.name,
      dataset: sourceOf(warehouse, chunk.dataset, chunk.source).dataset,
      window: windowOf(chunk),
      parameters: chunk.parameters,
      tables: generations.filter(({ rows }) => rows > 0).map(keptTable),
      name: `${which} rows of ${name}`,
      how,
      chunk: {
        ...rules,
        yields: await rowsWithPrecedence(session, warehouse, chunk),
        tables: exchangedTables(chunk.chunk, how, run),
      },
    }
    return await step(work, name, () => publishTables(session, work, { lease, crew }, kept, run))
  })
}
