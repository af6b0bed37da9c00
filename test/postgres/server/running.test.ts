import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { serverFolder } from '../../../src/postgres/server/folder.ts'
import { runningTarget, targetUrl } from '../../../src/postgres/server/running.ts'
import { startServer, stopServer } from '../../../src/postgres/server/server.ts'
import { Session } from '../../../src/postgres/session.ts'
import { place } from '../../support/place.ts'
import { fc } from '../../support/random.ts'
import { quietWork } from '../../support/work.ts'

afterEach(() => vi.unstubAllEnvs())

test('there is a target while a server is ready, and psql and we reach it, whatever its path', async () => {
  await using here = place()
  const state = join(here.env.DWH_STATE_DIR, "a '%2F#?&$x")
  mkdirSync(state, { recursive: true })
  vi.stubEnv('DWH_STATE_DIR', state)
  expect(runningTarget(here.cwd)).toBeUndefined()

  const folder = serverFolder(here.cwd)
  const work = quietWork()
  const { port } = await startServer(folder, work)
  try {
    const target = runningTarget(here.cwd)
    expect(target).toMatchObject({ host: folder, port, database: 'dwh', user: 'postgres' })
    expect(target).not.toHaveProperty('password')
    if (!target) throw new Error('no target')
    await using session = await Session.open(target, 'dwh test', work)
    expect(await session.one('SELECT 42 AS answer')).toEqual({ answer: 42 })
    const query = [targetUrl(target), '-AtXc', 'SELECT 42']
    expect(execFileSync('psql', query, { encoding: 'utf8' })).toBe('42\n')
    expect(new URL(targetUrl(target)).searchParams.get('host')).toBe(folder)
  } finally {
    await stopServer(folder, work)
  }
  expect(runningTarget(here.cwd)).toBeUndefined()
})

test('a URI holds every name and password', () => {
  const name = fc.string({ minLength: 1, unit: 'binary' })
  const socket = name.map((path) => `/${path}`)
  const target = { port: 5433, sslmode: 'disable', connectTimeout: 10 } as const
  fc.assert(
    fc.property(socket, name, name, name, (host, database, user, password) => {
      const bySocket = new URL(targetUrl({ ...target, host, database, user }))
      expect(Object.fromEntries(bySocket.searchParams)).toEqual({ host, user, port: '5433' })
      const byTcp = new URL(targetUrl({ ...target, host: '127.0.0.1', database, user, password }))
      expect([byTcp.username, byTcp.password].map(decodeURIComponent)).toEqual([user, password])
      for (const { pathname } of [bySocket, byTcp]) expect(decodeURIComponent(pathname)).toBe(`/${database}`)
    }),
  )
})
