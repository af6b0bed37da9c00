import { describe, expect, test } from 'vitest'
import { dueTimes, longestPeriod, nextDue } from '../../src/schedule/due.ts'
import { parseCron } from '../../src/warehouse/cron.ts'
import { everyFault } from '../support/faults.ts'
import { fc } from '../support/random.ts'

const minute = 60_000
const quarter = 15 * minute

/** Zones with half hours, with midnights that do not exist, with a month of other time, and with a day that never was. */
const places: [zone: string, year: number][] = [
  ['UTC', 2027],
  ['Europe/Berlin', 2027],
  ['Europe/Paris', 2024],
  ['America/New_York', 2026],
  ['America/Santiago', 2026],
  ['America/St_Johns', 2010],
  ['Australia/Lord_Howe', 2026],
  ['Africa/Casablanca', 2026],
  ['Africa/Cairo', 2026],
  ['Asia/Kathmandu', 2026],
  ['Asia/Gaza', 2025],
  ['Pacific/Apia', 2011],
  ['Pacific/Kiritimati', 1994],
]

/** The clock on the wall at every minute of a year, asked of Intl: at every quarter of an hour, and every minute where it changes. */
function wallClock(zone: string, year: number) {
  const from = Date.UTC(year, 0, 1)
  const to = Date.UTC(year + 1, 0, 1)
  const format = new Intl.DateTimeFormat('en', {
    timeZone: zone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' },
  })
  const ask = (at: number) => {
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    return Date.UTC(part.year ?? 0, (part.month ?? 0) - 1, part.day, part.hour, part.minute)
  }
  const wall = new Float64Array((to - from) / minute)
  for (let at = from, first = ask(at); at < to; at += quarter) {
    const next = ask(at + quarter)
    for (let more = 0; more < quarter; more += minute)
      wall[(at - from + more) / minute] = next - first === quarter ? first + more : ask(at + more)
    first = next
  }
  return { from, to, wall }
}

/** Walks over every minute: what the words of the manual say, word for word. */
function walked(cron: string, { from, wall }: ReturnType<typeof wallClock>): number[] {
  const fields = parseCron(cron)
  if (!fields) throw new Error(cron)
  const { minutes, hours, days, months, weekdays, everyHour } = fields
  const fits = (time: number) => {
    if (!minutes.includes((time / minute) % 60) || !hours.includes(Math.floor(time / (60 * minute)) % 24))
      return false
    const date = new Date(time)
    const [ofMonth, ofWeek] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())]
    const both = days.size < 31 && weekdays.size < 7
    return months.has(date.getUTCMonth() + 1) && (both ? ofMonth || ofWeek : ofMonth && ofWeek)
  }
  const due: number[] = []
  let latest = (wall[0] ?? 0) - minute
  for (const [index, time] of wall.entries()) {
    const leapt = () => {
      for (let lost = latest + minute; lost < time; lost += minute) if (fits(lost)) return true
      return false
    }
    const isNew = time > latest
    if (everyHour ? fits(time) : isNew && (fits(time) || leapt())) due.push(from + index * minute)
    latest = Math.max(latest, time)
  }
  return due
}

const list = (low: number, high: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 2, max: Math.max(2, Math.floor(high / 2)) }).map((step) => `*/${step}`),
    fc.integer({ min: low, max: high }).map(String),
    fc
      .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
      .map(([a, b]) => (a < b ? `${a}-${b}` : a > b ? `${b},${a}` : String(a))),
  )
const nightly = fc.oneof(fc.constantFrom('0', '1', '2', '3', '0-3', '23', '*'), list(0, 23))
const expressions = fc
  .tuple(
    list(0, 59),
    nightly,
    fc.oneof(fc.constant('*'), list(1, 31)),
    fc.oneof(fc.constant('*'), list(1, 12)),
    list(0, 7),
  )
  .map((fields) => fields.join(' '))
  .filter((cron) => parseCron(cron) !== undefined)

