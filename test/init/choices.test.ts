import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { readPlainTable } from '../../src/convert/table.ts'
import { chooseGrain, findCore, type Occupied, yearlyRows } from '../../src/init/grain.ts'
import { datasetNames } from '../../src/init/names.ts'
import { rankCandidates } from '../../src/init/partition-key.ts'
import { proposePolicy } from '../../src/init/policy.ts'
import { sampleTable } from '../../src/init/sample.ts'
import { surveyKey } from '../../src/init/survey.ts'
import { periodsBetween } from '../../src/partitions/periods.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'

const grains = ['year', 'quarter', 'month', 'week', 'day'] as const

/** As many rows in every month of [from, until). */
function months(from: string, until: string, rows: number): Occupied[] {
  const periods = periodsBetween(Temporal.PlainDate.from(from), Temporal.PlainDate.from(until), 'month')
  return [...periods].map((period) => ({ ...period, rows }))
}

describe('the grain', () => {
  test.each([
    ['seven years of 20,000 rows a month', months('2020-01-01', '2027-01-01', 20_000), 100, 'year', 7],
    ['six months of 500,000 rows', months('2001-01-01', '2001-07-01', 500_000), 60, 'month', 6],
    ['one month of 300,000 rows', months('2001-01-01', '2001-02-01', 300_000), 60, 'week', 5],
    ['six years of two million rows a month', months('2020-01-01', '2026-01-01', 2e6), 100, 'quarter', 24],
    ['four years of four million rows a month', months('2020-01-01', '2024-01-01', 4e6), 100, 'month', 48],
    ['rows of 20 kB each', months('2020-01-01', '2026-01-01', 200_000), 20_000, 'month', 72],
    ['few rows in one year', months('2024-01-01', '2025-01-01', 500), 100, 'year', 1],
    [
      'ninety years of ten million rows a month',
      months('1930-01-01', '2020-01-01', 1e7),
      100,
      'quarter',
      360,
    ],
    ['nothing', [], 100, 'year', 0],
  ] as const)('%s', (_what, occupied, rowBytes, grain, leaves) => {
    expect(chooseGrain([...occupied], rowBytes, grains)).toMatchObject({ grain, leaves })
  })
})

describe('the stretch of time that rows are about', () => {
  const early = months('1901-01-01', '1901-02-01', 1)
  const usual = months('2020-01-01', '2024-01-01', 1000)
  const late = months('2099-12-01', '2100-01-01', 2)

  test('leaves out a few rows that lie years away', () => {
    expect(findCore([...early, ...usual, ...late])).toEqual({ occupied: usual, early, late })
    expect(findCore(usual)).toEqual({ occupied: usual, early: [], late: [] })
    expect(yearlyRows(findCore([...early, ...usual, ...late]))).toBe(12_000)
  })

  test('but not many', () => {
    const many = [...months('1990-01-01', '1991-01-01', 1000), ...usual]
    expect(findCore(many)).toEqual({ occupied: many, early: [], late: [] })
  })
})

test('names of datasets are our own and unlike each other', () => {
  const names = (...tables: [schema: string, name: string][]) =>
    datasetNames(tables.map(([schema, name]) => ({ schema, name })))
  expect(names(['public', 'Fait Clés'], ['public', '2024'], ['a', 'x'], ['b', 'x'], ['p', '§'])).toEqual([
    'fait_cles',
    'public_2024',
    'a_x',
    'b_x',
    'p',
  ])
  const long = names(['s', 'x'.repeat(63)], ['s', `${'x'.repeat(62)}y`])
  expect(long.map((name) => name.length)).toEqual([40, 40])
  expect(new Set(long).size).toBe(2)
})

describe.each(servers)('a table whose rows take too long to read, on $name', (server) => {
  test.each([
    ['date', 'date', 'n_day', '2024-01-01'],
    ['integer', 'date_key', "to_char(n_day, 'YYYYMMDD')::integer", '2024-01-01'],
    ['timestamptz', 'timestamptz', 'n_day', '2024-01-01'],
  ])(
    '%s: a sample of its pages must do, and the unknown leaf takes what it did not see',
    async (type, kind, value) => {
      await using database = await freshDatabase(server)
      await using session = await database.open()
      await session.run(`CREATE TABLE public.long (day ${type}, payload text);
      INSERT INTO public.long SELECT ${value}, repeat('x', 200) FROM (SELECT date '2020-01-01' + n / 100 AS n_day FROM generate_series(0, 99999) AS n) AS days;
      INSERT INTO public.long VALUES (NULL, '')`)
      await session.run('VACUUM (ANALYZE) public.long')
      const oid = (await session.one<{ oid: number }>("SELECT 'public.long'::regclass::oid::int8 AS oid")).oid
      const table = await readPlainTable(session, oid, { schema: 'public', name: 'long_before_setup' })
      expect(table.heap_bytes / table.block_bytes).toBeGreaterThan(2000)
      const [best] = rankCandidates(table, await sampleTable(session, table))
      if (!best) throw new Error('no candidate')
      expect(best).toMatchObject({ key: ['day'], kind })
      const survey = await surveyKey(session, table, best, undefined, 0.001)
      expect(survey).toMatchObject({ exact: false, nulls: 0 })
      expect(Math.abs(survey.rows - 100_001)).toBeLessThan(2000)
      expect(survey.occupied.at(0)?.start.year).toBe(2020)
      const policy = await proposePolicy(session, table, best, undefined, survey, findCore(survey.occupied))
      expect(policy).toContainEqual({
        name: 'unknown',
        value: true,
        reason: expect.stringMatching(/^a leaf for the rest: .*not every row could be looked at in the time/),
      })
      const whole = await surveyKey(session, table, best, undefined, 60)
      expect(whole).toMatchObject({ exact: true, rows: 100_001, nulls: 1, outside: 0 })
    },
  )
})
