import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planReindex } from '../../src/maintain/reindex.ts'
import type { Session } from '../../src/postgres/session.ts'
import { loadWarehouse } from '../../src/warehouse/load.ts'
import { told } from '../partitions/sealing.ts'
import { dwh, dwhDone, ended, startDwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'
import { sales, salesDatasets } from './fixture.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)
const small = { min_size: '64 kB' }

/** 2022 sound, 2023 and 2024 without every second row, 2025 without all but the first. */
async function bloated(session: Session): Promise<void> {
  await sales(session, 8000)
  await session.run(`
    ANALYZE public.sales;
    DELETE FROM public.sales WHERE day < '2025-01-01' AND day >= '2023-01-01' AND id % 2 = 0;
    DELETE FROM public.sales WHERE day >= '2025-01-01' AND id % 100000 > 2000`)
  await session.run('VACUUM (TRUNCATE false, ANALYZE) public.sales')
}

const template = databaseTemplate(server, bloated)

interface TaskJson {
  subject: string
  outcome: string
  reason: string
  plan: string
  before: { bytes: number; rows: number }
  after: { method: string; freed: number; bytes: number; rows: number }
}

const tasksOf = (stdout: string) =>
  Object.fromEntries(
    (JSON.parse(stdout).tasks as TaskJson[]).map((task) => [task.subject.replace(/"public"\.|"/g, ''), task]),
  )

test('what is measured decides: nothing, VACUUM, VACUUM FULL, and who keeps dead rows is named', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  await using session = await database.open()
  using mild = testWarehouse({ datasets: salesDatasets, maintenance: small })
  const dry = await dwhDone(['maintain', 'rewrite', '--dry-run', '--json'], mild.at(database.target))
  expect(tasksOf(dry.stdout)).toMatchObject({
    sales_2022: { idle: 'nothing', plan: like(/^only \d+ % of it is free by estimate/) },
    sales_2023: {
      idle: null,
      plan: like(
        /^VACUUM: (4\d|5\d) % of it is free by estimate .*pg_repack: its extension is not in this database; VACUUM FULL: allow_blocking is not set/,
      ),
    },
    sales_2025: { plan: like(/^VACUUM: .* at its end, where VACUUM gives it back$/) },
  })

  await session.run('CREATE EXTENSION pgstattuple SCHEMA public')
  using blocking = testWarehouse({ datasets: salesDatasets, maintenance: { ...small, allow_blocking: true } })
  const at = blocking.at(database.target)
  await dwhDone(['partitions', 'seal', 'sales', 'sales_2023', '--yes'], at)
  // Who looks at an old snapshot keeps what was deleted since.
  await using reader = await database.open('old reader')
  await reader.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await reader.rows('SELECT count(*) FROM public.clients')
  await session.run("DELETE FROM public.sales WHERE day >= '2024-01-01' AND day < '2025-01-01'")
  const done = await dwhDone(['maintain', 'rewrite', '--yes', '--json'], at)
  const tasks = tasksOf(done.stdout)
  expect(tasks).toMatchObject({
    sales_2022: { outcome: 'nothing', reason: like(/^only \d+ % of it is free \(.*\) or dead/) },
    sales_2023: {
      outcome: 'done',
      reason: like(/^VACUUM FULL freed/),
      before: { rows: 4000 },
      after: { rows: 4000, method: 'full' },
    },
    sales_2024: {
      outcome: 'done',
      reason: like(
        /^VACUUM freed only .*: session \d+ \(.*old reader.*\) still sees rows of \d+ transactions? ago$/,
      ),
    },
    sales_2025: { outcome: 'done', after: { method: 'vacuum' }, reason: like(/^VACUUM freed/) },
  })
  expect(tasks.sales_2023?.after.freed).toBeGreaterThan((tasks.sales_2023?.before.bytes ?? 0) / 3)
  expect(tasks.sales_2025?.after.freed).toBeGreaterThan((tasks.sales_2025?.before.bytes ?? 0) / 3)
  // Rewritten, proved by its hash and sealed again.
  expect(await told(session)).toEqual(['sales_2023: sealed'])
  await reader.run('ROLLBACK')
})

test.skipIf(!existsSync('/usr/lib/postgresql/15/bin/pg_repack'))(
  'pg_repack is used where extension and client agree, and what a killed one has left is cleared',
  async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('CREATE EXTENSION pg_repack; CREATE EXTENSION pgstattuple SCHEMA public')
    using warehouse = testWarehouse({
      datasets: salesDatasets,
      maintenance: { ...small, allow_blocking: true },
    })
    const at = warehouse.at(database.target)
    const words = ['maintain', 'rewrite', '--yes', '--json']

    // pg_repack goes on when dwh is killed: the next run ends it, and takes away what it leaves.
    const working = (run: number) =>
      `SELECT FROM pg_stat_activity WHERE application_name = 'dwh pg_repack ${run}' AND datname = current_database()`
    await using old = await database.open()
    await old.run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.clients')
    const killed = startDwh(words, at)
    const end = ended(killed)
    await until(
      session,
      "SELECT FROM pg_class WHERE relname = 'table_' || 'public.sales_2023'::regclass::oid",
    )
    killed.kill('SIGKILL')
    await end
    await session.run("INSERT INTO public.sales VALUES (9, '2023-05-05', 1, 1, 'written meanwhile')")
    expect(await session.rows(working(1))).toHaveLength(2)
    const next = ended(startDwh(words, at))
    await until(session, `SELECT WHERE NOT EXISTS (${working(1)})`)
    await old.run('ROLLBACK')
    const done = await next
    const all = JSON.parse(done.stdout).tasks as TaskJson[]
    expect(all.find(({ outcome }) => outcome === 'done')).toMatchObject({
      subject: '"public"."sales_2023"',
      reason: 'what a killed pg_repack has left is gone',
    })
    expect(tasksOf(done.stdout)).toMatchObject({
      sales_2023: {
        outcome: 'done',
        reason: like(/^pg_repack freed/),
        before: { rows: 4001 },
        after: { rows: 4001, method: 'repack' },
      },
      sales_2024: { outcome: 'done', after: { method: 'repack' } },
    })
    expect(
      await session.rows(
        `SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          WHERE n.nspname = 'repack' AND c.relname ~ '^(log|table)_' UNION ALL
         SELECT tgname FROM pg_trigger WHERE tgname = 'repack_trigger'`,
      ),
    ).toEqual([])

    // Somebody in the way: it says so, and nothing is left behind.
    await session.run(
      "DELETE FROM public.sales WHERE day >= '2023-01-01' AND day < '2024-01-01' AND id % 4 = 1; ANALYZE public.sales_2023",
    )
    await using writer = await database.open()
    await writer.run('BEGIN; LOCK TABLE public.sales_2023 IN ROW EXCLUSIVE MODE')
    const stopped = await dwh(['maintain', 'rewrite', '--yes', '--json', '--timeout', '2s'], at)
    expect(stopped).toMatchObject({ code: 1, stderr: like(/TIMED_OUT/) })
    expect(tasksOf(stopped.stdout)).toMatchObject({
      sales_2023: { outcome: 'stopped', reason: like(/^2 seconds are over/) },
    })
    await writer.run('ROLLBACK')
  },
)

test('what a killed rebuild has left is dropped, but not what somebody has made an index of since the plan', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  await using session = await database.open()
  await session.run(`
    CREATE INDEX sales_2022_note_ccnew ON public.sales_2022 (note);
    CREATE INDEX sales_2023_note_ccold1 ON public.sales_2023 (note);
    CREATE INDEX note_ccnew ON public.sales_2024 (note);
    UPDATE pg_index SET indisvalid = false WHERE indexrelid = ANY (ARRAY['public.sales_2022_note_ccnew'::regclass, 'public.sales_2023_note_ccold1'])`)
  using folder = testWarehouse({ datasets: salesDatasets })
  const warehouse = loadWarehouse(join(folder.folder, 'dwh.yaml'))
  const work = quietWork()
  const scene = { session, work, warehouse, datasets: warehouse.datasets, tablespace: undefined, planned: [] }
  const tasks = (await planReindex(scene)).filter(({ idle }) => !idle)
  expect(tasks.map(({ subject }) => subject)).toEqual([
    '"public"."sales_2022_note_ccnew"',
    '"public"."sales_2023_note_ccold1"',
  ])
  await session.run(
    "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'public.sales_2022_note_ccnew'::regclass",
  )
  const ends = []
  for (const task of tasks) ends.push((await task.run({ session, work, run: 1 })).outcome)
  expect(ends).toEqual(['nothing', 'done'])
  expect(
    await session.one(
      "SELECT string_agg(relname, ' ' ORDER BY relname) AS left FROM pg_class WHERE relname ~ '_cc(new|old)'",
    ),
  ).toEqual({ left: 'note_ccnew sales_2022_note_ccnew' })
})
