import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { type Range, rangeOf } from '../../src/partitions/bounds.ts'
import { periodLabel, periodOf } from '../../src/partitions/periods.ts'
import { planLeaves, premadeSpan, runwayDays, type WantedSpan } from '../../src/partitions/plan.ts'
import type { Leaf } from '../../src/partitions/tree.ts'
import type { Policy } from '../../src/warehouse/schema.ts'
import { fc } from '../support/random.ts'
import { everyGrain, policyOf } from './policies.ts'

const day = Temporal.PlainDate.from
const name = { schema: 'public', name: 'facts' }
const today = day('2024-02-29')

const leafOf = (range: Range | undefined): Leaf => ({
  schema: 'public',
  name: 'any',
  oid: 1,
  range,
  rows: 0,
  bytes: 0,
  analyzedAt: undefined,
  invalidIndexes: 0,
  detachPending: false,
  keepsRows: true,
  sealed: false,
  compression: undefined,
})

/** The leaves of the periods that hold these dates. */
const leavesOf = (policy: Policy, ...dates: string[]) =>
  dates.map((date) => leafOf(rangeOf(policy, periodOf(day(date), policy.grain))))

const names = (policy: Policy, existing: Leaf[] = [], wanted: WantedSpan[] = [], now = today) =>
  planLeaves(name, policy, existing, now, wanted).map((leaf) => leaf.name.replace('facts_', ''))

describe('premade', () => {
  test.each<[grain: string, premake: number, labels: string[]]>([
    ['day', 2, ['2024_02_29', '2024_03_01', '2024_03_02']],
    ['week', 2, ['2024_w09', '2024_w10', '2024_w11']],
    ['month', 2, ['2024_02', '2024_03', '2024_04']],
    ['quarter', 3, ['2024_q1', '2024_q2', '2024_q3', '2024_q4']],
    ['year', 1, ['2024', '2025']],
  ])('by %s: the current one and %i to come, by the clock', (grain, premake, labels) => {
    const policy = policyOf({ grain, premake })
    expect(names(policy)).toEqual(labels)
    const span = premadeSpan(policy, today)
    expect(String(span?.from)).toBe(String(periodOf(today, policy.grain).start))
  })

  test('never from the data: a wrong date in the far future changes nothing', () => {
    const policy = policyOf({ premake: 1 })
    for (const future of ['2100-01-01', '2099-12-31', '+052217-05-01']) {
      expect(names(policy, leavesOf(policy, '2024-01-01', future))).toEqual(['2024_02', '2024_03'])
    }
    expect(names(policy, [leafOf({ from: ['2400-01-01'], to: ['infinity'] })])).toEqual([
      '2024_02',
      '2024_03',
    ])
  })

  test('nor does one in the far past make thousands', () => {
    const policy = policyOf({ premake: 1 })
    expect(names(policy, leavesOf(policy, '0024-02-01', '2024-01-01'))).toEqual(['2024_02', '2024_03'])
    const before = leafOf({ from: ['MINVALUE'], to: ['2023-12-01'] })
    expect(names(policy, [before])).toEqual(['2023_12', '2024_01', '2024_02', '2024_03'])
  })

  test('0 makes none by the clock, and only closes the gaps that lie behind it', () => {
    const policy = policyOf({ premake: 0 })
    expect(names(policy)).toEqual([])
    expect(premadeSpan(policy, today)).toBeUndefined()
    expect(names(policy, leavesOf(policy, '2023-10-01', '2023-12-01'))).toEqual(['2023_11'])
    expect(names(policy, leavesOf(policy, '2023-10-01', '2023-12-01', '2050-01-01'))).toEqual(['2023_11'])
  })

  test('in the year that has 53 weeks, and over its end', () => {
    const policy = policyOf({ grain: 'week', premake: 2 })
    expect(names(policy, [], [], day('2020-12-31'))).toEqual(['2020_w53', '2021_w01', '2021_w02'])
  })
})

