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
})
