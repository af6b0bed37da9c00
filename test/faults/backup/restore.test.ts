import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startServer, stopServer } from '../../../src/postgres/server/server.ts'
import { throwAway } from '../../../src/postgres/server/temporary.ts'
import { Session } from '../../../src/postgres/session.ts'
import {
  dumped,
  restore,
  restoreOptions,
  restoreSite,
  restoreWords,
  richDatabase,
  type Site,
} from '../../backup/restore/fixture.ts'
import { dwh, ended, type Moment, startDwh } from '../../support/cli.ts'
import { databaseTemplate } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { ownServer } from '../../support/own-server.ts'
import { server } from '../../support/servers.ts'
import { untilStopped } from '../../support/until.ts'
import { quietWork } from '../../support/work.ts'

const template = databaseTemplate(server, richDatabase)

const started = (step: string): Moment => ({ type: 'step', step, state: 'started' })
const done = (step: string): Moment => ({ type: 'step', step, state: 'done' })

/** Every moment at which a restore may be killed, and whether the live name has been given to the restored rows by then. */
const moments: [name: string, at: Moment, exchanged: boolean][] = [
  ['before the files are verified', started('verify'), false],
  ['before the database is made', started('structure'), false],
  ['when its structure is whole', done('structure'), false],
  ['between two tables', { type: 'progress', step: 'data' }, false],
  ['when all rows are there', done('data'), false],
  ['while indexes are built', started('indexes and constraints'), false],
  ['when indexes are built', done('indexes and constraints'), false],
  ['within analyze', { type: 'progress', step: 'analyze' }, false],
  ['within the proof', { type: 'progress', step: 'proof' }, false],
  ['when it is proved', done('proof'), false],
  ['before the ledger is merged', started('ledger'), false],
  ['before the exchange', started('exchange'), false],
  ['behind the exchange, before it is written down', done('exchange'), true],
]
const sample = [
  'between two tables',
  'when indexes are built',
  'behind the exchange, before it is written down',
]

describe('a restore that is killed goes on', () => {
  test.each(moments.filter(([name]) => everyFault || sample.includes(name)))(
    'killed with -9 %s',
    async (_, killAt, exchanged) => {
      await using site = await restoreSite({ template: template.name })
      const before = dumped(site, site.name)
      expect(await restore(site, [], { killAt })).toMatchObject({ code: null, signal: 'SIGKILL' })
      if (!exchanged) expect(dumped(site, site.name)).toBe(before)
      const finished = await finishedFiles(site)

      const result = await restore(site, ['--json', '--block-connections'])
      expect(result).toMatchObject({ code: 0 })
      const { kept } = JSON.parse(result.stdout)
      expect(await site.databases()).toEqual([site.name, kept])
      expect(dumped(site, kept)).toBe(before)
      expect(withoutRestore(dumped(site, site.name))).toBe(withoutRestore(before))
      // What was finished is not written again.
      const files = await tableFiles(site, site.name)
      for (const [name, file] of finished) expect([name, files.get(name)]).toEqual([name, file])
    },
  )

  test.runIf(everyFault)('what a killed restore has left is dropped where it is given up', async () => {
    await using site = await restoreSite({ template: template.name })
    await restore(site, ['--into', `${site.name}_copy`], { killAt: done('structure') })
    await restore(site, [], { killAt: done('structure') })
    expect(await site.databases()).toHaveLength(3)
    const result = await restore(site, ['--anew', '--json'])
    expect(JSON.parse(result.stdout)).toMatchObject({ resumed: false, exchanged: true })
    expect(await site.databases()).toEqual([site.name, JSON.parse(result.stdout).kept, `${site.name}_copy`])
  })
})

test('of two restores of one database the second is refused', async () => {
  await using site = await restoreSite({ template: template.name })
  const child = startDwh(restoreWords(site, []), restoreOptions(site, { stopAt: started('data') }))
  const first = ended(child)
  await untilStopped(child.pid)
  expect(await restore(site)).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(
      /error LOCK_HELD session \d+ \(.*dwh restore\) is restoring .* already; nothing was changed/,
    ),
  })
  child.kill('SIGCONT')
  expect(await first).toMatchObject({ code: 0 })
})

test('Ctrl-C leaves what is done, and the live database', async () => {
  await using site = await restoreSite({ template: template.name })
  const stopped = await restore(site, [], { interruptAt: { type: 'progress', step: 'data' } })
  expect(stopped).toMatchObject({
    code: 130,
    stderr: expect.stringMatching(
      new RegExp(
        `error INTERRUPTED .*; ${site.name} is as it was, what is done so far is kept in [\\s\\S]*it resumes`,
      ),
    ),
  })
  expect(await restore(site)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('of them by an earlier attempt'),
  })
})

