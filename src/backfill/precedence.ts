import type { Claim } from '../ledger/chunk.ts'
import { findChunks } from '../ledger/generations.ts'
import { Territory } from '../load/publish/territory.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { windowOf } from './chunk-work.ts'
import { sourceOf } from './code.ts'

/**
 * SQL conditions of the rows that sources of a higher priority have brought into the window of a chunk: scope and window of
 * their chunks that count. Undefined where there are none.
 */
export async function rowsWithPrecedence(
  session: Session,
  warehouse: Warehouse,
  claim: Pick<Claim, 'dataset' | 'source' | 'window_from' | 'window_to'>,
): Promise<string[] | undefined> {
  const { dataset: name, source, window_from: from, window_to: to } = claim
  const { dataset } = sourceOf(warehouse, name, source)
  const higher = Object.keys(dataset.sources).filter(
    (other) => sourceOf(warehouse, name, other).dataset.priority > dataset.priority,
  )
  if (higher.length === 0) return undefined
  const chunks = await findChunks(session, warehouse.name, {
    datasets: [name],
    from: from ?? undefined,
    to: to ?? undefined,
  })
  const there = chunks.filter(
    ({ source, state }) => higher.includes(source) && (state === 'done' || state === 'flagged'),
  )
  if (there.length === 0) return undefined
  return there.map((chunk) => {
    const other = sourceOf(warehouse, name, chunk.source).dataset
    const window = other.partition && windowOf(chunk)
    return new Territory(other, chunk.parameters, window).condition
  })
}
