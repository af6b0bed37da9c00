import { DwhError } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { chunkName } from './chunk-work.ts'
import { sourceOf } from './code.ts'
import { areRivals, type OwnedDays, scopeOf, touches } from './owners.ts'
import type { BackfillPlan, PlannedChunk } from './plan.ts'
import { findSharedRows } from './shared-rows.ts'

/**
 * A forced window replaces all rows of its scope: those that another source, or the same one with other parameters, has brought
 * into the same days go with them where no scope tells them apart, and their own windows would count as done all the same.
 * Scopes of one text are one territory; of two texts the rows that are there tell whether they share some.
 *
 * Locks: ACCESS SHARE.
 *
 * @throws DwhError USAGE
 */
export async function refuseSharedTerritory(
  session: Session,
  warehouse: Warehouse,
  { chunks, history }: BackfillPlan,
): Promise<void> {
  const taken = chunks.filter((chunk) => chunk.taken)
  const counting = history.filter(
    ({ outcome, undone }) => (outcome === 'done' || outcome === 'flagged') && !undone,
  )
  const byDataset = Map.groupBy(
    [...taken.map(({ chunk }): OwnedDays => chunk), ...counting],
    ({ dataset }) => dataset,
  )
  for (const one of taken) {
    const other = byDataset.get(one.chunk.dataset)?.find((owner) => isReplaced(warehouse, one, owner))
    if (other) throw shared(one, other)
  }
  const found = await findSharedRows(session, warehouse, taken, counting)
  if (found) throw shared(found.one, found.other, found.rows)
}

function isReplaced(warehouse: Warehouse, { chunk }: PlannedChunk, other: OwnedDays): boolean {
  if (!areRivals(warehouse, chunk, other) || !touches(chunk, other)) return false
  const own = sourceOf(warehouse, chunk.dataset, chunk.source).dataset
  return own.scope === undefined || scopeOf(warehouse, chunk) === scopeOf(warehouse, other)
}

function shared({ chunk }: PlannedChunk, other: OwnedDays, rows?: number): DwhError {
  const [own, its] = [chunkName(chunk), chunkName({ ...other, zone: chunk.zone })]
  const what =
    rows === undefined
      ? `the rows of ${its} by those of ${own}: no scope tells them apart`
      : `${rows.toLocaleString('en')} rows that lie in the scope of ${its} too by those of ${own}`
  return new DwhError('USAGE', `--force would replace ${what}; nothing was changed`, {
    hint: `give each source of ${chunk.dataset} a \`scope\` of the rows that it alone owns, with its :parameters; a \`priority\` where one shall win; or \`scope: "true"\` where each stands for all rows`,
  })
}