test('a disk that is full in the middle', async (context) => {
  using disk = smallDisk('24m')
  if (!disk) return context.skip('only root may mount a small disk')
  // Its own, because a server with a full tablespace makes no checkpoint any more.
  await using own = await ownServer(server.binaries)
  await using site = await restoreSite({
    template: template.name,
    prepare: (session) =>
      session.run(
        `INSERT INTO public.facts SELECT date '2022-01-01' + n % 700, NULL, n, repeat(md5(n::text), 4) FROM generate_series(10000, 120000) AS n`,
      ),
  })
  const { uid, gid } = statSync(own.target.host)
  chownSync(disk.folder, uid, gid)
  await using session = await Session.open(own.target, 'dwh test', quietWork())
  await session.run(`CREATE TABLESPACE small LOCATION '${disk.folder}'`)
  const options = restoreOptions({ ...site, target: { ...own.target, database: 'brought' } })
  const words = [...restoreWords(site, []), '--trust', '--tablespace', 'small']
  const full = await dwh(words, options)
  expect(full).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /error DISK_FULL [\s\S]*; brought is as it was, what is done so far is kept in .*\nhint .*it resumes/,
    ),
  })
  disk.grow('200m')
  expect(await dwh(words, options)).toMatchObject({ code: 0, stderr: expect.stringContaining('resume') })
  await using brought = await Session.open({ ...own.target, database: 'brought' }, 'dwh test', quietWork())
  expect(await brought.one('SELECT count(*) AS facts FROM public.facts')).toEqual({ facts: 120_001 })
})

/** Undefined where nobody may mount one. */
function smallDisk(size: string): ({ folder: string; grow(size: string): void } & Disposable) | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]).status === 0
  const disk = {
    folder,
    grow: (larger: string) => void spawnSync('mount', ['-o', `remount,size=${larger}`, folder]),
    [Symbol.dispose]: () => {
      spawnSync('umount', ['--lazy', folder])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  if (isMounted) return disk
  disk[Symbol.dispose]()
  return undefined
}

test('a server that is killed in the middle of the rows', async () => {
  const work = quietWork()
  await using own = await ownServer(server.binaries)
  await using site = await restoreSite({ template: template.name })
  const options = restoreOptions({ ...site, target: { ...own.target, database: 'postgres' } }, {})
  const at = { ...options, env: { ...options.env, PGDATABASE: 'brought' } }
  const words = [...restoreWords(site, []), '--trust']
  const child = startDwh(words, { ...at, stopAt: { type: 'progress', step: 'data' } })
  const first = ended(child)
  await untilStopped(child.pid)
  await stopServer(own.folder, work, 'immediate')
  await startServer(own.folder, work, { binaries: server.binaries, settings: throwAway })
  child.kill('SIGCONT')
  expect(await first).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/error SERVER_WENT_AWAY [\s\S]*it resumes/),
  })
  expect(await dwh(words, at)).toMatchObject({ code: 0 })
  await using session = await Session.open({ ...own.target, database: 'brought' }, 'dwh test', work)
  expect(await session.one('SELECT count(*) AS facts FROM public.facts')).toEqual({ facts: 10_000 })
})

/** The restored ledger has a run more, and has passed over numbers. */
function withoutRestore(dump: string): string {
  return dump
    .replace(/^COPY dwh\.runs [\s\S]*?^\\\.$/m, '')
    .replace(/^SELECT pg_catalog\.setval\('dwh\..*$/gm, '')
}

/** The files of the tables that an unfinished restore has finished, by their names. */
async function finishedFiles(site: Site): Promise<Map<string, string>> {
  const made = (await site.databases()).find((name) => name.startsWith(`${site.name}_restore_`))
  if (!made) return new Map()
  await using session = await site.open(made)
  const { has } = await session.one<{ has: boolean }>(
    "SELECT to_regclass('dwh_restore.done') IS NOT NULL AS has",
  )
  if (!has) return tableFiles(site, made)
  const rows = await session.rows<{ name: string }>('SELECT table_name AS name FROM dwh_restore.done')
  const files = await tableFiles(site, made)
  return new Map(rows.map(({ name }) => [name, files.get(name) as string]))
}

async function tableFiles(site: Site, database: string): Promise<Map<string, string>> {
  await using session = await site.open(database)
  const rows = await session.rows<{ name: string; file: string }>(
    `SELECT format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) AS name, c.relfilenode::text AS file
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%'`,
  )
  return new Map(rows.map(({ name, file }) => [name, file]))
}
