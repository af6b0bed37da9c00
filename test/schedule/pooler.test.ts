import { expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { pgbouncer } from '../support/pgbouncer.ts'
import { server } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'

const noPooler = 'pgbouncer is not installed'

test('behind pgbouncer: refused where connections are shared, with what mends it; at home where they are not', async (context) => {
  await using database = await freshDatabase(server)
  using warehouse = testWarehouse({
    schedule: { jobs: { yearly: { cron: '0 0 1 1 *', run: ['migrate status'] } } },
  })
  for (const [mode, more] of [
    ['transaction', ''],
    ['transaction', 'server_round_robin = 1\nmin_pool_size = 5'],
    ['transaction', 'default_pool_size = 2'],
    ['statement', ''],
  ] as const) {
    await using shared = await pgbouncer(database.target, mode, more)
    if (!shared) return context.skip(noPooler)
    expect(await dwh(['schedule', 'run', '--once'], warehouse.at(shared.target))).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /error CONFIG_INVALID .* is a pooler that gives a session's connection to others.*nothing was changed\nhint +.*pool_mode = session/,
      ),
    })
  }
  await using session = await database.open()
  expect(await session.rows("SELECT FROM pg_namespace WHERE nspname = 'dwh'")).toEqual([])

  await using own = await pgbouncer(database.target, 'session')
  if (!own) return context.skip(noPooler)
  expect(await dwh(['schedule', 'run', '--once'], warehouse.at(own.target))).toMatchObject({ code: 0 })
  await session.run(
    `INSERT INTO dwh.slots (warehouse, job, due_at, planned_at) VALUES ('test', 'yearly', clock_timestamp(), clock_timestamp())`,
  )
  expect(await dwh(['schedule', 'run', '--once'], warehouse.at(own.target))).toMatchObject({ code: 0 })
  await until(session, "SELECT FROM dwh.slots WHERE outcome = 'ran' AND exit_code = 0")
})
