import { describe, expect, test } from 'vitest'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { WatchDocument } from '../../src/monitor/watch/document.ts'
import { Watching } from '../../src/monitor/watch/watching.ts'
import { Session } from '../../src/postgres/session.ts'
import { type SeededChunk, seedBackfill, seedWorker } from '../support/backfills.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { quietWork } from '../support/work.ts'

const measure = `
  CREATE TABLE public.measure (station text, at timestamptz, value numeric, photo bytea, PRIMARY KEY (station, at)) PARTITION BY RANGE (at);
  CREATE TABLE public.measure_2023 PARTITION OF public.measure FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
  CREATE TABLE public.measure_2024 PARTITION OF public.measure FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
  INSERT INTO public.measure SELECT 'BSS' || n % 7, '2023-06-01'::timestamptz + n * interval '30 minutes', n FROM generate_series(1, 20000) AS n;
  ANALYZE public.measure`

const done = (from: string, to: string, figures: object = {}): SeededChunk => ({
  from,
  to,
  outcome: 'done',
  figures: { records: 1000, inserted: 990, rejected: 10, seconds: 10, ...figures },
})

const look = async (session: Session, watching: Watching): Promise<WatchDocument> => {
  const found = await watching.look(session)
  if (!found) throw new Error('nothing to see')
  return found
}

const tell = (session: Session, worker: number, progress: object) =>
  session.run('UPDATE dwh.chunks SET progress = $2, progressed_at = clock_timestamp() WHERE worker = $1', [
    worker,
    progress,
  ])

