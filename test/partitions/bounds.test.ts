import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import {
  boundAt,
  boundDate,
  dateKey,
  datesOf,
  forValues,
  limits,
  parseForValues,
  positionOf,
  positionSql,
  rangeCondition,
  rangeOf,
  unknownCondition,
} from '../../src/partitions/bounds.ts'
import { periodOf } from '../../src/partitions/periods.ts'
import { identList } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import type { Policy } from '../../src/warehouse/schema.ts'
import { freshDatabase } from '../support/database.ts'
import { fc } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { anyDate, describePolicy, everyKind, everyPolicy, oddZones, policyOf } from './policies.ts'

const day = Temporal.PlainDate.from
const epoch = day('1970-01-01')
const dates = anyDate.map((days) => epoch.add({ days }))

describe('bounds', () => {
  test.each<[kind: string, zone: string, date: string, bound: string[]]>([
    ['date_key', 'UTC', '2024-02-29', ['20240229']],
    ['date_key', 'UTC', '0001-01-01', ['10101']],
    ['date_key', 'UTC', '+052217-01-01', ['522170101']],
    ['date', 'UTC', '0001-01-01', ['0001-01-01']],
    ['date', 'UTC', '0000-12-31', ['0001-12-31 BC']],
    ['date', 'UTC', '-000043-03-15', ['0044-03-15 BC']],
    ['date', 'UTC', '+052217-12-31', ['52217-12-31']],
    ['timestamp', 'UTC', '+052217-12-31', ['52217-12-31 00:00:00']],
    ['timestamp', 'UTC', '0000-12-31', ['0001-12-31 00:00:00 BC']],
    ['timestamptz', 'UTC', '2024-03-31', ['2024-03-31 00:00:00+00']],
    ['timestamptz', 'Europe/Paris', '2024-03-31', ['2024-03-30 23:00:00+00']],
    ['timestamptz', 'Europe/Paris', '2024-04-01', ['2024-03-31 22:00:00+00']],
    ['timestamptz', 'Asia/Kathmandu', '2024-01-01', ['2023-12-31 18:15:00+00']],
    // Half an hour of summer.
    ['timestamptz', 'Australia/Lord_Howe', '2024-04-07', ['2024-04-06 13:00:00+00']],
    ['timestamptz', 'Australia/Lord_Howe', '2024-04-08', ['2024-04-07 13:30:00+00']],
    // The day begins at one o'clock.
    ['timestamptz', 'America/Santiago', '2024-09-08', ['2024-09-08 04:00:00+00']],
    // Midnight comes twice, and the day begins with the first.
    ['timestamptz', 'America/Havana', '2024-11-03', ['2024-11-03 04:00:00+00']],
    // 30 December 2011 never came: it begins and ends with the 31st.
    ['timestamptz', 'Pacific/Apia', '2011-12-30', ['2011-12-30 10:00:00+00']],
    ['timestamptz', 'Pacific/Apia', '2011-12-31', ['2011-12-30 10:00:00+00']],
    // Local mean time, and a year that begins before the first.
    ['timestamptz', 'Asia/Kathmandu', '0001-01-01', ['0001-12-31 18:18:44+00 BC']],
    ['timestamptz', 'Europe/Paris', '+052217-07-01', ['52217-06-30 22:00:00+00']],
    ['year_quarter', 'UTC', '2024-12-31', ['2024', '4']],
  ])('of %s in %s: %s begins at %j', (kind, zone, date, bound) => {
    const key = kind === 'year_quarter' ? ['y', 'q'] : 'k'
    const policy = policyOf({ kind, zone, key, grain: kind === 'year_quarter' ? 'quarter' : 'day' })
    expect(boundAt(policy, day(date))).toEqual(bound)
  })

  test.each(everyPolicy.map((policy) => [describePolicy(policy), policy] as const))(
    'of %s: read back as the dates that they were made from, and in the same order',
    (_, policy) => {
      fc.assert(
        fc.property(dates, (date) => {
          const period = periodOf(date, policy.grain)
          const range = rangeOf(policy, period)
          const skipped = range.from.join() === range.to.join()
          if (skipped) return
          expect(boundDate(policy, range.from)).toEqual(period.start)
          expect(datesOf(policy, range)).toEqual({ from: period.start, until: period.end })
          expect(parseForValues(forValues(policy, range))).toEqual(range)
          expect(rangeOf(policy, periodOf(period.end, policy.grain)).from).toEqual(range.to)
        }),
        { numRuns: 60 },
      )
    },
  )

  test.each<[kind: string, from: string[], to: string[], dates: [string, string]]>([
    // What people write who know that no such day comes.
    ['date_key', ['20230000'], ['20231232'], ['2023-01-01', '2024-01-01']],
    ['date_key', ['20230100'], ['20230132'], ['2023-01-01', '2023-02-01']],
    ['date_key', ['20230231'], ['20231301'], ['2023-03-01', '2024-01-01']],
    ['date_key', ['MINVALUE'], ['MAXVALUE'], ['-099999-01-01', '+275760-01-01']],
    ['date_key', ['-5'], ['9223372036854775807'], ['-000001-01-01', '+275760-01-01']],
    ['year_quarter', ['2023', 'MINVALUE'], ['2024', 'MINVALUE'], ['2023-01-01', '2024-01-01']],
    ['year_quarter', ['2023', '0'], ['2023', '5'], ['2023-01-01', '2024-01-01']],
    ['year_quarter', ['2023', 'MAXVALUE'], ['2024', 'MAXVALUE'], ['2024-01-01', '2025-01-01']],
    ['year_quarter', ['MINVALUE', 'MINVALUE'], ['MAXVALUE', 'MAXVALUE'], ['-099999-01-01', '+275760-01-01']],
    ['date', ['-infinity'], ['infinity'], ['-099999-01-01', '+275760-01-01']],
    ['timestamp', ['2023-01-01 12:00:00'], ['2023-01-02 12:00:00'], ['2023-01-01', '2023-01-03']],
    ['timestamp', ['2023-01-01 00:00:00'], ['2023-01-02 00:00:00.000001'], ['2023-01-01', '2023-01-03']],
    ['timestamptz', ['2023-01-01 06:00:00+00'], ['2023-01-02 00:00:00+00'], ['2023-01-01', '2023-01-02']],
    ['timestamptz', ['-infinity'], ['infinity'], ['-099999-01-01', '+275760-01-01']],
  ])('of %s that nobody here made, %j to %j, touch the dates %j', (kind, from, to, [first, until]) => {
    const policy = policyOf({ kind, grain: 'year', key: kind === 'year_quarter' ? ['y', 'q'] : 'k' })
    expect(datesOf(policy, { from, to })).toEqual({ from: day(first), until: day(until) })
  })

  test('a date key is the date written as a number', () => {
    fc.assert(
      fc.property(dates, dates, (one, other) => {
        expect(Math.sign(dateKey(one) - dateKey(other))).toBe(Temporal.PlainDate.compare(one, other))
      }),
    )
    expect(dateKey(day('2023-01-31'))).toBe(20_230_131)
  })

  test.each(['FOR VALUES IN (1)', 'FOR VALUES WITH (modulus 4, remainder 0)', '', 'FOR VALUES FROM (1)'])(
    '%j is no range',
    (text) => {
      expect(parseForValues(text)).toBeUndefined()
    },
  )

  test('limits are ends of periods, so that no leaf reaches over them', () => {
    const policy = policyOf({ grain: 'quarter', from: '2020-02-15', ceiling: '2099-11-30' })
    expect(limits(policy)).toEqual({ floor: day('2020-01-01'), ceiling: day('2100-01-01') })
    expect(limits(policyOf({ grain: 'week' }))).toEqual({
      floor: day('1900-01-01'),
      ceiling: day('2100-01-04'),
    })
  })
})

