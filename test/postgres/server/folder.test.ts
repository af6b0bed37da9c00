import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { packageRoot } from '../../../src/package.ts'
import { serverFolder } from '../../../src/postgres/server/folder.ts'
import { startServer } from '../../../src/postgres/server/server.ts'
import { place } from '../../support/place.ts'
import { quietWork } from '../../support/work.ts'

afterEach(() => vi.unstubAllEnvs())

test('a warehouse folder has one server, wherever below it one stands and by whatever link one came', async () => {
  await using here = place()
  vi.stubEnv('DWH_STATE_DIR', here.env.DWH_STATE_DIR)
  const below = join(here.cwd, 'sql', 'facts')
  mkdirSync(below, { recursive: true })
  expect(serverFolder(below)).not.toBe(serverFolder(here.cwd))

  writeFileSync(join(here.cwd, 'dwh.yaml'), 'name: mine\n')
  symlinkSync(below, join(here.cwd, 'link'))
  expect(serverFolder(below)).toBe(serverFolder(here.cwd))
  expect(serverFolder(join(here.cwd, 'link'))).toBe(serverFolder(here.cwd))
  expect(serverFolder(here.cwd)).toMatch(
    new RegExp(`^${here.env.DWH_STATE_DIR}/servers/mywarehouse-[0-9a-f]{8}$`),
  )
})

test('folders of one name have servers of their own', async () => {
  await using one = place()
  await using other = place()
  expect(serverFolder(one.cwd)).not.toBe(serverFolder(other.cwd))
})

test('a clone is served as a whole', () => {
  expect(serverFolder(join(packageRoot, 'src', 'cli'))).toBe(serverFolder(packageRoot))
})

test('a path that is too long for a socket is refused before anything is made', async () => {
  await using here = place()
  const folder = join(here.env.DWH_STATE_DIR, 'x'.repeat(90))
  await expect(startServer(folder, quietWork())).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    hint: expect.stringContaining('DWH_STATE_DIR'),
  })
  expect(here.servers()).toEqual([])
})