describe('the span of the policy', () => {
  test('is filled whatever the clock says', () => {
    const policy = policyOf({ grain: 'year', premake: 0, from: '2020', until: '2023' })
    expect(names(policy)).toEqual(['2020', '2021', '2022'])
  })

  test('reaches to the premade ones, and `until` further than these where it is later', () => {
    expect(names(policyOf({ grain: 'year', premake: 1, from: '2022', until: '2023' }))).toEqual([
      '2022',
      '2023',
      '2024',
      '2025',
    ])
    expect(names(policyOf({ grain: 'year', premake: 1, from: '2024', until: '2028' }))).toEqual([
      '2024',
      '2025',
      '2026',
      '2027',
    ])
  })

  test('begins at `from` even where leaves lie before it', () => {
    const policy = policyOf({ grain: 'year', premake: 1, from: '2023' })
    expect(names(policy, leavesOf(policy, '2015-01-01'))).toEqual(['2023', '2024', '2025'])
  })

  test('makes whole periods where its ends lie within one', () => {
    const policy = policyOf({ grain: 'quarter', premake: 0, from: '2020-02-15', until: '2020-08-01' })
    expect(names(policy)).toEqual(['2020_q1', '2020_q2', '2020_q3'])
  })

  test('ends at the ceiling', () => {
    const policy = policyOf({ grain: 'year', premake: 5, ceiling: '2026-06-01' })
    expect(names(policy)).toEqual(['2024', '2025', '2026'])
  })

  test('that is wanted beside it is made, with a gap between', () => {
    const policy = policyOf({ grain: 'year', premake: 1, from: '2024' })
    const wanted = [{ from: day('2015-07-01'), until: day('2017-01-01') }]
    expect(names(policy, [], wanted)).toEqual(['2015', '2016', '2024', '2025'])
    // Asked for twice is made once.
    expect(names(policy, [], [...wanted, ...wanted])).toEqual(['2015', '2016', '2024', '2025'])
    expect(names(policy, leavesOf(policy, '2016-01-01'), wanted)).toEqual(['2015', '2024', '2025'])
  })
})

describe('gaps', () => {
  test('between leaves and to the clock are filled', () => {
    const policy = policyOf({ premake: 1 })
    expect(names(policy, leavesOf(policy, '2023-11-01', '2024-01-01'))).toEqual([
      '2023_12',
      '2024_02',
      '2024_03',
    ])
  })

  test('are not seen where a leaf of another shape covers the period, or part of it', () => {
    const policy = policyOf({ premake: 1, from: '2023' })
    const year = leafOf({ from: ['2023-01-01'], to: ['2024-01-01'] })
    expect(names(policy, [year])).toEqual(['2024_01', '2024_02', '2024_03'])
    const part = leafOf({ from: ['2024-01-10'], to: ['2024-01-20'] })
    expect(names(policy, [year, part])).toEqual(['2024_02', '2024_03'])
    const noon = policyOf({ premake: 1, kind: 'timestamp', grain: 'day' })
    const half = leafOf({ from: ['2024-02-28 12:00:00'], to: ['2024-02-29 12:00:00'] })
    expect(names(noon, [half])).toEqual(['2024_03_01'])
  })

  test('are seen behind a leaf whose bound is no date', () => {
    const policy = policyOf({ kind: 'date_key', grain: 'year', premake: 1 })
    const year = leafOf({ from: ['20220101'], to: ['20221232'] })
    expect(names(policy, [year])).toEqual(['2023', '2024', '2025'])
    const quarters = policyOf({ kind: 'year_quarter', key: ['y', 'q'], grain: 'year', premake: 1 })
    const whole = leafOf({ from: ['2022', 'MINVALUE'], to: ['2023', 'MINVALUE'] })
    expect(names(quarters, [whole])).toEqual(['2023', '2024', '2025'])
  })

  test('a day that a zone left out is none', () => {
    const policy = policyOf({
      kind: 'timestamptz',
      grain: 'day',
      zone: 'Pacific/Apia',
      from: '2011-12-29',
      until: '2012-01-02',
      premake: 0,
    })
    expect(names(policy)).toEqual(['2011_12_29', '2011_12_31', '2012_01_01'])
  })

  test('the plan, once carried out, leaves nothing to plan, and its leaves do not overlap', () => {
    const offsets = fc.uniqueArray(fc.integer({ min: -40, max: 40 }), { maxLength: 12 })
    const grain = fc.constantFrom(...everyGrain)
    fc.assert(
      fc.property(
        grain,
        offsets,
        fc.integer({ min: 0, max: 5 }),
        fc.boolean(),
        (grain, offsets, premake, unknown) => {
          const policy = policyOf({ grain, premake, unknown })
          const start = periodOf(today, grain)
          const days = { day: 1, week: 7, month: 31, quarter: 92, year: 366 }[grain]
          const existing = offsets.map((n) => start.start.add({ days: n * days }).toString())
          const leaves = [
            ...new Map(leavesOf(policy, ...existing).map((leaf) => [leaf.range?.from[0], leaf])).values(),
          ]
          const planned = planLeaves(name, policy, leaves, today)
          const all = [...leaves, ...planned.map(({ range }) => leafOf(range))]
          expect(planLeaves(name, policy, all, today)).toEqual([])
          const ranges = all
            .flatMap(({ range }) => (range ? [range] : []))
            .toSorted((a, b) => (String(a.from) < String(b.from) ? -1 : 1))
          for (const [n, { from }] of ranges.slice(1).entries())
            expect(String(ranges[n]?.to) <= String(from)).toBe(true)
          expect(new Set(planned.map((leaf) => leaf.name)).size).toBe(planned.length)
          if (premake > 0) expect(runwayDays(policy, all, today)).toBeGreaterThan(0)
        },
      ),
    )
  })
})