/** The types that a key of each kind may have. */
const keyTypes: Record<Policy['kind'], string[]> = {
  date_key: ['int4', 'int8'],
  date: ['date'],
  timestamp: ['timestamp'],
  timestamptz: ['timestamptz'],
  year_quarter: ['int4', 'int2', 'int8'],
}

const keyColumns = (policy: Policy, type = keyTypes[policy.kind][0]) =>
  policy.key.map((column) => `${column} ${type}`).join(', ')

/** Runs statements and returns what the server said on its way, down to DEBUG1. */
async function listening(session: Session, statement: string): Promise<string> {
  const said: string[] = []
  const listen = ({ message }: { message?: string }) => void said.push(message ?? '')
  session.client.on('notice', listen)
  await session.run(`SET client_min_messages = debug1; ${statement}; SET client_min_messages = notice`)
  session.client.off('notice', listen)
  return said.join('\n')
}

/** The days around every change of the clock in a zone, as far as the servers' and our time zone data can agree. */
function oddDays(zone: string): Temporal.PlainDate[] {
  const days: Temporal.PlainDate[] = []
  let moment: Temporal.ZonedDateTime | null = day('1971-01-01').toZonedDateTime(zone)
  const end = day('2040-01-01').toZonedDateTime(zone)
  while (moment && Temporal.ZonedDateTime.compare(moment, end) < 0) {
    const date = moment.toPlainDate()
    days.push(...[-1, 0, 1].map((n) => date.add({ days: n })))
    moment = moment.getTimeZoneTransition('next')
  }
  return days
}

