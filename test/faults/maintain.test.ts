import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { startServer, stopServer } from '../../src/postgres/server/server.ts'
import { TemporaryServer, throwAway } from '../../src/postgres/server/temporary.ts'
import { Session } from '../../src/postgres/session.ts'
import { upkeepPeriod } from '../../src/report/period.ts'
import { endings, sales, salesDatasets, salesPolicy } from '../maintain/fixture.ts'
import { dwh, dwhDone, ended, type Moment, startDwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { server } from '../support/servers.ts'
import { smallFolder } from '../support/small-disk.ts'
import { until } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)
const begun = (step: string): Partial<DwhEvent> => ({ type: 'step', step, state: 'started' })
const done = (step: string): Partial<DwhEvent> => ({ type: 'step', step, state: 'done' })
const leaf = (year: number) => `"public"."sales_${year}"`

const maintenance = { min_size: '64 kB', allow_blocking: true, archive: { keep: '1 day' } }
/** The leaf of 2022 has had its time. */
const retained = {
  ...salesDatasets,
  sales: { ...salesDatasets.sales, partition: { ...salesPolicy, retention: { keep: '3 years' } } },
}
const everyTask = ['maintain', 'monthly', '--yes', '--json']

const template = databaseTemplate(server, async (session) => {
  await sales(session)
  await session.run(`
    DELETE FROM public.sales WHERE day >= '2024-01-01' AND day < '2025-01-01' AND id % 3 > 0;
    CREATE INDEX sales_note ON public.sales (note);
    ANALYZE public.sales;
    UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.sales_2023_note_idx'::regclass`)
  await ensureLedger(session, quietWork())
})

/** What upkeep was to bring about, whatever came between. */
async function outcome(session: Session) {
  return session.one(`
    SELECT (SELECT count(*) FROM public.sales) AS rows,
           (SELECT count(*) FROM public.sales_2022_archived) AS archived,
           (SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'public.sales'::regclass) AS leaves,
           (SELECT count(*) FROM pg_index WHERE NOT indisvalid) AS invalid,
           (SELECT pg_relation_size('public.sales_2024') < 0.6 * pg_relation_size('public.sales_2023')) AS rewritten,
           (SELECT string_agg(relname, ' ') FROM pg_class WHERE relname ~ '_cc(new|old)|_dwh_' AND relnamespace <> 'dwh'::regnamespace) AS leftovers,
           (SELECT string_agg(relname || ' ' || relallvisible || '/' || relpages, ', ') FROM pg_class WHERE relname ~ '^(sales_202[345]|clients)$' AND relallvisible < relpages) AS unvacuumed`)
}

const wanted = {
  rows: 2000 + 667 + 2000,
  archived: 2000,
  leaves: 'public.sales_2023 public.sales_2024 public.sales_2025 public.sales_2026 public.sales_2027',
  invalid: 0,
  rewritten: true,
  leftovers: null,
  unvacuumed: null,
}

