import { datasetOfSource } from '../warehouse/of-source.ts'
import type { PlannedChunk } from './plan.ts'
import type { Check } from './preflight.ts'

/**
 * What is told of rows that may come twice within one window: those without a key whose source is asked for some of a list of
 * values at a time. Nobody can tell two such rows from one that two questions have brought.
 */
export function rowsTwice(chunks: PlannedChunk[]): Check[] {
  const pairs = new Map(
    chunks.flatMap(({ taken, pair }) => (taken ? [[pair.dataset.name + pair.source, pair]] : [])),
  )
  return [...pairs.values()].flatMap(({ dataset, source, settings }): Check[] => {
    const each = 'for_each' in settings ? settings.for_each : undefined
    // Of parts the whole is announced: they may not hold more rows.
    if (!each || each.when === 'too_deep' || datasetOfSource(dataset, source).key) return []
    return [
      {
        what: 'rows',
        state: 'warning',
        finding: `rows of ${dataset.name}/${source} have no key: one that is given for two values of ${each.parameter} is there twice`,
        hint: `name the \`key\` of ${dataset.name}; or leave values out of \`for_each\` that bring rows of others, such as a site beside its stations`,
      },
    ]
  })
}
