import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { SourceServer } from '../../../src/sources/postgres/server.ts'
import { openPostgres } from '../../../src/sources/postgres/source.ts'
import { fillQuery } from '../../../src/sources/postgres/template.ts'
import { databaseTemplate, freshRole } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { quietWork } from '../../support/work.ts'
import { datasetOf, pipingPlace, settings, wish } from './piping.ts'

const sqlFolder = mkdtempSync(join(tmpdir(), 'dwh-queries-'))
afterAll(() => rmSync(sqlFolder, { recursive: true }))
const query = (name: string, text: string) => {
  writeFileSync(join(sqlFolder, name), text)
  return { query: name }
}

const seeded = `
  CREATE TABLE public.event (id int, day date, local timestamp, at timestamptz, day_key int, label text, updated_at timestamptz);
  INSERT INTO public.event
  SELECT n, at::date, at, at AT TIME ZONE 'UTC', to_char(at, 'YYYYMMDD')::int, 'e' || n, timestamptz '2025-01-01Z' + n * interval '1 minute'
    FROM generate_series(0, 24 * 62 - 1) AS n, LATERAL (SELECT timestamp '2024-01-01' + n * interval '1 hour' AS at) AS t`
const built = 'CREATE TABLE public.event (id int PRIMARY KEY, label text, updated_at timestamptz)'
const event = datasetOf({ target: 'public.event', key: 'id', recency: 'updated_at' })
const table = { connection: 'source', table: 'public.event' }

