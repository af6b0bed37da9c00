import type { Temporal } from 'temporal-polyfill'
import { positionOf, positionType } from '../partitions/bounds.ts'
import { literal, relation } from '../postgres/identifiers.ts'
import type { Dataset } from '../warehouse/load.ts'

/** Days that are looked at, by the zone of the dataset's policy; half-open, and without an end where one is not given. */
export interface CheckedDays {
  from: Temporal.PlainDate | undefined
  to: Temporal.PlainDate | undefined
}

/** What a check may say `:name` for. */
export const placeholderMeanings = {
  target: 'the table of the dataset',
  from: 'the beginning of --from, of the type of the partition key: `ts >= :from`',
  to: 'the beginning of --to, of the type of the partition key: `ts < :to`',
  from_date: '--from as a date; -infinity where it is not given',
  to_date: '--to as a date; infinity where it is not given',
  zone: 'the time zone of the policy, as a text',
  coverage: 'the threshold `coverage` of the dataset, from 0 to 1',
  volume: 'the threshold `volume`',
  invalid: 'the threshold `invalid`',
  rejects: 'the threshold `rejects`',
} as const

/** The SQL that stands for each placeholder. Constants, so that leaves that are not asked for are not read. */
export function placeholderValues(dataset: Dataset, days: CheckedDays): Record<string, string> {
  const { coverage, volume, invalid, rejects } = dataset.thresholds
  const values: Record<keyof typeof placeholderMeanings, string> = {
    target: relation(dataset.target),
    from: beginningOf(dataset, days.from, 'from'),
    to: beginningOf(dataset, days.to, 'to'),
    from_date: dateSql(days.from, 'from'),
    to_date: dateSql(days.to, 'to'),
    zone: literal(dataset.partition?.zone ?? 'UTC'),
    coverage: String(coverage),
    volume: String(volume),
    invalid: String(invalid),
    rejects: String(rejects),
  }
  return values
}

type Side = 'from' | 'to'

const endless = {
  time: { from: '-infinity', to: 'infinity' },
  // Date keys and quarters are integers, and -1 is one of them.
  number: { from: '-2147483647', to: '2147483647' },
} as const

function beginningOf({ partition }: Dataset, date: Temporal.PlainDate | undefined, side: Side): string {
  if (!partition) return dateSql(date, side)
  const type = positionType(partition)
  if (type === 'bigint') return `(${date ? positionOf(partition, date) : endless.number[side]})`
  return `${date ? positionOf(partition, date) : literal(endless.time[side])}::${type}`
}

function dateSql(date: Temporal.PlainDate | undefined, side: Side): string {
  return `${literal(date?.toString() ?? endless.time[side])}::date`
}
