import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { serverAccount } from '../../src/postgres/server/account.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

/** Debian's. */
const program = '/usr/sbin/pgbouncer'

interface Pooler extends AsyncDisposable {
  target: Target
}

/** pgbouncer before a database, by a socket of its own. */
async function pooler(target: Target, mode: string, more = ''): Promise<Pooler> {
  const folder = mkdtempSync(join(tmpdir(), 'pool-'))
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
${target.database} = host=${target.host} port=${target.port} user=${target.user}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = ${folder}
auth_type = any
pool_mode = ${mode}
ignore_startup_parameters = extra_float_digits
${more}
`,
  )
  // It refuses to be root.
  const nobody = serverAccount(join(folder, 'none'))
  if (nobody) for (const path of [folder, file]) chownSync(path, nobody.uid, nobody.gid)
  const child: ChildProcess = spawn(program, [file], { stdio: 'ignore', ...(nobody ?? {}) })
  const ended = once(child, 'close')
  while (!existsSync(join(folder, '.s.PGSQL.6432')) && child.exitCode === null) await sleep(20)
  return {
    target: { ...target, host: folder, port: 6432 },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}

test('behind pgbouncer: refused where connections are shared, with what mends it; at home where they are not', async (context) => {
  if (!existsSync(program)) return context.skip('pgbouncer is not installed')
  await using database = await freshDatabase(server)
  using warehouse = testWarehouse({
    schedule: { jobs: { yearly: { cron: '0 0 1 1 *', run: ['migrate status'] } } },
  })
  for (const more of ['', 'server_round_robin = 1\nmin_pool_size = 5', 'default_pool_size = 2']) {
    await using shared = await pooler(database.target, 'transaction', more)
    expect(await dwh(['schedule', 'run', '--once'], warehouse.at(shared.target))).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /error CONFIG_INVALID a connection pooler in transaction mode stands before the server.*\nhint +connect to the server itself .*pool_mode=session/,
      ),
    })
  }
  await using session = await database.open()
  expect(await session.rows("SELECT FROM pg_namespace WHERE nspname = 'dwh'")).toEqual([])

  await using own = await pooler(database.target, 'session')
  expect(await dwh(['schedule', 'run', '--once'], warehouse.at(own.target))).toMatchObject({ code: 0 })
  await session.run(
    `INSERT INTO dwh.slots (warehouse, job, due_at, planned_at) VALUES ('test', 'yearly', clock_timestamp(), clock_timestamp())`,
  )
  expect(await dwh(['schedule', 'run', '--once'], warehouse.at(own.target))).toMatchObject({ code: 0 })
  await until(session, "SELECT FROM dwh.slots WHERE outcome = 'ran' AND exit_code = 0")
  await using pooled = await Session.open(own.target, 'dwh test', quietWork())
  expect((await pooled.one<{ pid: number }>('SELECT pg_backend_pid() AS pid')).pid).not.toBe(pooled.pid)
})
