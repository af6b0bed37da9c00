import { expect, test } from 'vitest'
import { type Advice, adviseServer } from '../../src/maintain/tune/advice.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { sales, salesDatasets } from './fixture.ts'

test.each(servers)(
  'tune prints statements that $name takes, with reasons, and changes nothing',
  async (server) => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await sales(session)
    // As after years: what counts is what the server believes of its rows.
    await session.run(
      "UPDATE pg_class SET reltuples = 20000000 WHERE oid IN ('public.sales_2024'::regclass, 'public.clients'::regclass)",
    )
    using warehouse = testWarehouse({ datasets: salesDatasets })
    const at = warehouse.at(database.target)
    const settings = 'SELECT md5(string_agg(name || setting, chr(10) ORDER BY name)) AS all FROM pg_settings'
    const before = await session.one(settings)

    const { stdout } = await dwhDone(['tune', '--memory', '64 GB', '--cores', '16', '--json'], at)
    const { machine, advice } = JSON.parse(stdout) as { machine: object; advice: Advice[] }
    expect(machine).toEqual({ memory: 64 * 1024 ** 3, cores: 16 })
    expect(advice).toContainEqual({
      area: 'memory',
      statement: "ALTER SYSTEM SET shared_buffers = '16384MB'",
      why: expect.stringMatching(/^a quarter of 64\.0 GB, for .* of tables; now 256 MB$/),
      needs_restart: true,
    })
    // Of a leaf that is over nothing changes any more; the dimension is written.
    const tables = advice.filter(({ statement }) => statement.startsWith('ALTER TABLE'))
    expect(tables.map(({ statement }) => statement)).toEqual([
      'ALTER TABLE "public"."clients" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.01)',
    ])
    expect(await session.one(settings)).toEqual(before)

    // Each is taken; ALTER SYSTEM cannot be tried within a transaction, and SET takes what needs no restart.
    for (const { statement, needs_restart } of advice) {
      if (needs_restart) continue
      await session.run(
        statement
          .replace('ALTER SYSTEM SET', 'SET')
          .replace(
            /^SET (max_wal_size|checkpoint_timeout|autovacuum_vacuum_cost_limit|autovacuum_max_workers)/,
            'SET dwh.$1',
          ),
      )
    }
    const again = await dwhDone(['tune', '--memory', '64 GB', '--cores', '16'], at)
    expect(again.stdout).not.toMatch(/ALTER TABLE/)
    expect(again.stdout).toMatch(
      /^-- 64\.0 GB of memory, 16 cores\n\n-- memory\n.*SELECT pg_reload_conf\(\);\n-- then restart the server, for .*shared_buffers/s,
    )
    expect(await dwh(['tune', '--memory', 'much'], at)).toMatchObject({ code: 2 })
  },
)

test('tune raises what is too low, and is silent where more is there than it would choose', () => {
  const GB = 1024 ** 3
  const setting = (value: string | number, choices: string[] = []) => ({
    ...{ value: String(value), shown: String(value), choices, needs_restart: false },
  })
  const advised = (settings: Record<string, ReturnType<typeof setting>>) =>
    adviseServer({
      machine: { memory: 16 * GB, cores: 4 },
      settings: new Map(Object.entries(settings)),
      ...{ bytes: GB, largest: GB / 64, widestLocks: 10 },
    }).map(({ statement }) => statement)
  expect(
    advised({
      maintenance_work_mem: setting(2 * GB),
      max_wal_size: setting(64 * GB),
      max_worker_processes: setting(200),
      wal_compression: setting('zstd', ['pglz', 'zstd', 'on', 'off']),
    }),
  ).toEqual([])
  expect(
    advised({
      maintenance_work_mem: setting(GB / 1024),
      wal_compression: setting('off', ['pglz', 'on', 'off']),
    }),
  ).toEqual(["ALTER SYSTEM SET maintenance_work_mem = '64MB'", 'ALTER SYSTEM SET wal_compression = pglz'])
})
