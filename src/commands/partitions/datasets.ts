import { z } from 'zod'
import { argument } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { DwhError } from '../../errors.ts'
import { isPartitioned, type PartitionedDataset } from '../../partitions/create.ts'
import { didYouMean } from '../../warehouse/nearest.ts'

export const datasetArgument = argument(
  '[dataset...]',
  'datasets; all that have a policy unless named',
  z.array(z.string()).default([]),
)

/**
 * The partitioned datasets of these names, or all of them.
 *
 * @throws DwhError USAGE for a name that is none, or one without a policy
 */
export function partitionedDatasets(context: Context, names: string[]): PartitionedDataset[] {
  const { datasets } = context.warehouse()
  if (names.length === 0) return datasets.filter(isPartitioned)
  return names.map((name) => {
    const found = datasets.find((dataset) => dataset.name === name)
    if (!found) {
      const suggestion = didYouMean(
        name,
        datasets.map((dataset) => dataset.name),
      )
      throw new DwhError('USAGE', `there is no dataset ${JSON.stringify(name)}${suggestion}`, {
        hint: 'see: dwh status',
      })
    }
    if (!isPartitioned(found)) throw new DwhError('USAGE', `dataset ${name} has no partition policy`)
    return found
  })
}
