import { describe, expect, test } from 'vitest'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { leftovers } from '../../load/loading.ts'
import { databaseTemplate } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { quietWork } from '../../support/work.ts'
import { datasetOf, pipingPlace, wish } from './piping.ts'

const seeded = `
  CREATE TABLE public.measure (station text, ts timestamp, value numeric(20,6), small int, seen timestamptz);
  INSERT INTO public.measure
  SELECT 'S' || n % 5, timestamp '2024-01-01' + n * interval '1 hour', n, n % 100, timestamptz '2024-06-01Z' + n * interval '1 s'
    FROM generate_series(0, 999) AS n`

const built = `
  CREATE TABLE public.station (code text PRIMARY KEY);
  INSERT INTO public.station SELECT 'S' || n FROM generate_series(0, 4) AS n;
  CREATE TABLE public.measure (
    station text, ts timestamp, value numeric(8,1) CHECK (value >= 0), small bigint, seen timestamptz, PRIMARY KEY (station, ts)
  ) PARTITION BY RANGE (ts);
  CREATE TABLE public.plain (station text, ts timestamp, value float8, small bigint, seen timestamptz)`

const source = { table: 'public.measure', window_column: 'ts' }
const all = wish('2024-01-01', '2024-03-01')
const monthly = { key: 'ts', kind: 'timestamp', grain: 'month', from: '2024-01-01', premake: 0 }
const fields = { target: 'public.measure', key: ['station', 'ts'], recency: 'seen', partition: monthly }
const measure = datasetOf(fields)
const allowed = { budget: { records: 100 } }

describe('rows of another server that the target does not take as they are', () => {
  const there = databaseTemplate(server, (session) => session.run(seeded))
  const here = databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(built)
  })
  const place = () => pipingPlace([server, server], { source: there, target: here })

  test('are widened where that changes no value, and sent as text where the types differ', async () => {
    await using scene = await place()
    const wide = await scene.pipe(measure, source, all)
    expect(wide).toMatchObject({ inserted: 1000, path: '1,000 rows, piped in binary' })
    const plain = await scene.pipe(datasetOf({ target: 'public.plain', key: ['station', 'ts'] }), source, all)
    expect(plain).toMatchObject({
      inserted: 1000,
      path: '1,000 rows, piped as text: value is numeric(20,6) there and double precision here',
    })
    const sums = 'SELECT count(*), sum(value)::text AS value, sum(small)::text AS small FROM'
    expect(await scene.here.rows(`${sums} public.plain`)).toEqual([
      { count: 1000, value: '499500', small: '49500' },
    ])
    expect(await scene.here.rows(`${sums} public.measure`)).toEqual([
      { count: 1000, value: '499500.0', small: '49500' },
    ])
  })

  test.each([
    ['a value that is too large', 'value = 1e9', 'type'],
    ['a CHECK', 'value = -1', 'check'],
    ['no key', 'ts = NULL', 'key_null'],
  ])('become rejects with their reasons: %s', async (_, change, kind) => {
    await using scene = await place()
    await scene.there.run(`UPDATE public.measure SET ${change} WHERE station = 'S3' AND small = 13`)
    const unwindowed = { table: 'public.measure' }
    const piped = await scene.pipe(measure, unwindowed, wish(), allowed)
    expect(piped).toMatchObject({ records: 1000, inserted: 990, rejected: 10 })
    expect(piped.notes.join('\n')).toMatch(/piped rows were refused, and are read row by row now/)
    expect(piped.path).toBe('990 rows, row by row, 10 rejects')
    const rejects = await scene.here.rows<{ original: string; kind: string }>(
      "SELECT convert_from(original, 'UTF8') AS original, reasons -> 0 ->> 'kind' AS kind FROM dwh.rejects ORDER BY record LIMIT 1",
    )
    expect(rejects).toMatchObject([{ kind, original: expect.stringMatching(/^S3,.*,13,2024-06-01/) }])
    // What came before the row that was refused is not left behind in the leaf.
    const [{ dead }] = (await scene.here.rows(
      "SELECT pg_relation_size('public.measure_2024_01') / current_setting('block_size')::int AS dead",
    )) as [{ dead: number }]
    expect(dead).toBeLessThan(10)
    expect(await leftovers(scene.here)).toEqual([])
  })

  test('are refused in all when there are too many, and nothing is visible', async () => {
    await using scene = await place()
    await scene.there.run("UPDATE public.measure SET value = -1 WHERE station = 'S3'")
    const failed = scene.pipe(measure, source, all)
    await expect(failed).rejects.toMatchObject({ code: 'REJECTS_TOO_MANY' })
    expect(await scene.here.rows('SELECT FROM public.measure LIMIT 1')).toEqual([])
    expect(await leftovers(scene.here)).toEqual([])
  })

  test('are compared with a dimension: unknown values become NULL, or their rows rejects', async () => {
    await using scene = await place()
    const station = (on_missing: string) =>
      datasetOf({
        ...fields,
        key: ['ts'],
        references: { station: { table: 'public.station', column: 'code', on_missing } },
      })
    await scene.here.run(`DELETE FROM public.station WHERE code = 'S4'; DROP TABLE public.measure;
      CREATE TABLE public.measure (station text, ts timestamp PRIMARY KEY, value numeric, small bigint, seen timestamptz) PARTITION BY RANGE (ts)`)
    const nulled = await scene.pipe(station('set_null'), source, all)
    expect(nulled).toMatchObject({ inserted: 1000, rejected: 0, path: '1,000 rows, piped in binary' })
    const unknown = 'SELECT count(*) FROM public.measure WHERE station IS NULL'
    expect(await scene.here.one(unknown)).toEqual({ count: 200 })
    await scene.here.run('TRUNCATE public.measure')
    const rejected = await scene.pipe(station('reject'), source, all, {
      budget: { records: 200 },
      again: true,
    })
    expect(rejected).toMatchObject({
      inserted: 800,
      rejected: 200,
      path: '800 rows, row by row, 200 rejects',
    })
  })

  test('are computed by `map` row by row, and say so', async () => {
    await using scene = await place()
    const mapped = datasetOf({ ...fields, map: { value: 'value::numeric / 2', small: 'small' } })
    const piped = await scene.pipe(mapped, source, all)
    expect(piped.path).toBe('1,000 rows, row by row: `map` computes value')
    expect(await scene.here.one('SELECT sum(value)::text AS sum FROM public.measure')).toEqual({
      sum: '249750.0',
    })
  })

  test('stand twice: the newest is kept, and where nothing tells them apart the last', async () => {
    await using scene = await place()
    await scene.there.run(
      `INSERT INTO public.measure SELECT station, ts, 7, small, seen + interval '1 day' FROM public.measure WHERE small = 5`,
    )
    const piped = await scene.pipe(measure, source, all)
    expect(piped).toMatchObject({
      records: 1010,
      inserted: 1000,
      duplicates: 10,
      path: '1,010 rows, piped in binary',
    })
    expect(await scene.here.one('SELECT count(*) FROM public.measure WHERE value = 7 AND small = 5')).toEqual(
      { count: 10 },
    )
    const { recency: _, ...unordered } = fields
    await scene.here.run('TRUNCATE public.measure')
    const last = await scene.pipe(datasetOf(unordered), source, all, { again: true })
    expect(last).toMatchObject({
      records: 1010,
      inserted: 1000,
      duplicates: 10,
      path: '1,010 rows, piped in binary',
    })
  })
})
