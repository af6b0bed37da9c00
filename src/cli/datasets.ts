import { z } from 'zod'
import { DwhError } from '../errors.ts'
import { isPartitioned, type PartitionedDataset } from '../partitions/create.ts'
import type { Dataset } from '../warehouse/load.ts'
import { didYouMean } from '../warehouse/nearest.ts'
import { argument } from './command.ts'
import type { Context } from './context.ts'

export const partitionedDatasetsArgument = argument(
  '[dataset...]',
  'datasets; all that have a policy unless named',
  z.array(z.string()).default([]),
)

/** @throws DwhError USAGE for a name that is none */
export function namedDataset(context: Context, name: string): Dataset {
  const { datasets } = context.warehouse()
  const found = datasets.find((dataset) => dataset.name === name)
  if (found) return found
  const suggestion = didYouMean(
    name,
    datasets.map((dataset) => dataset.name),
  )
  throw new DwhError('USAGE', `there is no dataset ${JSON.stringify(name)}${suggestion}`, {
    hint: 'see: dwh status',
  })
}

/**
 * The partitioned datasets of these names, or all of them.
 *
 * @throws DwhError USAGE for a name that is none, or one without a policy
 */
export function partitionedDatasets(context: Context, names: string[]): PartitionedDataset[] {
  if (names.length === 0) return context.warehouse().datasets.filter(isPartitioned)
  return names.map((name) => partitionedDataset(context, name))
}

/** @throws DwhError USAGE for a name that is none, or of a dataset without a policy */
export function partitionedDataset(context: Context, name: string): PartitionedDataset {
  const found = namedDataset(context, name)
  if (!isPartitioned(found)) throw new DwhError('USAGE', `dataset ${name} has no partition policy`)
  return found
}
