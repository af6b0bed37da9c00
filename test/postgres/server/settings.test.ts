import { describe, expect, test } from 'vitest'
import { renderSettings, serverSettings } from '../../../src/postgres/server/settings.ts'
import { freshDatabase } from '../../support/database.ts'
import { server, servers } from '../../support/servers.ts'

const gigabyte = 1024 ** 3

test.each([
  { memory: 0.5 * gigabyte, cores: 1 },
  { memory: 8 * gigabyte, cores: 4 },
  { memory: 512 * gigabyte, cores: 64 },
])('sized for $cores cores and $memory bytes', (machine) => {
  const { shared_buffers, maintenance_work_mem, work_mem, ...settings } = serverSettings(
    machine,
    server.binaries,
  )
  const parallel = Object.entries(settings).filter(([name]) => /parallel|worker/.test(name))
  expect({
    shared_buffers,
    maintenance_work_mem,
    work_mem,
    ...Object.fromEntries(parallel),
  }).toMatchSnapshot()
})

test('values are quoted as postgresql.conf wants them', () => {
  const [, , ...lines] = renderSettings({ a: "it's \\ here", b: 1.5, c: true, d: false })
    .trimEnd()
    .split('\n')
  expect(lines).toEqual([`a = 'it''s \\\\ here'`, 'b = 1.5', 'c = on', 'd = off'])
})

describe.each(servers)('$name', (server) => {
  test('takes every setting', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    expect(await session.rows('SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL')).toEqual([])
    const { lz4 } = server.binaries
    expect(await session.one(`SELECT current_setting('default_toast_compression') AS toast`)).toEqual({
      toast: lz4 ? 'lz4' : 'pglz',
    })
  })
})