describe.each(servers)('bounds on $name', (server) => {
  test.each(oddZones)('in %s part the calendar days of the server', async (zone) => {
    await using session = await server.open()
    const policy = policyOf({ kind: 'timestamptz', grain: 'day', zone })
    const some = fc.sample(fc.integer({ min: 366, max: 3650 * 8 }), 300).map((days) => epoch.add({ days }))
    const days = [...oddDays(zone), ...some]
    const wrong = await session.rows(
      `SELECT d, bound FROM unnest($1::date[], $2::text[]) AS x (d, bound), CAST(bound AS timestamptz) AS t
        WHERE t::text <> bound
           -- A day that the zone left out begins with the one after it.
           OR (t AT TIME ZONE $3)::date <> CASE WHEN $3 = 'Pacific/Apia' AND d = '2011-12-30' THEN d + 1 ELSE d END
           OR ((t - interval '1 microsecond') AT TIME ZONE $3)::date
              <> CASE WHEN $3 = 'Pacific/Apia' AND d = '2011-12-31' THEN d - 2 ELSE d - 1 END
           -- Of two midnights the server takes the later, though the day has begun with the earlier.
           OR (t <> (d::timestamp AT TIME ZONE $3) AND t AT TIME ZONE $3 <> d::timestamp)`,
      [days.map(String), days.map((date) => boundAt(policy, date)[0] as string), zone],
    )
    expect(wrong).toEqual([])
  })

  test.each(everyKind)(
    'of %s: the server prints what we compute, and takes the CHECK for the bound',
    async (kind) => {
      await using database = await freshDatabase(server)
      await using session = await database.open()
      const policies = everyPolicy.filter((policy) => policy.kind === kind)
      const days = ['0001-01-01', '2020-12-31', '2024-02-29', '+052217-06-15']
      const samples = policies.flatMap((policy) =>
        keyTypes[kind].flatMap((type) =>
          days
            .filter((date) => type !== 'int2' || !date.startsWith('+'))
            .map((date) => [policy, type, day(date)] as const),
        ),
      )
      for (const [n, [policy, type, date]] of samples.entries()) {
        const period = periodOf(date, policy.grain)
        const range = rangeOf(policy, period)
        await session.run(`CREATE TABLE public.parent${n} (${keyColumns(policy, type)}) PARTITION BY RANGE (${identList(policy.key)});
        CREATE TABLE public.leaf${n} (LIKE public.parent${n}, CHECK (${rangeCondition(policy, range)}))`)
        const said = await listening(
          session,
          `ALTER TABLE public.parent${n} ATTACH PARTITION public.leaf${n} ${forValues(policy, range)}`,
        )
        expect(said, describePolicy(policy)).toMatch(
          /partition constraint for table "leaf\d+" is implied by existing constraints/,
        )
        const { bound } = await session.one<{ bound: string }>(
          `SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE oid = 'public.leaf${n}'::regclass`,
        )
        expect(parseForValues(bound)).toEqual(range)
      }
    },
  )

  test.each(
    [...everyPolicy.filter(({ zone }) => zone === 'UTC' || zone === 'Asia/Kathmandu')].map(
      (policy) => [describePolicy(policy), policy] as const,
    ),
  )('of %s: the CHECK of the unknown leaf spares its scan', async (_, given) => {
    await using session = await server.open()
    const policy = { ...given, from: day('2020-02-15'), ceiling: day('2030-08-20') }
    const { floor, ceiling } = limits(policy)
    for (const type of keyTypes[policy.kind]) {
      await session.run(`BEGIN; CREATE TABLE public.parent (${keyColumns(policy, type)}) PARTITION BY RANGE (${identList(policy.key)});
          CREATE TABLE public.unknown (LIKE public.parent, CHECK (${unknownCondition(policy)}));
          ALTER TABLE public.parent ATTACH PARTITION public.unknown DEFAULT`)
      for (const date of [floor, day('2024-02-29'), ceiling.subtract({ days: 1 })]) {
        const range = rangeOf(policy, periodOf(date, policy.grain))
        const leaf = `public.leaf_${dateKey(date)}`
        await session.run(
          `CREATE TABLE ${leaf} (LIKE public.parent, CHECK (${rangeCondition(policy, range)}))`,
        )
        const said = await listening(
          session,
          `ALTER TABLE public.parent ATTACH PARTITION ${leaf} ${forValues(policy, range)}`,
        )
        expect(said).toMatch(
          'updated partition constraint for default partition "unknown" is implied by existing constraints',
        )
        expect(said).not.toMatch('verifying')
      }
      await session.run('ROLLBACK')
    }
  })

  test('of year and quarter lie on one scale, also quarters that no year has', async () => {
    await using session = await server.open()
    const policy = policyOf({
      kind: 'year_quarter',
      grain: 'quarter',
      key: ['y', 'q'],
      from: '2023-01-01',
      ceiling: '2025-01-01',
    })
    const periods = [2023, 2024].flatMap((year) =>
      [1, 4, 7, 10].map((month) => periodOf(new Temporal.PlainDate(year, month, 1), 'quarter')),
    )
    await session.run(`CREATE TEMP TABLE rows AS SELECT y::int2, q::int2 FROM generate_series(2022, 2025) AS y, generate_series(-3, 8) AS q
      UNION ALL VALUES (NULL, 1), (2023, NULL), (NULL, NULL), (-32768, 32767), (32767, -32768)`)
    const position = positionSql(policy)
    for (const period of periods) {
      const { wrong } = await session.one<{ wrong: number }>(
        `SELECT count(*) AS wrong FROM pg_temp.rows WHERE (${rangeCondition(policy, rangeOf(policy, period))})
           IS DISTINCT FROM coalesce(${position} >= ${positionOf(policy, period.start)} AND ${position} < ${positionOf(policy, period.end)}, false)`,
      )
      expect(wrong).toBe(0)
    }
    const ranges = periods.map((period) => `(${rangeCondition(policy, rangeOf(policy, period))})`)
    const { homeless, twice } = await session.one<{ homeless: number; twice: number }>(
      `SELECT count(*) FILTER (WHERE homes = 0) AS homeless, count(*) FILTER (WHERE homes > 1) AS twice FROM (
         SELECT ${[`(${unknownCondition(policy)})`, ...ranges].map((range) => `coalesce(${range}, false)::int`).join(' + ')} AS homes FROM pg_temp.rows) AS x`,
    )
    expect({ homeless, twice }).toEqual({ homeless: 0, twice: 0 })
  })

  test('do not depend on the time zone or the date style of server and session', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const policies = everyPolicy.filter(({ grain, zone }) => grain === 'quarter' && zone !== 'Pacific/Apia')
    const stated = policies.map((policy) => rangeOf(policy, periodOf(day('2024-05-17'), 'quarter')))
    for (const [style, zone] of [
      ['SQL, DMY', 'Asia/Kathmandu'],
      ['Postgres, MDY', 'America/Santiago'],
      ['German, YMD', 'Pacific/Apia'],
    ]) {
      await session.run(
        `SET DateStyle = '${style}'; SET TimeZone = '${zone}'; DROP SCHEMA IF EXISTS x CASCADE; CREATE SCHEMA x`,
      )
      for (const [n, policy] of policies.entries()) {
        const range = stated[n] as never
        await session.run(`CREATE TABLE x.parent${n} (${keyColumns(policy)}) PARTITION BY RANGE (${identList(policy.key)});
          CREATE TABLE x.leaf${n} (LIKE x.parent${n}, CHECK (${rangeCondition(policy, range)}));
          ALTER TABLE x.parent${n} ATTACH PARTITION x.leaf${n} ${forValues(policy, range)}`)
      }
      // As dwh reads them: in a session of its own, whose settings are pinned.
      await using pinned = await database.open()
      const bounds = await pinned.rows<{ bound: string }>(
        `SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relnamespace = 'x'::regnamespace AND relispartition
          ORDER BY substr(relname, 5)::int`,
      )
      expect(bounds.map(({ bound }) => parseForValues(bound))).toEqual(stated)
    }
  })
})
