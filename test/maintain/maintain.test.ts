import { describe, expect, test } from 'vitest'
import { dwh, dwhDone } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { endings, sales, salesDatasets } from './fixture.ts'

const like = (pattern: string | RegExp) => expect.stringMatching(pattern)
const leaves = [2022, 2023, 2024, 2025].map((year) => `sales_${year}`)

describe.each(servers)('dwh maintain on $name', (server) => {
  const template = databaseTemplate(server, (session) => sales(session))

  test('weekly makes leaves, vacuums, analyzes and freezes what needs it, and nothing the second time', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = testWarehouse({ datasets: salesDatasets })
    const at = warehouse.at(database.target)

    const dry = await dwhDone(['maintain', 'weekly', '--dry-run'], at)
    expect(dry.stdout).toMatch(/partitions +sales +create sales_2026, sales_2027\n/)
    expect(
      await session.one("SELECT to_regclass('dwh.tasks') AS tasks, to_regclass('public.sales_2026') AS leaf"),
    ).toEqual({ tasks: null, leaf: null })
    expect(await dwh(['maintain', 'vacum'], at)).toMatchObject({
      code: 2,
      stderr: like(/did you mean.*vacuum/i),
    })

    const first = await dwhDone(['maintain', 'weekly', '--yes', '--json'], at)
    expect(JSON.parse(first.stdout)).toMatchObject({ warehouse: 'test', done: 11, failed: 0, stopped: 0 })
    expect(await endings(session)).toEqual([
      ...leaves.slice(0, 4).map((leaf) => `freeze ${leaf}: done`),
      'partitions sales: done',
      'vacuum clients: done',
      'vacuum sales: done',
      ...leaves.map((leaf) => `vacuum ${leaf}: done`),
    ])
    expect(
      await session.rows(
        `SELECT relname AS name FROM pg_class WHERE relname ~ '^(sales_20..|clients)$' AND relallvisible < relpages`,
      ),
    ).toEqual([])
    expect(
      await session.rows(
        `SELECT tablename::text AS name, inherited FROM pg_stats WHERE attname = 'day' ORDER BY 1, 2`,
      ),
    ).toEqual([{ name: 'sales', inherited: true }, ...leaves.map((name) => ({ name, inherited: false }))])
    expect(await session.one('SELECT count(*) AS n, min(row_count) AS least FROM dwh.sizes')).toEqual({
      n: 7,
      least: 0,
    })

    await session.run('SELECT pg_stat_force_next_flush()').catch(() => {})
    const second = await dwhDone(['maintain', 'weekly', '--yes', '--json'], at)
    const { tasks, ...counts } = JSON.parse(second.stdout)
    expect(counts).toMatchObject({ done: 0, skipped: 0, failed: 0, nothing: tasks.length })
    expect(tasks).toHaveLength(13)
  })
})
