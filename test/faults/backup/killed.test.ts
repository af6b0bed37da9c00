import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BackupFolder } from '../../../src/backup/folder.ts'
import { verifyBackup } from '../../../src/backup/verify.ts'
import type { Session } from '../../../src/postgres/session.ts'
import { sql } from '../../../src/postgres/sql-files.ts'
import { backUp, backupsFolder, provedNow, provedThen, sales, warehouse } from '../../backup/fixture.ts'
import { seal } from '../../partitions/sealing.ts'
import { dwh, dwhDone, type Moment } from '../../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { fc } from '../../support/random.ts'
import { server } from '../../support/servers.ts'
import { targetEnvironment } from '../../support/warehouse.ts'
import { quietWork } from '../../support/work.ts'

const started = (step: string) => ({ type: 'step', step, state: 'started' }) as const
const done = (step: string) => ({ type: 'step', step, state: 'done' }) as const
const ran = (text: string) => ({ type: 'statement', sql: text }) as const

const faults: { where: string; at: Moment; complete?: boolean }[] = [
  { where: 'before the snapshot', at: started('snapshot') },
  { where: 'under its locks', at: ran(sql('backup/take_snapshot').text) },
  { where: 'before the dump', at: started('dump and proof') },
  { where: 'within the dump', at: { type: 'progress', step: 'dump and proof', done: 2 } },
  { where: 'at the end of the dump', at: { type: 'progress', step: 'dump and proof', done: 9 } },
  { where: 'after the dump', at: done('dump and proof') },
  { where: 'before it is published', at: started('publish') },
  { where: 'after it is published', at: done('publish'), complete: true },
]
const sample = fc.sample(fc.shuffledSubarray(faults, { minLength: 2, maxLength: 2 }), 1)[0] ?? []

async function sealed(session: Session): Promise<void> {
  await warehouse(session)
  await seal(session, sales, 'sales_2024_01')
}

describe('a backup that is killed is complete or absent, and the next one clears up', () => {
  const template = databaseTemplate(server, sealed)

  test.each(everyFault ? faults : sample)('killed with -9 $where', async ({ at, complete = false }) => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using backups = backupsFolder()
    const folder = new BackupFolder(backups.path)
    const options = { env: targetEnvironment(database.target) }
    const create = ['backup', 'create', '--yes', '--name', 'b', '--folder', backups.path]
    expect(await dwh(create, { ...options, killAt: at })).toMatchObject({ signal: 'SIGKILL' })
    const { backups: left, damaged } = await folder.list()
    expect({ left: left.length, damaged }).toEqual({ left: complete ? 1 : 0, damaged: [] })
    expect(existsSync(join(backups.path, '.lock'))).toBe(true)
    await dwhDone(create, options)
    const { backups: all } = await folder.list()
    expect(all).toHaveLength(complete ? 2 : 1)
    for (const { name } of all)
      expect(await verifyBackup(folder, quietWork(), name)).toMatchObject({ damages: [] })
    const tables = (all[0]?.manifest.tables ?? []).filter(({ schema }) => schema !== 'dwh')
    expect(provedThen(tables)).toEqual(await provedNow(session, tables))
    // Neither drafts, nor packs that nobody refers to, nor the lock, nor the note of the failure.
    const packs = new Set(
      all.flatMap(({ manifest }) => Object.keys(manifest.references).map((path) => path.split('/')[1])),
    )
    expect(readdirSync(backups.path).toSorted()).toEqual(
      [...all.map(({ name }) => name), 'sealed'].toSorted(),
    )
    expect(readdirSync(join(backups.path, 'sealed'))).toEqual([...packs])
  })
})

test('a backup that is interrupted ends with 130 and leaves a note', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await warehouse(session)
  using backups = backupsFolder()
  const create = ['backup', 'create', '--yes', '--name', 'b', '--folder', backups.path]
  expect(
    await dwh(create, { env: targetEnvironment(database.target), interruptAt: started('dump and proof') }),
  ).toMatchObject({ code: 130, stderr: expect.stringMatching(/error INTERRUPTED/) })
  expect(readdirSync(backups.path)).toEqual(['failed'])
})

describe('prune that is killed', () => {
  test.each(everyFault ? [0, 1] : [1])(
    'after %i removals leaves what it would have left, or more',
    async (removals) => {
      using backups = backupsFolder()
      const folder = new BackupFolder(backups.path)
      {
        await using database = await freshDatabase(server)
        await using session = await database.open()
        await sealed(session)
        for (let n = 0; n < 3; n++) await backUp(session, backups.path)
      }
      const names = (await folder.list()).backups.map(({ name }) => name)
      const prune = [
        'backup',
        'prune',
        '--yes',
        '--daily',
        '0',
        '--weekly',
        '0',
        '--monthly',
        '0',
        '--folder',
        backups.path,
      ]
      const nth = { type: 'step', step: `remove ${names[removals + 1]}`, state: 'done' } as const
      const at = { env: { PGPORT: '1' } }
      expect(await dwh(prune, { ...at, killAt: nth })).toMatchObject({ signal: 'SIGKILL' })
      const left = (await folder.list()).backups.map(({ name }) => name)
      expect(left).toEqual([names[0], ...names.slice(2 + removals)])
      for (const name of left)
        expect(await verifyBackup(folder, quietWork(), name)).toMatchObject({ damages: [] })
      await dwhDone(prune, at)
      expect(readdirSync(backups.path).toSorted()).toEqual([names[0], 'sealed'].toSorted())
      expect(await verifyBackup(folder, quietWork(), names[0] as string)).toMatchObject({ damages: [] })
    },
  )
})
