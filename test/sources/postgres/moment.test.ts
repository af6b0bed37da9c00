import { describe, expect, test } from 'vitest'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { leftovers } from '../../load/loading.ts'
import { databaseTemplate } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { quietWork } from '../../support/work.ts'
import { datasetOf, type PipingPlace, pipingPlace, wish } from './piping.ts'

const tables = `
  CREATE TABLE public.invoice (id bigint PRIMARY KEY, at date, amount numeric, updated_at timestamptz);
  CREATE TABLE public.payment (id bigint PRIMARY KEY, at date, amount numeric, updated_at timestamptz)`
const seeded = `${tables};
  INSERT INTO public.invoice SELECT n, date '2024-01-01' + n % 60, n, timestamptz '2024-03-01Z' + n * interval '1 s' FROM generate_series(1, 20000) AS n;
  INSERT INTO public.payment SELECT * FROM public.invoice`

const dataset = (name: string) => datasetOf({ target: `public.${name}`, key: 'id', recency: 'updated_at' })
const [invoice, payment] = [dataset('invoice'), dataset('payment')]
const at = { connection: 'source', window_column: 'at' }
const [january, february] = [wish('2024-01-01', '2024-02-01'), wish('2024-02-01', '2024-03-01')]

describe('another server', () => {
  const source = databaseTemplate(server, (session) => session.run(seeded))
  const target = databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(tables)
  })
  const place = () => pipingPlace([server, server], { source, target })

  test('is read as of one moment, whichever tables, windows and hands read it', async () => {
    await using scene = await place()
    const writes = () =>
      scene.there.run(
        'UPDATE public.invoice SET amount = -1; UPDATE public.payment SET amount = -1; DELETE FROM public.payment WHERE id % 2 = 0',
      )
    const first = await scene.pipe(invoice, { ...at, table: 'public.invoice' }, january)
    await writes()
    const all = await Promise.all([
      scene.fetch({ ...at, table: 'public.invoice' }, february).then(loadWith(scene, invoice)),
      scene.fetch({ ...at, table: 'public.payment' }, january).then(loadWith(scene, payment)),
    ])
    const rest = await scene.pipe(payment, { ...at, table: 'public.payment' }, february)
    expect([first, ...all, rest].map(({ inserted }) => inserted)).toEqual([10343, 9657, 10343, 9657])
    const sum = (table: string) => scene.here.one(`SELECT sum(amount)::int AS sum FROM public.${table}`)
    expect([await sum('invoice'), await sum('payment')]).toEqual([{ sum: 200010000 }, { sum: 200010000 }])
    // A window that wants its own moment sees what was written.
    const now = await scene.pipe(payment, { ...at, table: 'public.payment', snapshot: 'window' }, february, {
      again: true,
    })
    expect(now.records).toBeLessThan(9657)
  })

  test('lends a session to one window after the other, which locks nothing between them and may be ended', async () => {
    await using scene = await place()
    const readers = () =>
      scene.there.rows<{ pid: number; state: string; locks: number }>(
        `SELECT a.pid, a.state, (SELECT count(*)::int FROM pg_locks AS l WHERE l.pid = a.pid AND l.locktype = 'relation') AS locks
           FROM pg_stat_activity AS a WHERE datname = current_database() AND application_name = 'dwh source'`,
      )
    const pipe = (days: typeof january) => scene.pipe(invoice, { ...at, table: 'public.invoice' }, days)
    expect(await pipe(january)).toMatchObject({ inserted: 10343, notes: [] })
    const first = await readers()
    expect(first).toMatchObject([{ state: 'idle', locks: 0 }])
    expect(await pipe(wish('2024-02-01', '2024-02-11'))).toMatchObject({ notes: [] })
    expect(await readers()).toEqual(first)
    await scene.there.run('SELECT pg_terminate_backend($1, 10000)', [first[0]?.pid ?? 0])
    expect(await pipe(wish('2024-02-11', '2024-03-01'))).toMatchObject({ notes: [] })
    expect(await readers()).toHaveLength(1)
    expect(await scene.here.one('SELECT count(*)::int AS n FROM public.invoice')).toEqual({ n: 20000 })
  })

  test('may end the session that keeps the moment: the next window says so and goes on', async () => {
    await using scene = await place()
    await scene.pipe(invoice, { ...at, table: 'public.invoice' }, january)
    await scene.there.run(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dwh source snapshot'",
    )
    const piped = await scene.pipe(invoice, { ...at, table: 'public.invoice' }, february)
    expect(piped.inserted).toBe(9657)
    expect(piped.notes.join()).toMatch(
      /the session that kept its state was ended; from here on rows are read as of a later moment/,
    )
  })

  test('goes away in the middle: SOURCE_FAILED, and nothing is visible', async () => {
    await using scene = await place()
    await scene.there.run(slow)
    const failed = scene.pipe(invoice, { connection: 'source', table: 'public.slow' }, wish())
    failed.catch(() => {})
    await untilCopying(scene)
    await scene.there.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'",
    )
    await expect(failed).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
      message: expect.stringMatching(/terminat/),
    })
    await nothingHere(scene)
  })

  test('is left alone at once when the work is interrupted', async () => {
    await using scene = await place()
    await scene.there.run(slow)
    const work = quietWork()
    const failed = scene.pipe(
      invoice,
      { connection: 'source', table: 'public.slow' },
      wish(),
      {},
      undefined,
      work,
    )
    failed.catch(() => {})
    await untilCopying(scene)
    work.interrupt()
    await expect(failed).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await nothingHere(scene)
    await expect
      .poll(() =>
        scene.there.rows(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'",
        ),
      )
      .toEqual([])
  })

  test('has a query that fails in the middle: INPUT_BROKEN, and nothing is visible', async () => {
    await using scene = await place()
    await scene.there.run(
      'CREATE VIEW public.broken AS SELECT id, at, 1 / (id - 15000)::numeric AS amount, updated_at FROM public.invoice',
    )
    const failed = scene.pipe(invoice, { connection: 'source', table: 'public.broken' }, wish())
    await expect(failed).rejects.toMatchObject({
      code: 'INPUT_BROKEN',
      message: expect.stringMatching(/division by zero/),
    })
    await nothingHere(scene)
  })
})

const slow = `CREATE VIEW public.slow AS
  SELECT id, at, amount + CASE WHEN id > 10000 THEN length(pg_sleep(0.05)::text) ELSE 0 END AS amount, updated_at FROM public.invoice`

const loadWith =
  (scene: PipingPlace, dataset: typeof invoice) => (fetched: Awaited<ReturnType<PipingPlace['fetch']>>) =>
    scene.load(dataset, fetched)

async function untilCopying({ there }: PipingPlace): Promise<void> {
  await expect
    .poll(
      () =>
        there.rows(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%binary%' AND state = 'active'",
        ),
      { timeout: 20_000 },
    )
    .toHaveLength(1)
}

async function nothingHere({ here }: PipingPlace): Promise<void> {
  expect(await here.rows('SELECT FROM public.invoice LIMIT 1')).toEqual([])
  expect(await leftovers(here)).toEqual([])
  expect(await here.rows("SELECT state FROM dwh.load_states WHERE state = 'done'").catch(() => [])).toEqual(
    [],
  )
}
