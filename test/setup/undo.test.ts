import { expect, test } from 'vitest'
import { dwh, dwhDone } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { plainSales, salesWarehouse } from './fixture.ts'

const setup = ['setup', '--yes', '--no-backup']
const template = databaseTemplate(server, plainSales)

test('what an undo kept for its rows stands in the way of the next setup, which says so', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  await using session = await database.open()
  using warehouse = salesWarehouse()
  const at = warehouse.at(database.target)
  await dwhDone(setup, at)
  await session.run("INSERT INTO public.sales (sold_on, client) VALUES ('2024-01-31', 'late')")
  const undone = await dwhDone(['setup', '--undo', '--yes'], at)
  expect(undone.stderr).toMatch(/those rows are in public\.sales_after_setup only/)

  expect(await dwh(setup, at)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /TARGET_UNFIT public\.sales needs names that are taken: .*"sales_2024_01".*; nothing was changed\nhint .*"public"\."sales_after_setup".*copy what you need/,
    ),
  })
  expect(await session.one('SELECT count(*) AS rows FROM public.sales')).toEqual({ rows: 5000 })

  await session.run('DROP TABLE public.sales_after_setup')
  await dwhDone(setup, at)
  expect(
    await session.one("SELECT relkind::text FROM pg_class WHERE oid = 'public.sales'::regclass"),
  ).toEqual({
    relkind: 'p',
  })

  // What was renamed or dropped by hand meanwhile is told, and does not keep the conversion open for ever.
  const refused = (name: string) => ({
    code: 1,
    stderr: expect.stringMatching(
      `TARGET_UNFIT there is no table public.${name} any more; nothing was changed\nhint`,
    ),
  })
  await session.run('ALTER TABLE public.sales RENAME TO sold')
  expect(await dwh(['setup', '--undo', '--yes'], at)).toMatchObject(refused('sales'))
  await session.run('ALTER TABLE public.sold RENAME TO sales; DROP TABLE public.sales_before_setup')
  expect(await dwh(['setup', '--undo', '--yes'], at)).toMatchObject(refused('sales_before_setup'))
  await dwhDone(['setup', '--finish', '--yes'], at)
  expect(
    await session.one(
      'SELECT count(*) AS open FROM dwh.conversions WHERE undone_at IS NULL AND finished_at IS NULL',
    ),
  ).toEqual({
    open: 0,
  })
})

test('--dry-run --json prints the plan as one document, forwards and backwards', async () => {
  await using database = await freshDatabase(server, { template: template.name })
  using warehouse = salesWarehouse()
  const at = warehouse.at(database.target)
  const plan = async (...words: string[]) =>
    JSON.parse((await dwhDone(['setup', ...words, '--dry-run', '--json'], at)).stdout)
  const document = await plan()
  expect(document).toMatchObject({
    migrations: [
      'dwh/0001_ledger',
      'dwh/0002_loads',
      'dwh/0003_backups',
      'dwh/0004_restores',
      'dwh/0005_backfills',
      'dwh/0006_checks',
      'dwh/0007_upkeep',
      'test/0001_returns',
      'test/0002_regions',
    ],
    conversions: [{ table: 'public.sales', kept: 'public.sales_before_setup', rows: 5000, resumes: false }],
  })
  expect(document.leaves).toContain('public.returns_2024_05')
  const sql = JSON.parse((await dwhDone(['migrate', 'up', '--dry-run', '--json'], at)).stdout)
  expect(sql.sql).toContain('CREATE TABLE regions')

  await dwhDone(setup, at)
  expect(await plan('--undo')).toEqual({ to_undo: ['public.sales'] })
  expect(await plan('--finish')).toEqual({ to_drop: ['public.sales_before_setup'] })
  expect(await plan()).toMatchObject({ migrations: [], leaves: [], conversions: [], backup_folder: null })
})