describe('the cap', () => {
  const tooMany = expect.objectContaining({
    code: 'CONFIG_INVALID',
    message: 'facts would get more than 10 leaves by day; nothing was changed',
  })

  test('stops a plan that would make too many', () => {
    const policy = policyOf({ grain: 'day', most: 10, from: '2024-02-20' })
    expect(names({ ...policy, premake: 0, until: day('2024-03-01') })).toHaveLength(10)
    expect(() => names(policy)).toThrow(tooMany)
    expect(() => names({ ...policy, from: day('0001-01-01') })).toThrow(tooMany)
  })

  test('counts the leaves that are there', () => {
    const policy = policyOf({ grain: 'day', most: 10, premake: 2 })
    const some = leavesOf(
      policy,
      ...Array.from({ length: 8 }, (_, n) => day('2024-02-21').add({ days: n }).toString()),
    )
    expect(() => names(policy, some)).toThrow(tooMany)
    expect(names(policy, some.slice(1))).toHaveLength(3)
  })

  test('does not stand in the way where nothing is to be made', () => {
    const policy = policyOf({ grain: 'day', most: 10, premake: 0 })
    const many = leavesOf(
      policy,
      ...Array.from({ length: 20 }, (_, n) => day('2024-02-01').add({ days: n }).toString()),
    )
    expect(names(policy, many)).toEqual([])
  })

  test('ten thousand leaves are planned quickly enough', () => {
    const policy = policyOf({
      grain: 'day',
      most: 10_000,
      premake: 0,
      from: '2000-01-01',
      until: '2027-05-01',
    })
    const leaves = leavesOf(
      policy,
      ...Array.from({ length: 9900 }, (_, n) => day('2000-01-01').add({ days: n }).toString()),
    )
    expect(names(policy, leaves)).toHaveLength(82)
  })
})

describe('the unknown leaf', () => {
  const policy = policyOf({ grain: 'year', premake: 0, from: '2024', until: '2025', unknown: true })

  test('comes last, once', () => {
    expect(planLeaves(name, policy, [], today)).toMatchObject([
      { name: 'facts_2024' },
      { name: 'facts_unknown', range: undefined },
    ])
    expect(names(policy, [leafOf(undefined)])).toEqual(['2024'])
  })

  test('is not missed where it is made when it is needed', () => {
    expect(names({ ...policy, unknown: { when_needed: true } })).toEqual(['2024'])
    expect(names({ ...policy, unknown: { when_needed: false } })).toEqual(['2024', 'unknown'])
  })

  test('bears the name that the policy gives it', () => {
    expect(names({ ...policy, unknown: { leaf: 'Divers "0"' } })).toEqual(['2024', 'Divers "0"'])
    expect(names({ ...policy, unknown: { leaf: undefined } })).toEqual(['2024', 'unknown'])
  })
})

describe('names', () => {
  test('are cut to what PostgreSQL keeps, in whole characters, and the label stays', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }),
        fc.constantFrom(...everyGrain),
        (base, grain) => {
          const policy = policyOf({ grain, premake: 1, unknown: true })
          for (const leaf of planLeaves({ schema: 'x', name: base }, policy, [], today)) {
            expect(Buffer.byteLength(leaf.name)).toBeLessThanOrEqual(63)
            expect(Buffer.from(leaf.name).toString()).toBe(leaf.name)
            const label = leaf.range
              ? periodLabel(periodOf(day(leaf.range.from[0] as string), grain), grain)
              : 'unknown'
            expect(leaf.name.endsWith(`_${label}`)).toBe(true)
          }
        },
      ),
    )
  })

  test('of two long tables that begin alike stay apart', () => {
    const policy = policyOf({ grain: 'day', premake: 0, from: '2024', until: '2024-01-02' })
    const leaf = (table: string) => planLeaves({ schema: 'x', name: table }, policy, [], today)[0]?.name
    const long = 'é'.repeat(31)
    expect(leaf(`${long}a`)).not.toBe(leaf(`${long}b`))
    expect(leaf(`${long}a`)).toMatch(/^é+~[0-9a-f]{6}_2024_01_01$/)
  })
})

describe('runway', () => {
  const policy = policyOf({ grain: 'month' })

  test.each<[leaves: string[], days: number | undefined]>([
    [[], undefined],
    [['2024-02-01'], 1],
    [['2024-02-01', '2024-03-01'], 32],
    [['2024-03-01', '2024-02-01', '2024-01-01'], 32],
    // What lies behind a gap does not count.
    [['2024-02-01', '2024-04-01'], 1],
    // It ended a month ago, or begins only in a month.
    [['2024-01-01'], -28],
    [['2024-03-01'], undefined],
  ])('of %j is %s days', (leaves, days) => {
    expect(runwayDays(policy, leavesOf(policy, ...leaves), today)).toBe(days)
  })

  test('is that of the ranges, not of the unknown leaf', () => {
    expect(runwayDays(policy, [leafOf(undefined)], today)).toBeUndefined()
    expect(runwayDays(policy, [leafOf({ from: ['MINVALUE'], to: ['2024-03-02'] })], today)).toBe(2)
  })
})
