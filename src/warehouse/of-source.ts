import { DwhError } from '../errors.ts'
import type { Dataset } from './load.ts'
import { didYouMean } from './nearest.ts'

/**
 * A dataset as one of its sources fills it: with that source's own `map` (its expressions come before those of the dataset),
 * `scope`, `priority`, `thresholds` and `key` applied. Whoever fetches, loads, judges, replaces or proves rows of a source asks this one;
 * `Dataset.scope` alone speaks of rows whose source nobody knows, such as those of a file.
 *
 * The parameters of the scope are `parametersOfSource`.
 *
 * @throws DwhError USAGE for a source that the dataset does not have
 */
export function datasetOfSource(dataset: Dataset, name: string): Dataset {
  const names = Object.keys(dataset.sources)
  const source = names.includes(name) ? dataset.sources[name] : undefined
  if (!source) {
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
    throw new DwhError(
      'USAGE',
      `dataset ${dataset.name} has no source ${JSON.stringify(name)}${didYouMean(name, names)}`,
      { hint: known },
    )
  }
  const { key, recency, ...rest } = dataset
  return {
    ...rest,
    // Recency chooses between rows of one key.
    ...(source.key === false ? {} : { ...(key && { key }), ...(recency && { recency }) }),
    map: { ...dataset.map, ...source.map },
    scope: source.scope ?? dataset.scope,
    priority: source.priority ?? dataset.priority,
    thresholds: { ...dataset.thresholds, ...given(source.thresholds ?? {}) },
  }
}

/**
 * What the scope of a source is filled in with: its own parameters, and before them those that the user gives. One that stands
 * for a list (`for_each`) is empty unless given: all of it.
 */
export function parametersOfSource(
  { sources }: Dataset,
  name: string,
  given: Record<string, string>,
): Record<string, string> {
  const source = sources[name]
  const each = source && 'for_each' in source && source.for_each ? { [source.for_each.parameter]: '' } : {}
  const own = Object.entries(source?.parameters ?? {}).map(([key, value]) => [key, String(value)])
  return { ...each, ...Object.fromEntries(own), ...given }
}

/** Without what is not said. */
function given<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
