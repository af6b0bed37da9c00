import type { Dataset } from '../../warehouse/load.ts'
import type { Policy } from '../../warehouse/schema.ts'
import { spanText } from '../../warehouse/values.ts'

/** How a dataset is partitioned, in one line; what the file does not say is marked as a default. */
export function describePolicy({ name, partition }: Dataset, lines: ReadonlyMap<string, number>): string {
  if (!partition) return 'not partitioned'
  const { key, kind, grain, zone, from, until, premake, ceiling, most, unknown, retention } = partition
  const isWritten = (field: string) => lines.has(`datasets.${name}.partition.${field}`)
  const marked = (field: string, text: string) => (isWritten(field) ? text : `${text} (default)`)
  return [
    `${grain} of ${key.join(', ')} (${kind})`,
    from && `from ${from}`,
    until && `until ${until}`,
    marked('premake', `premake ${premake}`),
    marked('zone', `zone ${zone}`),
    isWritten('ceiling') && `ceiling ${ceiling}`,
    isWritten('most') && `at most ${most} leaves`,
    marked('unknown', describeUnknown(unknown)),
    retention ? `${retention.method} after ${spanText(retention.keep)}` : 'kept for ever (default)',
  ]
    .filter(Boolean)
    .join(', ')
}

function describeUnknown(unknown: Policy['unknown']): string {
  if (!unknown) return 'no leaf for unknown keys'
  const whenNeeded = typeof unknown === 'object' && unknown.when_needed
  return `a leaf for unknown keys${whenNeeded ? ' when a table holds such' : ''}`
}
