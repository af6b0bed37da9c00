import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { type ChunkSize, chunkSize, windowsOf, windowsOfAll } from '../../src/backfill/windows.ts'
import { instantsOf } from '../../src/sources/window.ts'
import { type Policy, policySchema } from '../../src/warehouse/dataset.ts'
import { isOpen, nextClosing, nextOpening, readHours } from '../../src/warehouse/hours.ts'
import { fc } from '../support/random.ts'

const date = (text: string) => Temporal.PlainDate.from(text)
const policy = (over: object = {}): Policy =>
  policySchema.parse({ key: 'd', kind: 'timestamptz', grain: 'month', ...over })
const cut = (from: string, to: string, size: string, over: object = {}) =>
  windowsOf({ from: date(from), to: date(to) }, chunkSize(size) as ChunkSize, policy(over)).map(
    (window) => `${window.from} ${window.to}`,
  )

describe('windows', () => {
  test('end where the calendar ends them, whatever the first day was', () => {
    expect(cut('2024-01-15', '2024-03-10', 'month')).toEqual([
      '2024-01-15 2024-02-01',
      '2024-02-01 2024-03-01',
      '2024-03-01 2024-03-10',
    ])
    expect(cut('2023-12-01', '2024-06-01', 'quarter')).toEqual([
      '2023-12-01 2024-01-01',
      '2024-01-01 2024-04-01',
      '2024-04-01 2024-06-01',
    ])
    expect(cut('2024-02-28', '2024-03-02', 'day')).toEqual([
      '2024-02-28 2024-02-29',
      '2024-02-29 2024-03-01',
      '2024-03-01 2024-03-02',
    ])
    // 1 January 2024 is a Monday.
    expect(cut('2023-12-30', '2024-01-10', 'week')).toEqual([
      '2023-12-30 2024-01-01',
      '2024-01-01 2024-01-08',
      '2024-01-08 2024-01-10',
    ])
    expect(cut('2024-01-01', '2024-01-26', '10 days')).toEqual([
      '2024-01-01 2024-01-11',
      '2024-01-11 2024-01-21',
      '2024-01-21 2024-01-26',
    ])
  })

  test('small is a day for leaves of a month, a week for leaves of a year; of quarters no less than one', () => {
    expect(cut('2024-01-01', '2024-02-01', 'small')).toHaveLength(31)
    expect(cut('2024-01-01', '2024-01-29', 'small', { grain: 'year' })).toHaveLength(4)
    const quarters = { key: ['y', 'q'], kind: 'year_quarter', grain: 'quarter' }
    expect(cut('2024-02-10', '2024-05-01', 'month', quarters)).toEqual([
      '2024-01-01 2024-04-01',
      '2024-04-01 2024-07-01',
    ])
    expect(cut('2024-01-01', '2025-01-01', 'year', quarters)).toEqual(['2024-01-01 2025-01-01'])
    // Months of one quarter ask for it once.
    const months = ['2024-01-01', '2024-03-01', '2024-11-01'].map((day) => ({
      from: date(day),
      to: date(day).add({ months: 1 }),
    }))
    expect(windowsOfAll(months, 'month', policy(quarters)).map(({ from, to }) => `${from} ${to}`)).toEqual([
      '2024-01-01 2024-04-01',
      '2024-10-01 2025-01-01',
    ])
  })

  test('too many are a mistake', () => {
    expect(() => cut('1800-01-01', '2024-01-01', 'day')).toThrow(/has more than 36,600 windows/)
  })

  test('together they are the span: every instant once, in every zone, over every change of the clocks', () => {
    const zones = [
      'UTC',
      'Europe/Paris',
      'America/New_York',
      'Australia/Lord_Howe',
      'Africa/Casablanca',
      'Asia/Gaza',
    ]
    const day = fc.integer({ min: 0, max: 30 * 365 }).map((days) => date('2000-01-01').add({ days }))
    const size = fc.constantFrom(
      'day',
      'week',
      'month',
      'quarter',
      'year',
      'small',
      '1 day',
      '10 days',
      '97 days',
    )
    fc.assert(
      fc.property(
        day,
        fc.integer({ min: 1, max: 900 }),
        size,
        fc.constantFrom(...zones),
        (from, days, text, zone) => {
          const to = from.add({ days })
          const windows = windowsOf({ from, to }, chunkSize(text) as ChunkSize, policy({ zone }))
          const instants = windows.map(instantsOf)
          expect(windows[0]?.from).toEqual(from)
          expect(windows.at(-1)?.to).toEqual(to)
          for (const [n, window] of windows.entries()) {
            expect(window.zone).toBe(zone)
            expect(window.from.until(window.to).days).toBeGreaterThan(0)
            const next = instants[n + 1]
            if (next) expect(instants[n]?.to.equals(next.from)).toBe(true)
            if (text === 'month')
              expect(window.from.until(window.to).days).toBeLessThanOrEqual(window.from.daysInMonth)
          }
          const hours = instants.map((one) => one.from.until(one.to).total('hours'))
          const whole = instantsOf({ from, to, zone })
          expect(hours.reduce((sum, one) => sum + one, 0)).toBeCloseTo(
            whole.from.until(whole.to).total('hours'),
          )
        },
      ),
    )
  })

  test('what is no size', () => {
    expect(['0 days', 'fortnight', '', '10000 days', 'Month'].map(chunkSize)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(chunkSize('1 day')).toEqual({ days: 1 })
  })
})

describe('hours', () => {
  const at = (text: string) => Temporal.Instant.from(text)

  test('that reach over midnight belong to the day on which they begin', () => {
    const hours = readHours('Mon-Fri 20:00-06:00 Europe/Paris')
    // Friday 2 February 2024, 23:00 in Paris; Saturday 05:00; Saturday 23:00; Monday 05:00; Monday 20:00
    const open = [
      '2024-02-02T22:00Z',
      '2024-02-03T04:00Z',
      '2024-02-03T22:00Z',
      '2024-02-05T04:00Z',
      '2024-02-05T19:00Z',
    ]
    expect(open.map((text) => isOpen(hours, at(text)))).toEqual([true, true, false, false, true])
    expect(String(nextOpening(hours, at('2024-02-03T22:00Z')))).toBe('2024-02-05T19:00:00Z')
    expect(String(nextOpening(hours, at('2024-02-02T22:00Z')))).toBe('2024-02-02T22:00:00Z')
    // In summer the same clock is another instant.
    expect(String(nextOpening(hours, at('2024-07-01T10:00Z')))).toBe('2024-07-01T18:00:00Z')
  })

  test('of single days, of a weekend, of every day', () => {
    expect([...readHours('Mon,Wed-Fri 01:00-02:00').days].toSorted()).toEqual([1, 3, 4, 5])
    expect([...readHours('Sat-Mon 01:00-02:00').days].toSorted()).toEqual([1, 6, 7])
    const daily = readHours('02:00-05:00')
    expect(isOpen(daily, at('2024-02-03T04:59Z'))).toBe(true)
    expect(isOpen(daily, at('2024-02-03T05:00Z'))).toBe(false)
    expect(String(nextOpening(daily, at('2024-02-03T05:00Z')))).toBe('2024-02-04T02:00:00Z')
  })

  test('where they are closed, they are open when they say that they will be', () => {
    const days = fc.constantFrom('Mon-Fri ', 'Sat,Sun ', '', 'Wed ')
    const minute = fc.integer({ min: 0, max: 1439 })
    const clock = (n: number) =>
      `${String(Math.floor(n / 60)).padStart(2, '0')}:${String(n % 60).padStart(2, '0')}`
    const zone = fc.constantFrom('UTC', 'Europe/Paris', 'America/New_York')
    fc.assert(
      fc.property(
        days,
        minute,
        minute,
        zone,
        fc.integer({ min: 0, max: 400 * 24 * 60 }),
        (day, from, to, name, later) => {
          const hours = readHours(`${day}${clock(from)}-${clock(to)} ${name}`)
          const now = at('2024-01-01T00:00Z').add({ minutes: later })
          const next = nextOpening(hours, now)
          expect(Temporal.Instant.compare(next, now)).toBeGreaterThanOrEqual(0)
          // Hours that lie in the one that the clocks jump over in spring do not come that day.
          const jumps = name !== 'UTC' && from >= 60 && from < 180 && to > from && to <= 240
          if (!jumps) expect(isOpen(hours, next)).toBe(true)
        },
      ),
    )
  })
})

test.each([
  ['02:00-05:00', '2026-11-23T02:30Z', '2026-11-23T05:00:00Z'],
  ['20:00-06:00', '2026-11-23T21:00Z', '2026-11-24T06:00:00Z'],
  ['20:00-06:00', '2026-11-23T05:59Z', '2026-11-23T06:00:00Z'],
  // The night in which Paris has 02:00 twice, and the one that has no 02:30.
  ['Sun 01:00-04:00 Europe/Paris', '2026-10-24T23:30Z', '2026-10-25T03:00:00Z'],
  ['Sun 01:00-02:30 Europe/Paris', '2026-10-25T00:10Z', '2026-10-25T00:30:00Z'],
  ['Sun 01:00-02:30 Europe/Paris', '2026-10-25T01:10Z', '2026-10-25T01:30:00Z'],
  ['Sun 01:00-02:30 Europe/Paris', '2026-03-29T00:30Z', '2026-03-29T01:00:00Z'],
])('hours %s that are open at %s close at %s', (text, now, closing) => {
  const hours = readHours(text)
  const instant = Temporal.Instant.from(now)
  expect(isOpen(hours, instant)).toBe(true)
  expect(nextClosing(hours, instant).toString()).toBe(closing)
})
