import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sampleTables } from '../../src/backup/drill/sample.ts'
import type { BackedUpTable } from '../../src/backup/manifest.ts'
import { dwh } from '../support/cli.ts'
import { databaseTemplate } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { targetEnvironment, testWarehouse } from '../support/warehouse.ts'
import { forge, restoreSite, richDatabase, type Site } from './restore/fixture.ts'

const template = databaseTemplate(server, richDatabase)

const scratchDatabases = async () => {
  await using session = await server.open()
  return await session.rows("SELECT datname FROM pg_database WHERE starts_with(datname, 'dwh_drill_')")
}

const run = (site: Site, words: string[], more: object = {}) =>
  dwh([...words, '--folder', site.folder], { cwd: site.folder, env: targetEnvironment(site.target), ...more })

function receipts({ folder, backup }: Site): { [name: string]: unknown }[] {
  const place = join(folder, 'drills', backup)
  const names = readdirSync(place)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
  return names.map((name) => JSON.parse(readFileSync(join(place, name), 'utf8')))
}

test('a drill restores a backup and proves it, whole or in part, and leaves nothing but its receipt', async () => {
  await using site = await restoreSite({ template: template.name })
  const whole = await run(site, ['backup', 'drill', '--json'])
  expect(whole).toMatchObject({ code: 0 })
  const { receipt: path, ...document } = JSON.parse(whole.stdout)
  expect(path).toContain(join('drills', site.backup))
  const { kept, ...receipt } = document
  expect(kept).toBeNull()
  expect(receipts(site)).toEqual([receipt])
  expect(receipt).toMatchObject({
    ...{ format: 'dwh-drill/1', backup: site.backup, ok: true, differences: [] },
    ...{ server: { kind: 'database', version: expect.any(Number) }, ready_seconds: expect.any(Number) },
    ...{ tables: site.manifest.tables.length, drilled: site.manifest.tables.length },
    amcheck: { tables: expect.any(Number), indexes: expect.any(Number) },
  })
  expect(receipt.compared).toHaveLength(site.manifest.tables.length)
  expect(await scratchDatabases()).toEqual([])

  const listed = JSON.parse((await run(site, ['backup', 'list', '--json'])).stdout)
  expect(listed.backups).toMatchObject([{ backup: site.backup, proved: true, last_drill: { ok: true } }])

  // A part of the leaves, on a server of its own, whose other leaves stay empty.
  const part = await run(site, [
    'backup',
    'drill',
    '--latest',
    '--sample',
    '20%',
    '--server',
    'scratch',
    '--json',
  ])
  expect(part).toMatchObject({ code: 0 })
  expect(JSON.parse(part.stdout)).toMatchObject({ ok: true, server: { kind: 'scratch' } })
  const { compared } = JSON.parse(part.stdout) as { compared: { name: string }[] }
  expect(compared.filter(({ name }) => name.startsWith('facts_'))).toHaveLength(1)
  expect(compared.map(({ name }) => name)).toContain('things')
}, 90_000)

test('what differs is told with exit 4, in the receipt, and the backup counts as unproved', async () => {
  await using site = await restoreSite({ template: template.name })
  await forge(site, (manifest) => {
    for (const table of manifest.tables) if (table.name === 'facts_2023') table.hash_2 = '1'
  })
  const different = await run(site, ['backup', 'drill'])
  expect(different).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      /error CHECK_FAILED .*public.facts_2023 has other values.*\n.*dwh backup create; the receipt is/,
    ),
  })
  expect(receipts(site)).toMatchObject([{ ok: false, differences: [expect.stringContaining('facts_2023')] }])
  const { name } = site.manifest.tables.find(({ name }) => name === 'things')?.file ?? { name: '' }
  truncateSync(join(site.folder, site.backup, 'main', name), 10)
  expect(await run(site, ['backup', 'drill'])).toMatchObject({ code: 4 })
  expect(receipts(site)).toMatchObject([
    { ok: false },
    { ok: false, differences: [expect.stringContaining(name)] },
  ])
  expect(await scratchDatabases()).toEqual([])
  const listed = JSON.parse((await run(site, ['backup', 'list', '--json'])).stdout)
  expect(listed.backups).toMatchObject([{ proved: false, last_drill: { ok: false } }])
}, 60_000)

test('a killed drill is cleared away by the next one, and doctor asks for drills', async () => {
  await using site = await restoreSite({ template: template.name })
  using warehouse = testWarehouse({ backup: { folder: site.folder, drill: { every: '10 days' } } })
  const doctor = async () => {
    const { stdout } = await dwh(['doctor', '--json'], warehouse.at(site.target))
    const { questions } = JSON.parse(stdout) as { questions: { id: string }[] }
    return questions.find(({ id }) => id === 'drills')
  }
  expect(await doctor()).toMatchObject({
    answer: 'no',
    finding: 'none of 1 was ever',
    mend: { text: 'dwh backup drill' },
  })
  const killed = await run(site, ['backup', 'drill'], {
    killAt: { type: 'step', step: 'data', state: 'done' },
  })
  expect(killed).toMatchObject({ signal: 'SIGKILL' })
  expect(await scratchDatabases()).toHaveLength(1)
  const again = await run(site, ['backup', 'drill', '--sample', '1%'])
  expect(again).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/can be restored: [\s\S]*first query after/),
  })
  expect(await scratchDatabases()).toEqual([])
  expect(await doctor()).toMatchObject({ answer: 'yes', finding: 'today' })
  const old = { ...receipts(site)[0], at: new Date(Date.now() - 11 * 86_400_000).toISOString() }
  const place = join(site.folder, 'drills', site.backup)
  for (const name of readdirSync(place)) truncateSync(join(place, name), 0)
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'old.json'), JSON.stringify(old))
  expect(await doctor()).toMatchObject({ answer: 'no', finding: 'the last one 11 days ago' })
}, 90_000)

test('a sample goes round: what was proved longest ago comes first, and what is no leaf always', () => {
  const table = (name: string, isLeaf: boolean): BackedUpTable =>
    ({
      name,
      schema: 's',
      bytes: 100,
      parent: isLeaf ? { schema: 's', name: 'p', bound: 'DEFAULT' } : null,
    }) as BackedUpTable
  const tables = [table('dim', false), ...['a', 'b', 'c'].map((name) => table(name, true))]
  const drilled = (at: string, names: string[], ok = true) => ({
    ...{ at, ok, seconds: 10, bytes: 1000 },
    compared: names.map((name) => ({ schema: 's', name })),
  })
  const names = (earlier: ReturnType<typeof drilled>[], share?: number, budget?: number) =>
    sampleTables(tables, earlier, { share, budget }).map(({ name }) => name)
  expect(names([])).toEqual(['dim', 'a', 'b', 'c'])
  expect(names([], 0.01)).toEqual(['dim', 'a'])
  expect(names([drilled('2026-02', ['a']), drilled('2026-01', ['b'])], 0.4)).toEqual(['dim', 'c'])
  expect(
    names([drilled('2026-03', ['c'], false), drilled('2026-02', ['a', 'c']), drilled('2026-01', ['b'])], 0.7),
  ).toEqual(['dim', 'a', 'b'])
  // 100 bytes a second: the dimension and two leaves.
  expect(names([drilled('2026-01', ['a'])], undefined, 3)).toEqual(['dim', 'b', 'c'])
})