describe.each(places)('due times in %s', (zone, year) => {
  const clock = wallClock(zone, year)
  test(`of ${year} are those of a walk over every minute`, () => {
    fc.assert(
      fc.property(expressions, (cron) => {
        const due = [...dueTimes({ cron, zone }, clock.from - 1, clock.to - 1)].map(({ at }) => at)
        expect(due).toEqual(walked(cron, clock))
      }),
      { numRuns: everyFault ? 200 : 3 },
    )
  })

  test('come one after the other, wherever one asks from', () => {
    fc.assert(
      fc.property(expressions, fc.integer({ min: 0, max: 300 * 1440 }), (cron, start) => {
        const from = clock.from + start * minute + 12_345
        const rest = [...dueTimes({ cron, zone }, from, from + 30 * 86_400_000)].map(({ at }) => at)
        let at = from
        for (const due of rest.slice(0, 50)) {
          at = nextDue({ cron, zone }, at)
          expect(at).toBe(due)
        }
        expect(rest).toEqual([...new Set(rest)].toSorted((a, b) => a - b))
      }),
      { numRuns: everyFault ? 100 : 3 },
    )
  })
})

const at = (cron: string, zone: string, from: string, to: string) =>
  [...dueTimes({ cron, zone }, Date.parse(from), Date.parse(to))].map(({ at, leapt }) =>
    [
      new Date(at).toISOString().slice(0, 16),
      ...(leapt === undefined ? [] : [new Date(leapt).toISOString().slice(11, 16)]),
    ].join(' for '),
  )

test('the nights that others get wrong', () => {
  // Half an hour back: the first 01:45, not both.
  expect(at('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', '2026-04-06T00:00Z')).toEqual([
    '2026-04-04T14:45',
    '2026-04-05T15:15',
  ])
  // Half an hour forward: 02:15 is not there.
  expect(at('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', '2026-10-05T00:00Z')).toEqual([
    '2026-10-03T15:30 for 02:15',
    '2026-10-04T15:15',
  ])
  // No midnight.
  expect(at('0 0 * * *', 'America/Santiago', '2026-09-05T12:00Z', '2026-09-07T12:00Z')).toEqual([
    '2026-09-06T04:00 for 00:00',
    '2026-09-07T03:00',
  ])
  // Three of the hour that is leapt over are one.
  expect(at('0,30 2 * * *', 'Europe/Berlin', '2027-03-28T00:00Z', '2027-03-28T12:00Z')).toEqual([
    '2027-03-28T01:00 for 02:00',
  ])
  expect(at('0 2,3 * * *', 'Europe/Berlin', '2027-03-28T00:00Z', '2027-03-28T12:00Z')).toEqual([
    '2027-03-28T01:00 for 02:00',
  ])
  // Both 02:15 of the autumn night, where every hour counts.
  expect(at('15 * * * *', 'Europe/Berlin', '2027-10-31T00:00Z', '2027-10-31T01:30Z')).toEqual([
    '2027-10-31T00:15',
    '2027-10-31T01:15',
  ])
  // 30 December 2011 never was there.
  expect(at('0 9 * * *', 'Pacific/Apia', '2011-12-29T12:00Z', '2011-12-31T12:00Z')).toEqual([
    '2011-12-29T19:00',
    '2011-12-30T10:00 for 09:00',
    '2011-12-30T19:00',
  ])
})

test('periods: the longest wait, over weekends, months and leap years', () => {
  const hours = (cron: string) => longestPeriod({ cron, zone: 'UTC' }, Date.UTC(2026, 0, 1)) / 3600
  expect(hours('0 2 * * *')).toBe(24)
  expect(hours('0 9 * * 1-5')).toBe(72)
  expect(hours('0 3 1 * *')).toBe(31 * 24)
  expect(hours('0 0 29 2 *')).toBe(1461 * 24)
})

test('an expression is refused where it names no day, has too many fields, or none', () => {
  for (const cron of [
    '0 0 31 2 *',
    '0 0 30,31 2 *',
    '0 0 31 4,6,9,11 *',
    '0 0 2 * * *',
    '0 24 * * *',
    '',
    '@daily',
  ])
    expect(parseCron(cron), cron).toBeUndefined()
  for (const cron of ['0 0 31 2 1', '0 0 29 2 *', '0 0 31 2,3 *']) expect(parseCron(cron), cron).toBeDefined()
  // The parser's own words for these are `*`.
  expect(parseCron('0-58 0-22 * * 0-5')).toMatchObject({
    minutes: { length: 59 },
    hours: { length: 23 },
    weekdays: new Set([0, 1, 2, 3, 4, 5]),
    everyHour: false,
  })
})