describe('what is read of another server', () => {
  const source = databaseTemplate(server, (session) => session.run(seeded))
  const target = databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(built)
  })
  const place = () => pipingPlace([server, server], { source, target }, sqlFolder)

  test('is cut by columns of every type of time, in the zone of the window', async () => {
    await using scene = await place()
    const days = {
      UTC: wish('2024-01-10', '2024-01-12'),
      Abroad: wish('2024-01-10', '2024-01-12', { zone: 'Asia/Kolkata' }),
    }
    const ids = async (column: string, wanted: keyof typeof days) => {
      await scene.here.run('TRUNCATE public.event')
      await scene.pipe(event, { ...table, window_column: column }, days[wanted], { again: true })
      return scene.here.one('SELECT min(id), max(id), count(*) FROM public.event')
    }
    const day = { min: 216, max: 263, count: 48 }
    for (const column of ['day', 'local', 'day_key'])
      expect([column, await ids(column, 'Abroad')]).toEqual([column, day])
    expect(await ids('at', 'UTC')).toEqual(day)
    // Midnight in India is half past six in the evening before.
    expect(await ids('at', 'Abroad')).toEqual({ min: 211, max: 258, count: 48 })
  })

  test('is a query with names for its window and parameters, as literals', async () => {
    await using scene = await place()
    const file = query(
      'events.sql',
      `-- it's :from a comment
       SELECT id, label || ':to' AS label, updated_at, $x$:from$x$::text AS ":to"
         FROM public.event WHERE day >= :from AND day < :to::date AND day_key BETWEEN :from_key AND :to_key AND label <> :odd; `,
    )
    const piped = await scene.pipe(
      event,
      { ...file, connection: 'source', parameters: { odd: "it's; DROP" } },
      wish('2024-01-01', '2024-01-03', { parameters: { odd: 'e3' } }),
    )
    expect(piped).toMatchObject({ inserted: 47, path: expect.stringMatching(/piped in binary/) })
    expect(await scene.here.one('SELECT label FROM public.event WHERE id = 4')).toEqual({ label: 'e4:to' })
    expect(fillQuery('SELECT :odd', wish(undefined, undefined, { parameters: { odd: "it's; DROP" } }))).toBe(
      "SELECT 'it''s; DROP'",
    )
  })

  test('is only what was written since the last time, by a watermark', async () => {
    await using scene = await place()
    const marked = { ...table, watermark: 'updated_at', snapshot: 'window' }
    const first = await scene.pipe(event, marked, wish())
    expect(first).toMatchObject({
      inserted: 1488,
      fetched: { announced: 1488, watermark: '2025-01-02 00:47:00+00' },
    })
    const { watermark } = first.fetched
    const nothing = await scene.pipe(event, marked, wish(undefined, undefined, { after: watermark }))
    expect(nothing).toMatchObject({ fetched: { announced: 0, watermark } })
    expect(nothing.records).toBeUndefined()
    await scene.there.run(`UPDATE public.event SET label = 'new', updated_at = '2025-02-01Z' WHERE id = 7;
      INSERT INTO public.event (id, updated_at) VALUES (5000, '2025-02-02Z'), (5001, NULL)`)
    const changed = await scene.pipe(event, marked, wish(undefined, undefined, { after: watermark }))
    expect(changed).toMatchObject({
      records: 3,
      inserted: 2,
      updated: 1,
      fetched: { watermark: '2025-02-02 00:00:00+00' },
    })
    // Looking back reads again what is known, and a row that was committed late.
    await scene.there.run("INSERT INTO public.event (id, updated_at) VALUES (5002, '2025-02-01 23:59Z')")
    const back = await scene.pipe(
      event,
      { ...marked, look_back: '1 hour' },
      wish(undefined, undefined, { after: '2025-02-02 00:00:00+00' }),
    )
    expect(back).toMatchObject({
      records: 3,
      inserted: 1,
      unchanged: 2,
      fetched: { watermark: '2025-02-02 00:00:00+00' },
    })
    expect(await scene.here.one('SELECT count(*) FROM public.event')).toEqual({ count: 1491 })
  })

  test('has a fingerprint that tells whether a window has changed, whatever was read of it', async () => {
    await using scene = await place()
    await using there = new SourceServer(scene.read.target)
    const opened = await openPostgres(
      settings({ ...table, window_column: 'day', watermark: 'updated_at', snapshot: 'window' }),
      { sqlFolder },
      there,
    )
    const january = wish('2024-01-01', '2024-02-01')
    const before = await opened.fingerprint(january, quietWork())
    expect(await opened.fingerprint({ ...january, after: '2025-01-01' }, quietWork())).toBe(before)
    await scene.there.run("UPDATE public.event SET updated_at = '2025-02-01Z' WHERE day = '2024-02-03'")
    expect(await opened.fingerprint(january, quietWork())).toBe(before)
    await scene.there.run("UPDATE public.event SET updated_at = '2025-02-01Z' WHERE day = '2024-01-03'")
    expect(await opened.fingerprint(january, quietWork())).not.toBe(before)
    expect(await opened.estimate(january, quietWork())).toBe(744)
  })

  test.each([
    [
      'a table that is not there',
      { table: 'public.nothing', window_column: 'day' },
      'CONFIG_INVALID',
      /public\.nothing cannot be read: .*does not exist/,
    ],
    [
      'a column that is not there',
      { ...table, window_column: 'days' },
      'CONFIG_INVALID',
      /has no column days, which its `window_column` speaks of/,
    ],
    [
      'a column that is no time',
      { ...table, window_column: 'label' },
      'CONFIG_INVALID',
      /column label of public\.event is text, and `window_column` wants date/,
    ],
    [
      'a look back that does not fit',
      { ...table, window_column: 'day', watermark: 'label', look_back: '1 day' },
      'CONFIG_INVALID',
      /`look_back` wants a date or a time/,
    ],
    [
      'nothing to cut windows by',
      table,
      'CONFIG_INVALID',
      /nothing says how the rows of public\.event are cut into windows/,
    ],
    [
      'a query that is not there',
      { query: 'nowhere.sql' },
      'CONFIG_INVALID',
      /the query nowhere\.sql cannot be read/,
    ],
    [
      'a name that stands for nothing',
      query('named.sql', 'SELECT :nobody, :from'),
      'CONFIG_INVALID',
      /:nobody of the query stands for nothing/,
    ],
    [
      'a query that is none',
      query('wrong.sql', 'SELECT id\n  FRM public.event WHERE day = :from'),
      'SQL_FAILED',
      /wrong\.sql:2:7\n {2} {2}FRM public\.event/,
    ],
    [
      'a query that names a column which is not there',
      query('columns.sql', 'SELECT id,\n       libelle AS label\n  FROM public.event WHERE day = :from'),
      'CONFIG_INVALID',
      /columns\.sql cannot be read: column "libelle" does not exist[\s\S]*columns\.sql:2:8\n.*libelle AS label[\s\S]*nothing was changed$/,
    ],
  ])('is told in one error: %s', async (_, fields, code, message) => {
    await using scene = await place()
    const failed = scene.fetch(
      { connection: 'source', ...fields },
      wish('2024-01-01', '2024-01-02', { after: '2020-01-01' }),
    )
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('needs a right, whose GRANT is named', async () => {
    await using role = await freshRole(server, 'reader')
    await using scene = await place()
    await using there = new SourceServer({ ...scene.read.target, user: role.name })
    const opened = await openPostgres(settings(table), { sqlFolder }, there)
    await expect(opened.fetch(wish(), quietWork())).rejects.toMatchObject({
      code: 'PRIVILEGE_MISSING',
      hint: expect.stringMatching(new RegExp(`GRANT SELECT ON public\\.event TO "${role.name}"`)),
    })
  })

  test('is not to be had while nobody answers', async () => {
    await using nobody = new SourceServer({ ...(await server.target()), host: '127.0.0.1', port: 1 })
    const opened = await openPostgres(settings(table), { sqlFolder }, nobody)
    await expect(opened.fetch(wish(), quietWork())).rejects.toMatchObject({ code: 'SOURCE_FAILED' })
  })
})
