import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import {
  addPeriods,
  periodLabel,
  periodOf,
  periodStart,
  periodsBetween,
} from '../../src/partitions/periods.ts'
import type { Grain } from '../../src/warehouse/schema.ts'
import { fc } from '../support/random.ts'
import { anyDate, everyGrain } from './policies.ts'

const day = Temporal.PlainDate.from
const epoch = day('1970-01-01')
const dates = anyDate.map((days) => epoch.add({ days }))
const { compare } = Temporal.PlainDate

describe.each(everyGrain)('by %s', (grain) => {
  test('periods tile the line without gap or overlap', () => {
    fc.assert(
      fc.property(dates, fc.integer({ min: -400, max: 400 }), (date, count) => {
        const { start, end } = periodOf(date, grain)
        expect(compare(start, date)).toBeLessThanOrEqual(0)
        expect(compare(date, end)).toBeLessThan(0)
        // Every day of the period belongs to it, and the next period begins where it ends.
        expect(periodStart(end.subtract({ days: 1 }), grain)).toEqual(start)
        expect(periodStart(end, grain)).toEqual(end)
        const other = addPeriods(start, grain, count)
        expect(periodStart(other, grain)).toEqual(other)
        expect(addPeriods(other, grain, -count)).toEqual(start)
      }),
    )
  })

  test('the periods between two dates follow one another and reach over both', () => {
    fc.assert(
      fc.property(dates, fc.integer({ min: 1, max: 1500 }), (from, days) => {
        const until = from.add({ days })
        const periods = [...periodsBetween(from, until, grain)]
        expect(compare(periods[0]?.start as Temporal.PlainDate, from)).toBeLessThanOrEqual(0)
        expect(compare(periods.at(-1)?.end as Temporal.PlainDate, until)).toBeGreaterThanOrEqual(0)
        expect(compare(periods.at(-1)?.start as Temporal.PlainDate, until)).toBeLessThan(0)
        for (const [n, { start }] of periods.slice(1).entries()) expect(periods[n]?.end).toEqual(start)
        const labels = periods.map((period) => periodLabel(period, grain))
        expect(new Set(labels).size).toBe(labels.length)
      }),
    )
  })

  test('nothing lies between a date and itself, or one before it', () => {
    expect([...periodsBetween(epoch, epoch, grain)]).toEqual([])
    expect([...periodsBetween(epoch, epoch.subtract({ days: 40 }), grain)]).toEqual([])
  })
})

test.each<[Grain, string, string, string, string]>([
  ['day', '2024-02-29', '2024-02-29', '2024-03-01', '2024_02_29'],
  ['day', '2023-12-31', '2023-12-31', '2024-01-01', '2023_12_31'],
  ['month', '2024-02-29', '2024-02-01', '2024-03-01', '2024_02'],
  ['month', '1900-02-28', '1900-02-01', '1900-03-01', '1900_02'],
  ['month', '2024-12-31', '2024-12-01', '2025-01-01', '2024_12'],
  ['quarter', '2024-03-31', '2024-01-01', '2024-04-01', '2024_q1'],
  ['quarter', '2024-04-01', '2024-04-01', '2024-07-01', '2024_q2'],
  ['quarter', '2024-09-30', '2024-07-01', '2024-10-01', '2024_q3'],
  ['quarter', '2024-12-31', '2024-10-01', '2025-01-01', '2024_q4'],
  ['year', '2024-12-31', '2024-01-01', '2025-01-01', '2024'],
  ['year', '+052217-06-01', '+052217-01-01', '+052218-01-01', '52217'],
  ['year', '0001-01-01', '0001-01-01', '0002-01-01', '1'],
  // ISO weeks: the week of 1 January belongs to the year that has its Thursday, and some years have 53.
  ['week', '2021-01-03', '2020-12-28', '2021-01-04', '2020_w53'],
  ['week', '2020-12-28', '2020-12-28', '2021-01-04', '2020_w53'],
  ['week', '2021-01-04', '2021-01-04', '2021-01-11', '2021_w01'],
  ['week', '2019-12-30', '2019-12-30', '2020-01-06', '2020_w01'],
  ['week', '2016-01-01', '2015-12-28', '2016-01-04', '2015_w53'],
  ['week', '2026-12-31', '2026-12-28', '2027-01-04', '2026_w53'],
  ['week', '2023-01-01', '2022-12-26', '2023-01-02', '2022_w52'],
])('by %s, %s lies in [%s, %s), called %s', (grain, date, start, end, label) => {
  const period = periodOf(day(date), grain)
  expect([String(period.start), String(period.end)]).toEqual([start, end])
  expect(periodLabel(period, grain)).toBe(label)
})

test('years have 53 weeks where 1 January or 31 December is a Thursday', () => {
  for (let year = 1600; year < 2000; year++) {
    const weeks = [
      ...periodsBetween(new Temporal.PlainDate(year, 1, 4), new Temporal.PlainDate(year, 12, 29), 'week'),
    ]
    const long = [1, 12].some(
      (month) => new Temporal.PlainDate(year, month, month === 1 ? 1 : 31).dayOfWeek === 4,
    )
    expect(weeks).toHaveLength(long ? 53 : 52)
    expect(periodLabel(weeks.at(-1) as never, 'week')).toBe(`${year}_w${weeks.length}`)
  }
})