describe.each(servers)('a look on $name', (server) => {
  const template = databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(measure)
  })

  test('says what is done, what runs, how fast, what failed and why, what was refused, and what came last', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using working = await database.open()
    await using worker = await seedWorker(working)
    const [{ load } = { load: 0 }] = await session.rows<{ load: number }>(
      `INSERT INTO dwh.loads (run, warehouse, dataset, schema_name, table_name, input, mapping, strategy, leaves)
       VALUES ($1, 'test', 'measure', 'public', 'measure', 'x', 'm', 'merge', '[{"name": "measure_2024"}]') RETURNING load`,
      [worker.run],
    )
    await session.run(
      `INSERT INTO dwh.rejects SELECT $1, n, n, n, 'x', '[{"kind": "reference", "column": "station", "message": "station \\"a\\" is unknown"}]'
         FROM generate_series(1, 10) AS n`,
      [load ?? 0],
    )
    const backfill = await seedBackfill(session, { parallel: 3 }, [
      done('2023-07-01', '2023-08-01'),
      done('2023-08-01', '2023-09-01'),
      { from: '2023-09-01', to: '2023-10-01', outcome: 'failed', error: ['SOURCE_FAILED', 'no answer'] },
      { ...done('2024-01-01', '2024-02-01'), load: load ?? 0 },
      {
        from: '2024-02-01',
        to: '2024-03-01',
        worker: worker.run,
        claimed: 25,
        progress: { step: 'fetch', rows: 400, done: 4, total: 10 },
      },
      { from: '2024-03-01', to: '2024-04-01', retry: 100, attempts: 1, error: ['SOURCE_FAILED', 'cut'] },
      { from: '2024-04-01', to: '2024-05-01' },
    ])
    await using eye = await database.open('dwh watch')
    const watching = new Watching([], [])
    await watching.prepare(eye)
    const first = await look(eye, watching)
    expect(first.backfills).toHaveLength(1)
    expect(first.backfills[0]).toMatchObject({
      backfill,
      state: 'slow',
      cause: {
        kind: 'slow',
        text: expect.stringMatching(/^measure\/piezo 2024-02 is at it for 2\d s, usually 9\.\d s$/),
      },
      grain: 'year',
      chunks: { total: 7, done: 3, failed: 1, running: 1, waiting: 1, left: 1, quarantined: 0 },
      records: 3400,
      rejected: 30,
      running: [
        {
          name: 'measure/piezo 2024-02',
          step: 'fetch',
          rows: 400,
          share: 0.4,
          attempt: 1,
          worker: worker.run,
        },
      ],
      troubled: [
        { state: 'failed', name: 'measure/piezo 2023-09', error_code: 'SOURCE_FAILED', why: 'no answer' },
        { state: 'waiting', name: 'measure/piezo 2024-03', attempts: 1, why: 'cut' },
      ],
      rejects: {
        rejected: 30,
        examined: 10,
        causes: [{ kind: 'reference', column: 'station', count: 10, example: 'station "a" is unknown' }],
      },
    })
    const [dataset] = first.backfills[0]?.datasets ?? []
    expect(dataset).toMatchObject({
      table: 'public.measure',
      table_rows: 20000,
      usual_rate: 100,
      periods: [
        { period: '2023', records: 2000, state: 'failed', table_rows: expect.any(Number), rate: null },
        {
          period: '2024',
          records: 1400,
          state: 'slow',
          chunks: { total: 4, done: 1, running: 1, waiting: 1, left: 1 },
        },
      ],
    })
    expect(dataset?.periods.reduce((sum, { table_rows }) => sum + (table_rows ?? 0), 0)).toBe(20000)
    // A chunk takes ten seconds: two are left, and a tenth of the one that is over its time.
    expect(first.backfills[0]?.eta).toBeGreaterThan(20)
    expect(first.backfills[0]?.eta).toBeLessThan(23)
    expect(first.workers).toMatchObject([
      { run: worker.run, state: 'alive', chunks: 1, backfills: [backfill] },
    ])
    expect(first.workers[0]?.heartbeat).toBeLessThan(10)
    expect(first.latest?.columns).toEqual(['station', 'at', 'value'])
    expect(first.latest?.table).toBe('public.measure_2024')
    expect(first.latest?.rows[0]?.[2]).toBe('20000')

    await tell(session, worker.run, { step: 'fetch', rows: 5400, done: 8, total: 10 })
    const second = await look(eye, watching)
    const seconds = (Number(second.at) - Number(first.at)) / 1000
    expect(second.backfills[0]?.rate).toBeCloseTo(5000 / seconds, 1)
    expect(second.backfills[0]).toMatchObject({
      state: 'slow',
      records: 8400,
      running: [{ rows: 5400, share: 0.8 }],
    })
  })

  test('names the session that holds a lock which a worker waits for', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using working = await database.open('dwh backfill work 1')
    await using holder = await database.open('psql of somebody')
    await using worker = await seedWorker(working)
    await worker.lease.join(working)
    await seedBackfill(session, {}, [
      { from: '2024-02-01', to: '2024-03-01', worker: worker.run, progress: { step: 'publish', rows: 10 } },
    ])
    await holder.run('BEGIN; LOCK TABLE public.measure_2024')
    const waiting = working.run('TRUNCATE public.measure_2024')
    await until(
      session,
      `SELECT FROM pg_stat_activity WHERE pid = ${working.pid} AND wait_event_type = 'Lock'`,
    )
    await using eye = await database.open('dwh watch')
    const watching = new Watching([], [])
    await watching.prepare(eye)
    const seen = await look(eye, watching)
    expect(seen.locks).toMatchObject([
      {
        pid: working.pid,
        application: 'dwh backfill work 1',
        target: 'public.measure_2024',
        by: { pid: holder.pid, application: 'psql of somebody', state: 'idle in transaction' },
      },
    ])
    expect(seen.backfills[0]?.cause).toMatchObject({
      kind: 'lock',
      text: expect.stringMatching(
        `for a lock on public.measure_2024 that session ${holder.pid} .*psql of somebody, idle in transaction`,
      ),
      advice: `end it with: SELECT pg_terminate_backend(${holder.pid})`,
    })
    // The leaf is locked against readers too: the look does without its last rows instead of waiting.
    expect(seen.latest).toBeNull()
    await holder.run('ROLLBACK')
    await waiting
  })

  test('reads no fact table but two pages, in a handful of statements, and cannot write', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await seedBackfill(session, {}, [
      { ...done('2023-07-01', '2023-08-01') },
      { from: '2023-08-01', to: '2023-09-01' },
    ])
    await session.run(
      `INSERT INTO dwh.loads (warehouse, dataset, schema_name, table_name, input, mapping, strategy, leaves)
       VALUES ('test', 'measure', 'public', 'measure', 'x', 'm', 'merge', '[{"name": "measure_2023"}]');
       UPDATE dwh.chunks SET load = 1 WHERE outcome = 'done'; ANALYZE public.measure`,
    )
    const scans = `
      SELECT sum(seq_scan) AS scans, sum(coalesce(idx_scan, 0)) AS index_scans, sum(seq_tup_read) AS rows
        FROM pg_stat_user_tables WHERE relname LIKE 'measure%'`
    const before = await session.one(scans)
    const work = quietWork()
    {
      await using eye = await Session.open(database.target, 'dwh watch', work)
      const watching = new Watching([], [])
      await watching.prepare(eye)
      const statementsBefore = work.events.length
      expect((await look(eye, watching)).latest?.rows).toHaveLength(5)
      expect(work.events.length - statementsBefore).toBeLessThan(20)
      await expect(eye.run('DELETE FROM dwh.chunks')).rejects.toThrow(/read-only/)
      await eye.run('SELECT pg_stat_force_next_flush()')
    }
    const after = await session.one<{ scans: string; index_scans: string; rows: string }>(scans)
    expect({ ...after, rows: 0 }).toEqual({ ...before, rows: 0 })
    expect(Number(after.rows) - Number(before.rows)).toBeLessThan(500)
  })
})

