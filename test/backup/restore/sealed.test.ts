import { expect, test } from 'vitest'
import { createBackup } from '../../../src/backup/create.ts'
import { wholeDatabase } from '../../../src/backup/scope.ts'
import { readSeals } from '../../../src/ledger/seals.ts'
import { Session } from '../../../src/postgres/session.ts'
import { datasetOf } from '../../partitions/policies.ts'
import { seal, told } from '../../partitions/sealing.ts'
import { dwh } from '../../support/cli.ts'
import { databaseTemplate } from '../../support/database.ts'
import { server, servers } from '../../support/servers.ts'
import { targetEnvironment } from '../../support/warehouse.ts'
import { quietWork } from '../../support/work.ts'
import { restore, restoreSite, richDatabase } from './fixture.ts'

const template = databaseTemplate(server, richDatabase)
const years = { key: 'day', grain: 'year', from: '2022', until: '2025', premake: 0, unknown: true }
const facts = datasetOf('public.facts', years)

test('a leaf that was sealed comes from its pack and is sealed again, under a seal of its own', async () => {
  await using site = await restoreSite({
    template: template.name,
    prepare: (session) => seal(session, facts, 'facts_2023'),
  })
  await using live = await site.open()
  await live.run("INSERT INTO public.facts VALUES ('2024-05-05', NULL, 77777, 'later')")
  const second = await createBackup(live, quietWork(), {
    ...{ folder: site.folder, name: 'second', scope: wholeDatabase, jobs: 2, compression: 'zstd', run: null },
  })
  const leaf = second.manifest.tables.find(({ name }) => name === 'facts_2023')
  expect(leaf).toMatchObject({
    file: { archive: `sealed/${site.backup}` },
    seal: expect.stringMatching(/^[0-9a-f-]{36}$/),
  })

  const copy = `${site.name}_copy`
  const result = await restore({ ...site, backup: second.name }, ['--into', copy])
  expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('sealed again: 1') })
  await using session = await site.open(copy)
  expect(await told(session)).toEqual(['facts_2023: sealed'])
  const [renewed] = await readSeals(session)
  expect(renewed?.seal).not.toBe(leaf?.seal)
  await expect(session.run("UPDATE public.facts SET label = '' WHERE day = '2023-05-05'")).rejects.toThrow(
    'is sealed',
  )
  expect(await session.one("SELECT count(*) AS later FROM public.facts WHERE label = 'later'")).toEqual({
    later: 1,
  })
})

test('a backup of PostgreSQL 15 goes into 18', async (context) => {
  const newer = servers.find(({ binaries }) => binaries.major > server.binaries.major)
  if (!newer) return context.skip('no newer PostgreSQL is installed')
  await using site = await restoreSite({ template: template.name })
  const target = await newer.target()
  const into = `${site.name}_new`
  const env = { ...targetEnvironment({ ...target, database: site.name }) }
  const words = [
    'restore',
    site.backup,
    '--folder',
    site.folder,
    '--yes',
    '--into',
    into,
    '--trust',
    '--json',
  ]
  const result = await dwh(words, { cwd: site.folder, env })
  await using other = await newer.open()
  try {
    expect(result).toMatchObject({ code: 0 })
    expect(result.stderr).toContain(`${site.manifest.tables.length} tables equal`)
    await using session = await Session.open({ ...target, database: into }, 'dwh test', quietWork())
    expect(await session.one('SELECT nextval($1) AS next', ['public.loose'])).toEqual({ next: 44 })
  } finally {
    await other.run(`DROP DATABASE IF EXISTS ${into}`)
  }
})
