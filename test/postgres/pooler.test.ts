import pg from 'pg'
import { expect, test } from 'vitest'
import { refuseTransactionPooling } from '../../src/postgres/pooler.ts'
import { Session } from '../../src/postgres/session.ts'
import { backfillPlace, backfillTemplate } from '../backfill/fixture.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { pgbouncer } from '../support/pgbouncer.ts'
import { server } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const template = backfillTemplate(server)
const noPooler = 'pgbouncer is not installed'
const run = ['backfill', 'run', '--dataset', 'sales', '--from', '2024-01-01', '--to', '2024-04-01', '--yes']

test('a pooler that gives connections to others between transactions is refused, with the setting that mends it', async (context) => {
  await using database = await freshDatabase(server, { template: template.name })
  await using pooler = await pgbouncer(database.target, 'transaction')
  if (!pooler) return context.skip(noPooler)
  await using place = await backfillPlace(server, template, { target: database.target })
  const at = { ...place.at, env: { ...place.at.env, ...targetEnvironment(pooler.target) } }
  expect(await dwh(run, at)).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(
      /^error CONFIG_INVALID \S+ is a pooler that gives a session's connection to others between transactions.*nothing was changed\nhint +connect to PostgreSQL itself; or set pool_mode = session for database \S+ in pgbouncer\.ini/,
    ),
  })
  expect(await place.session.rows('SELECT FROM dwh.runs')).toEqual([])
})

test('one that gives its connections out in turn is refused too, and none of them keeps a setting', async (context) => {
  await using database = await freshDatabase(server, { template: template.name })
  await using pooler = await pgbouncer(database.target, 'transaction', 'server_round_robin = 1')
  if (!pooler) return context.skip(noPooler)
  const { host, port, database: name, user } = pooler.target
  const others = Array.from(
    { length: 3 },
    () => new pg.Client({ host, port, database: name, user } as object),
  )
  const settings =
    "SELECT pg_backend_pid() AS pid, current_setting('search_path') AS path, current_setting('lock_timeout') AS patience"
  // All at once, so that each has a connection of its own.
  const look = async () => {
    for (const other of others) await other.query('BEGIN')
    const found: { pid: number }[] = []
    for (const other of others) found.push(...(await other.query(settings)).rows)
    for (const other of others) await other.query('COMMIT')
    return found.toSorted((a, b) => a.pid - b.pid)
  }
  for (const other of others) await other.connect()
  const before = await look()
  await expect(Session.open(pooler.target, 'dwh pooled', quietWork())).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
  expect(await look()).toEqual(before)
  for (const other of others) await other.end()
})

test('one that keeps a connection for a session serves: windows come whole, and statements are cancelled', async (context) => {
  await using database = await freshDatabase(server, { template: template.name })
  await using pooler = await pgbouncer(database.target, 'session')
  if (!pooler) return context.skip(noPooler)
  await using place = await backfillPlace(server, template, { target: database.target })
  const at = { ...place.at, env: { ...place.at.env, ...targetEnvironment(pooler.target) } }
  await dwhDone([...run, '--parallel', '2'], at)
  expect(await place.session.one('SELECT count(*)::int AS n FROM public.sales')).toEqual({ n: 273 })
  const work = quietWork()
  {
    await using pooled = await Session.open(pooler.target, 'dwh pooled', work)
    const sleeping = pooled.run('SELECT pg_sleep(600)').catch((error) => error)
    await until(
      place.session,
      "SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND pid = $1",
      [pooled.pid],
    )
    work.interrupt()
    expect(await sleeping).toMatchObject({ code: 'INTERRUPTED' })
    await until(
      place.session,
      "SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid())",
    )
  }
})

test('where a second connection is refused nobody can tell, and it is asked again', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  const role = `alone_${database.name}`
  await session.run(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 1`)
  const client = async () => {
    const { host, port, database: name } = database.target
    const opened = new pg.Client({ host, port, database: name, user: role } as object)
    await opened.connect()
    return opened
  }
  const only = await client()
  try {
    for (let n = 1; n <= 2; n++)
      expect(await refuseTransactionPooling(database.target, only, client)).toMatch(
        /^nobody can tell whether \S+ is a pooler that .*: a second connection is refused: too many connections for role/,
      )
  } finally {
    await only.end()
    await session.run(`DROP ROLE ${role}`)
  }
})