describe('which backfills are watched', () => {
  const [server] = servers
  if (!server) throw new Error('no server')

  test('those with a worker alive and new ones beside them, else those that are open, else the last', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using eye = await database.open()
    const seenBy = async (watching: Watching) =>
      (await watching.look(eye))?.backfills.map(({ backfill }) => backfill)
    expect(await seenBy(new Watching([], []))).toBeUndefined()
    await expect(new Watching([5], []).look(eye)).rejects.toMatchObject({
      code: 'USAGE',
      message: 'run 5 is no backfill',
    })

    const ended = await seedBackfill(session, {}, [done('2023-01-01', '2023-02-01')])
    expect(await seenBy(new Watching([], []))).toEqual([ended])
    const open = await seedBackfill(session, {}, [{ from: '2023-02-01', to: '2023-03-01' }])
    const newest = await seedBackfill(session, {}, [done('2023-03-01', '2023-04-01')])
    expect(await seenBy(new Watching([], []))).toEqual([open])
    expect(await seenBy(new Watching([ended, newest], []))).toEqual([ended, newest])

    await using working = await database.open()
    await using worker = await seedWorker(working)
    const live = await seedBackfill(session, {}, [
      { from: '2023-05-01', to: '2023-06-01', worker: worker.run },
    ])
    const watching = new Watching([], [])
    expect(await seenBy(watching)).toEqual([live])
    await using joining = await database.open()
    await using joined = await seedWorker(joining, ['backfill', 'work', String(open)])
    expect(joined.run).toBeGreaterThan(live)
    expect(await seenBy(watching)).toEqual([open, live])
    // What was watched is watched to its end.
    await session.run(
      `UPDATE dwh.chunks SET worker = NULL, claimed_at = NULL, ended_at = now(), outcome = 'done' WHERE worker IS NOT NULL`,
    )
    expect(await seenBy(watching)).toEqual([open, live])
  })

  test('a single year is told by month, a single month by day, and --years chooses', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const periodsOf = async (watching: Watching) =>
      (await watching.look(session))?.backfills[0]?.datasets[0]?.periods.map(({ period, state }) => [
        period,
        state,
      ])
    const month = await seedBackfill(session, {}, [
      done('2023-01-01', '2023-01-02'),
      { from: '2023-01-02', to: '2023-01-03' },
    ])
    expect(await periodsOf(new Watching([month], []))).toEqual([
      ['2023-01-01', 'done'],
      ['2023-01-02', 'planned'],
    ])
    const year = await seedBackfill(session, {}, [
      done('2022-01-01', '2022-02-01'),
      { from: '2022-03-01', to: '2022-04-01' },
    ])
    expect(await periodsOf(new Watching([year], []))).toEqual([
      ['2022-01', 'done'],
      ['2022-03', 'planned'],
    ])
    const years = await seedBackfill(session, {}, [
      done('2020-01-01', '2021-01-01'),
      done('2021-01-01', '2022-01-01'),
    ])
    expect(await periodsOf(new Watching([years], [2021, 2019]))).toEqual([
      ['2019', 'none'],
      ['2021', 'done'],
    ])
    const whole = await seedBackfill(session, {}, [{ dataset: 'stations', from: null, to: null }])
    expect(await periodsOf(new Watching([whole], []))).toEqual([[null, 'planned']])
  })
})
