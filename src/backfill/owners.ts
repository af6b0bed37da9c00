import type { PastChunk } from '../ledger/chunks.ts'
import { fillScope } from '../load/publish/territory.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { sourceOf } from './code.ts'

/** Whose rows they are: those of one source of a dataset, with its parameters. */
export type Owner = Pick<PastChunk, 'dataset' | 'source' | 'parameters'>

/** An owner, with the days that it has brought or shall bring. */
export type OwnedDays = Owner & Pick<PastChunk, 'window_from' | 'window_to'>

/** The same of owners of one dataset that are the same. */
export const ownerKey = ({ source, parameters }: Pick<Owner, 'source' | 'parameters'>) =>
  JSON.stringify([source, Object.entries(parameters).toSorted()])

/** Two owners of rows of one dataset, of which none is meant to win: one shall not replace rows of the other. */
export function areRivals(warehouse: Warehouse, one: Owner, other: Owner): boolean {
  if (one.dataset !== other.dataset || ownerKey(one) === ownerKey(other)) return false
  const own = sourceOf(warehouse, one.dataset, one.source).dataset
  // Rows of a source that the warehouse file has no more are nobody's.
  if (!(other.source in own.sources)) return false
  // Whoever says `true` means all rows, whoever has brought them.
  if (own.scope === 'true') return false
  return sourceOf(warehouse, other.dataset, other.source).dataset.priority === own.priority
}

/** The scope of an owner; undefined without one, and for rows that were loaded with fewer parameters than it has by now. */
export function scopeOf(warehouse: Warehouse, { dataset, source, parameters }: Owner): string | undefined {
  try {
    return fillScope(sourceOf(warehouse, dataset, source).dataset, parameters)
  } catch {
    return undefined
  }
}

/** What has no window is everywhere. ISO dates of four digits compare as texts. */
export function touches(one: OwnedDays, other: OwnedDays): boolean {
  if (one.window_from === null || one.window_to === null) return true
  if (other.window_from === null || other.window_to === null) return true
  return one.window_from < other.window_to && other.window_from < one.window_to
}
