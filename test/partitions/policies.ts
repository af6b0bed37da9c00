import type { PartitionedDataset } from '../../src/partitions/create.ts'
import { datasetSchema, policySchema } from '../../src/warehouse/dataset.ts'
import type { Grain, Policy } from '../../src/warehouse/schema.ts'
import { fc } from '../support/random.ts'

/** A policy as the warehouse file would have it, with every default. */
export function policyOf(fields: object): Policy {
  return policySchema.parse({ key: 'k', kind: 'date', grain: 'month', ...fields })
}

export const everyGrain: Grain[] = ['day', 'week', 'month', 'quarter', 'year']
export const everyKind: Policy['kind'][] = ['date_key', 'date', 'timestamp', 'timestamptz', 'year_quarter']

/** Where clocks do what they should not: midnight missing, half an hour, a whole day skipped, midnight twice. */
export const oddZones = [
  'UTC',
  'Europe/Paris',
  'America/Santiago',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Asia/Kathmandu',
  'America/Havana',
]

/** Every kind with every grain it may have; timestamptz in every zone. */
export const everyPolicy: Policy[] = everyKind.flatMap((kind) =>
  everyGrain
    .filter((grain) => kind !== 'year_quarter' || grain === 'quarter' || grain === 'year')
    .flatMap((grain) =>
      (kind === 'timestamptz' ? oddZones : ['UTC']).map((zone) =>
        policyOf({ kind, grain, zone, key: kind === 'year_quarter' ? ['y', 'q'] : 'k' }),
      ),
    ),
)

export const describePolicy = ({ kind, grain, zone }: Policy) => `${kind} by ${grain} in ${zone}`

/** Days since 1970 of 0001-01-01 and of 52217-12-31. */
const extent = { min: -719_162, max: 18_352_790 }

/** A date from the year 1 to the year 52217; mostly of our time. */
export const anyDate = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -25_567, max: 47_481 }) },
  { weight: 1, arbitrary: fc.integer(extent) },
)

/** A dataset as the warehouse file would have it. */
export function datasetOf(target: string, partition: object): PartitionedDataset {
  const fields = datasetSchema.parse({ target })
  return { ...fields, name: 'facts', partition: policyOf(partition) }
}