describe('kill -9 in a task: the same command does what is left', () => {
  const report = `report ${upkeepPeriod(new Date()).month}`
  const detach = 'ALTER TABLE "public"."sales" DETACH PARTITION "public"."sales_2022" CONCURRENTLY'
  const points: [string, Moment][] = [
    ['partitions', begun('partitions sales')],
    ['rewrite', begun('rewrite public.sales_2024')],
    ['rewritten', { type: 'statement', sql: `VACUUM (FULL) ${leaf(2024)}` }],
    ['reindex', begun('reindex public.sales_2023_note_idx')],
    ['vacuum', begun('vacuum public.sales_2025')],
    ['freeze', begun('freeze public.sales_2023')],
    ['write', begun('write sales_2022')],
    ['written', done('write sales_2022')],
    ['restore and compare', begun('restore sales_2022 and compare')],
    [
      'detached and not put aside',
      [done('restore sales_2022 and compare'), { type: 'statement', sql: detach }],
    ],
    ['retention', done('retention public.sales_2022')],
    ['report', begun(report)],
  ]
  const died = { code: null, signal: 'SIGKILL' }

  test('each run dies in another task, and the last finds nothing missing', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = testWarehouse({ datasets: retained, maintenance })
    const at = warehouse.at(database.target)
    const dies = async (killAt: Moment) => expect(await dwh(everyTask, { ...at, killAt })).toMatchObject(died)
    /** The server goes on for a run that was killed, and waits for somebody; the next run ends that, and dies in its turn. */
    const diesWaiting = async (words: string[], obstacle: string, moment: string, killAt: Moment) => {
      await using other = await database.open()
      await other.run(`BEGIN; ${obstacle}`)
      const child = startDwh([...words, '--yes'], at)
      const end = ended(child)
      await until(session, moment)
      child.kill('SIGKILL')
      expect(await end).toMatchObject(died)
      await until(session, "SELECT WHERE NOT EXISTS (SELECT FROM dwh.run_states WHERE state = 'running')")
      const working = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^dwh maintain [0-9]+$'`
      const left = (await session.rows<{ pid: number }>(working)).map(({ pid }) => pid)
      // None where it was killed between two attempts for a lock.
      expect(left.length).toBeLessThanOrEqual(1)
      const next = ended(startDwh([...words, '--yes'], { ...at, killAt }))
      await until(session, `SELECT WHERE NOT EXISTS (${working} AND pid = ANY ($1::int[]))`, [left])
      await other.run('ROLLBACK')
      expect(await next).toMatchObject(died)
    }
    await dies({ type: 'statement', sql: `VACUUM (FULL) ${leaf(2024)}` })
    await diesWaiting(
      ['maintain', 'monthly'],
      'LOCK TABLE public.sales_2023 IN ROW EXCLUSIVE MODE',
      "SELECT FROM pg_class WHERE relname = 'sales_2023_note_idx_ccnew'",
      begun('freeze public.sales_2023'),
    )
    await dies(done('write sales_2022'))
    const retention = ['maintain', 'retention']
    const [reader, isPending] = [
      'SELECT count(*) FROM public.sales',
      'SELECT FROM pg_inherits WHERE inhdetachpending',
    ]
    await diesWaiting(retention, reader, isPending, {
      ...{ type: 'statement', sql: detach.replace(/CONCURRENTLY$/, 'FINALIZE') },
    })
    await dies(begun(report))
    expect(await dwhDone(everyTask, at)).toMatchObject({ code: 0 })
    expect(await outcome(session)).toEqual(wanted)
    expect(await session.rows('SELECT state, count(*) FROM dwh.run_states GROUP BY 1 ORDER BY 1')).toEqual([
      { state: 'died', count: 7 },
      { state: 'ok', count: 1 },
    ])
    expect(readdirSync(join(warehouse.folder, 'reports'))).toEqual([`${upkeepPeriod(new Date()).month}.html`])
  })

  test.runIf(everyFault).each(points)('%s alone', async (_, killAt) => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = testWarehouse({ datasets: retained, maintenance })
    const at = warehouse.at(database.target)
    expect(await dwh(everyTask, { ...at, killAt })).toMatchObject(died)
    expect(await dwhDone(everyTask, at)).toMatchObject({ code: 0 })
    expect(await outcome(session)).toEqual(wanted)
    expect(await session.rows('SELECT state FROM dwh.run_states ORDER BY run')).toEqual([
      { state: 'died' },
      { state: 'ok' },
    ])
  })
})

/** Else the last half second of the ledger goes with the crash. */
const durable = { synchronous_commit: 'on' }

test('a server that is restarted in the middle ends one task, and the others go on', async () => {
  const work = quietWork()
  await using own = await TemporaryServer.start(work, { binaries: server.binaries, settings: durable })
  {
    await using session = await Session.open(own.target, 'dwh test', work)
    await sales(session)
  }
  using warehouse = testWarehouse({ datasets: salesDatasets })
  const words = ['maintain', 'weekly', '--yes', '--json', '--jobs', '1']
  let running: ReturnType<typeof ended>
  {
    await using session = await Session.open(own.target, 'dwh test', work)
    await session.run('BEGIN; LOCK TABLE public.sales_2023 IN SHARE UPDATE EXCLUSIVE MODE')
    running = ended(startDwh(words, warehouse.at(own.target)))
    // Within its transaction the first would look at the same moment for ever.
    await using eye = await Session.open(own.target, 'dwh test', work)
    await until(
      eye,
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'VACUUM.*sales_2023'",
    )
    await stopServer(own.folder, work, 'immediate')
    await startServer(own.folder, work, { binaries: server.binaries, settings: { ...throwAway, ...durable } })
  }
  expect(await running).toMatchObject({
    code: 5,
    stderr: like(/PARTLY_DONE 1 task of \d+ did not come to an end: vacuum public\.sales_2023/),
  })
  await using session = await Session.open(own.target, 'dwh test', work)
  const all = await endings(session)
  expect(all.filter((line) => !/: (done|nothing)$/.test(line))).toEqual(['vacuum sales_2023: failed'])
  expect(all).toContain('freeze sales_2024: done')
  expect(await session.rows('SELECT state FROM dwh.run_states')).toEqual([{ state: 'partly' }])
})

