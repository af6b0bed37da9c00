import { describe, expect, test } from 'vitest'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { databaseTemplate } from '../../support/database.ts'
import { servers, server as system, type TestServer } from '../../support/servers.ts'
import { quietWork } from '../../support/work.ts'
import { datasetOf, pipingPlace, wish } from './piping.ts'

const pairs = servers.map((to): [string, TestServer, TestServer] => [
  `${system.name} to ${to.name}`,
  system,
  to,
])

const columns = `
  station text NOT NULL,
  ts timestamptz NOT NULL,
  value numeric(12,3),
  level real,
  flow double precision,
  day date,
  tags text[],
  detail jsonb,
  id uuid,
  raw bytea,
  span int4range,
  took interval`

const measure = datasetOf({
  target: 'public.measure',
  key: ['station', 'ts'],
  recency: 'day',
  partition: { key: 'ts', kind: 'timestamptz', grain: 'month', from: '2024-01-01', premake: 0 },
})

const seeded = `
  CREATE TABLE public.measure (${columns});
  CREATE INDEX ON public.measure (ts);
  INSERT INTO public.measure
  SELECT 'S' || n % 7, timestamptz '2024-01-01 00:00Z' + n * interval '20 minutes', n / 7.0, n / 3.0::real, n / 3.0::float8, date '2024-01-01' + n % 90,
         ARRAY['a,b', 'c"d', NULL, E'line\\nend'], jsonb_build_object('n', n, 't', 'é\\.'), md5(n::text)::uuid, decode(md5(n::text), 'hex'),
         int4range(n, n + 5), n * interval '1 hour 1 second'
    FROM generate_series(0, 8999) AS n;
  INSERT INTO public.measure (station, ts) VALUES ('', '2024-02-01Z'), ('\\.', '2024-02-02Z')`

const all = `SELECT * FROM public.measure ORDER BY ts, station`

describe.each(pairs)('rows from %s', (_, from, to) => {
  const source = databaseTemplate(from, (session) => session.run(seeded))
  const target = databaseTemplate(to, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(
      `CREATE TABLE public.measure (${columns}, PRIMARY KEY (station, ts)) PARTITION BY RANGE (ts)`,
    )
  })

  test('come in binary, window by window, each exactly once', async () => {
    await using place = await pipingPlace([from, to], { source, target })
    const table = { table: 'public.measure', window_column: 'ts' }
    const january = await place.pipe(measure, table, wish('2024-01-01', '2024-02-01'))
    expect(january).toMatchObject({
      records: 2232,
      inserted: 2232,
      rejected: 0,
      leaves: [{ name: 'measure_2024_01' }],
    })
    expect(january.path).toBe('2,232 rows, piped in binary')
    // No vacuum has been there: the rows have come frozen. A COPY of PostgreSQL 16 and later leaves pages without rows behind them.
    const pages = await place.here.one<{ filled: number; visible: number }>(
      `SELECT count(DISTINCT (ctid::text::point)[0]) AS filled,
              (SELECT relallvisible::bigint FROM pg_class WHERE relname = 'measure_2024_01') AS visible
         FROM public.measure_2024_01`,
    )
    expect(pages.visible).toBe(pages.filled)
    // Leaves between the first and the last row are made before the COPY begins.
    const rest = await place.pipe(measure, table, wish('2024-02-01', '2024-06-01'))
    expect(rest).toMatchObject({ records: 6770, inserted: 6770 })
    expect(rest.leaves).toHaveLength(4)
    expect(rest.path).toContain('piped in binary')
    expect(rest.notes).toEqual([])
    expect(await place.here.rows(all)).toEqual(await place.there.rows(all))
    const empty = await place.pipe(measure, table, wish('2025-01-01', '2025-02-01'))
    expect(empty.records).toBeUndefined()
    expect(empty.fetched.announced).toBeUndefined()
  })
})
