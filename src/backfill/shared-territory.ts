import { DwhError } from '../errors.ts'
import type { PastChunk } from '../ledger/chunks.ts'
import { fillScope } from '../load/publish/territory.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { chunkName } from './chunk-work.ts'
import { sourceOf } from './code.ts'
import type { BackfillPlan, PlannedChunk } from './plan.ts'

type Owner = Pick<PastChunk, 'dataset' | 'source' | 'parameters' | 'window_from' | 'window_to'>

/**
 * A forced window replaces all rows of its scope: those that another source, or the same one with other parameters, has brought
 * into the same days go with them where no scope tells them apart, and their own windows would count as done all the same.
 *
 * @throws DwhError USAGE
 */
export function refuseSharedTerritory(warehouse: Warehouse, { chunks, history }: BackfillPlan): void {
  const taken = chunks.filter((chunk) => chunk.taken)
  const counting = history.filter(
    ({ outcome, undone }) => (outcome === 'done' || outcome === 'flagged') && !undone,
  )
  const byDataset = Map.groupBy(
    [...taken.map(({ chunk }): Owner => chunk), ...counting],
    ({ dataset }) => dataset,
  )
  for (const one of taken) {
    const other = byDataset.get(one.chunk.dataset)?.find((owner) => isReplaced(warehouse, one, owner))
    if (other) throw shared(one, other)
  }
}

function isReplaced(warehouse: Warehouse, { chunk }: PlannedChunk, other: Owner): boolean {
  if (ownerKey(chunk) === ownerKey(other) || !touches(chunk, other)) return false
  const own = sourceOf(warehouse, chunk.dataset, chunk.source).dataset
  // Rows of a source that the warehouse file has no more are nobody's.
  if (!(other.source in own.sources)) return false
  const its = sourceOf(warehouse, other.dataset, other.source).dataset
  // Of two priorities one was meant to win.
  if (its.priority !== own.priority) return false
  if (own.scope === undefined) return true
  // Whoever says `true` means all rows, whoever has brought them.
  return own.scope !== 'true' && filled(own, chunk) === filled(its, other)
}

/** undefined for one that was loaded with fewer parameters than its scope has by now */
function filled(dataset: Parameters<typeof fillScope>[0], { parameters }: Owner): string | undefined {
  try {
    return fillScope(dataset, parameters)
  } catch {
    return undefined
  }
}

const ownerKey = ({ source, parameters }: Owner) =>
  JSON.stringify([source, Object.entries(parameters).toSorted()])

/** What has no window is everywhere. ISO dates of four digits compare as texts. */
function touches(one: Owner, other: Owner): boolean {
  if (one.window_from === null || one.window_to === null) return true
  if (other.window_from === null || other.window_to === null) return true
  return one.window_from < other.window_to && other.window_from < one.window_to
}

function shared({ chunk }: PlannedChunk, other: Owner): DwhError {
  return new DwhError(
    'USAGE',
    `--force would replace the rows of ${chunkName({ ...other, zone: chunk.zone })} by those of ${chunkName(chunk)}: no scope tells them apart; nothing was changed`,
    {
      hint: `give each source of ${chunk.dataset} a \`scope\` of the rows that it owns, with its :parameters; a \`priority\` where one shall win; or \`scope: "true"\` where each stands for all rows`,
    },
  )
}