test('a lock past the ladder, a foreign key at the parent, a folder that is none, a disk that is full, a window that is over', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  await using session = await database.open()
  using warehouse = testWarehouse({ datasets: retained, maintenance })
  const at = warehouse.at(database.target)
  const archive = ['partitions', 'archive', 'sales', 'sales_2022', '--yes']

  // The folder of archives is a file: nothing but the seal has come about.
  writeFileSync(join(warehouse.folder, 'archive'), 'in the way')
  expect(await dwh(archive, at)).toMatchObject({
    code: 1,
    stderr: like(/FAILED E(EXIST|NOTDIR).*the leaf stays attached, and sealed/),
  })
  using disk = smallFolder('8k')
  if (disk) {
    using cramped = testWarehouse({
      datasets: retained,
      maintenance: { ...maintenance, archive: { folder: disk.folder } },
    })
    expect(await dwh(archive, cramped.at(database.target))).toMatchObject({
      code: 1,
      stderr: like(/DISK_FULL .*the leaf stays attached, and sealed/),
    })
  }
  expect(await session.one('SELECT count(*) AS n FROM dwh.archives')).toEqual({ n: 0 })

  // Whoever reads the table is waited for, as long as the ladder is; the next run goes on where this one stopped.
  using good = testWarehouse({ datasets: retained, maintenance })
  const here = good.at(database.target)
  {
    await using reader = await database.open()
    await reader.run('BEGIN; SELECT count(*) FROM public.sales')
    const stopped = await dwh(archive, { ...here, env: { ...here.env, DWH_LOCK_ATTEMPTS: '2' } })
    expect(stopped).toMatchObject({
      code: 6,
      stderr: like(/LOCK_HELD no lock on public\.sales, public\.sales_2022 within the ladder/),
    })
    await reader.run('ROLLBACK')
  }

  // Rows refer to the leaf: it stays, and the other tasks are done. Of a window that is over nothing is begun but leaves.
  await session.run(`
    ALTER TABLE public.sales DETACH PARTITION public.sales_2022 FINALIZE;
    ALTER TABLE public.sales ATTACH PARTITION public.sales_2022 FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
    CREATE TABLE public.returns (id bigint, day date, FOREIGN KEY (id, day) REFERENCES public.sales);
    INSERT INTO public.returns SELECT id, day FROM public.sales WHERE day < '2023-01-01' LIMIT 3`)
  const kept = await dwh(['maintain', 'partitions', 'retention', '--yes'], here)
  expect(kept).toMatchObject({
    code: 5,
    stderr: like(/retention public\.sales_2022: failed: public\.sales_2022 stays where it is: .*foreign key/),
  })
  expect(await endings(session)).toEqual(['partitions sales: done', `retention sales_2022: failed`])
  expect(await session.one('SELECT count(*) AS n FROM public.sales')).toEqual({ n: 6667 })

  const { day } = await session.one<{ day: string }>("SELECT to_char(now() - interval '3 days', 'Dy') AS day")
  using late = testWarehouse({
    datasets: retained,
    maintenance: { ...maintenance, window: `${day} 02:00-02:01 UTC` },
  })
  const closed = await dwh(['maintain', 'vacuum', '--yes'], late.at(database.target))
  expect(closed).toMatchObject({
    code: 1,
    stderr: like(/stopped: outside of the window .*, which opens 20.*TIMED_OUT/s),
  })
})

test('a role that loses its rights in the middle is not taken at its word, and one that was dropped is refused', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  await using session = await database.open()
  using warehouse = testWarehouse({ datasets: salesDatasets, maintenance: { jobs: 1 } })
  const keeper = `keeper_${database.name}`
  await session.run(`CREATE ROLE ${keeper} LOGIN IN ROLE ${database.target.user}`)
  const at = warehouse.at({ ...database.target, user: keeper })
  const words = ['maintain', 'vacuum', '--yes', '--json']
  let running: ReturnType<typeof ended>
  {
    await using other = await database.open()
    await other.run('BEGIN; LOCK TABLE public.sales_2023 IN SHARE UPDATE EXCLUSIVE MODE')
    running = ended(startDwh(words, at))
    await until(
      session,
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'VACUUM.*sales_2023'",
    )
    await session.run(`REVOKE ${database.target.user} FROM ${keeper}`)
    await other.run('ROLLBACK')
  }
  // PostgreSQL skips what the role may not VACUUM, and calls it success.
  const { code, stderr } = await running
  expect({ code, stderr }).toMatchObject({ stderr: like(/PRIVILEGE_MISSING/) })
  expect(code).not.toBe(0)
  expect(await endings(session)).not.toContain('vacuum sales_2023: done')
  await session.run(`DROP ROLE ${keeper}`)
  expect(await dwh(words, at)).toMatchObject({ code: 3, stderr: like(/LOGIN_REFUSED/) })
  await dwhDone(words, warehouse.at(database.target))
  expect(await endings(session)).toContain('vacuum sales_2023: done')
})
