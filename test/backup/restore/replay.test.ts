import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { dwh, dwhDone } from '../../support/cli.ts'
import { databaseTemplate } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { testWarehouse } from '../../support/warehouse.ts'
import { quietWork } from '../../support/work.ts'
import { restoreSite } from './fixture.ts'

const template = databaseTemplate(server, async (session) => {
  await ensureLedger(session, quietWork())
  await session.run('CREATE TABLE public.measures (id int PRIMARY KEY, value numeric)')
})

test('stop writes, restore, replay: what was loaded since is loaded again from its files, and the rest is named', async () => {
  await using site = await restoreSite({ template: template.name })
  using warehouse = testWarehouse(
    { backup: { folder: site.folder }, datasets: { measures: { target: 'public.measures', key: ['id'] } } },
    {
      'first.csv': 'id;value\n1;1,5\n2;2,5\n',
      'second.csv': 'id,value\n2,7\n3,3\nbad,row\n',
      'changed.csv': 'id,value\n4,4\n',
      'gone.csv': 'id,value\n5,5\n',
    },
  )
  const at = warehouse.at(site.target)
  const path = (name: string) => join(warehouse.folder, name)
  await dwhDone(['load', 'measures', 'first.csv', '--delimiter', ';', '--decimal-comma', '--yes'], at)
  await dwhDone(['load', 'measures', 'second.csv', '--max-rejects', '1', '--on-duplicate=first', '--yes'], at)
  await dwhDone(['load', 'measures', 'changed.csv', 'gone.csv', '--yes'], at)
  await dwhDone(['load', 'measures', '-', '--yes'], { ...at, input: 'id,value\n6,6\n' })
  writeFileSync(path('changed.csv'), 'id,value\n9,9\n')
  rmSync(path('gone.csv'))
  const rows = async () => {
    await using session = await site.open()
    return await session.rows('SELECT id, value FROM public.measures ORDER BY id')
  }
  const before = await rows()
  const planned = await dwhDone(['restore', '--latest', '--replay', '--dry-run', '--json'], at)
  expect(JSON.parse(planned.stdout)).toMatchObject({
    database: site.name,
    replay: [
      { file: 'first.csv', path: path('first.csv'), why: null },
      { file: 'second.csv', path: path('second.csv') },
      { file: 'changed.csv', path: path('changed.csv') },
      { file: 'gone.csv', path: null, why: expect.stringContaining(`it is not at ${path('gone.csv')}`) },
      { file: 'standard input', path: null, why: expect.stringContaining('pipe') },
    ],
  })

  // Typed elsewhere: the ledger knows where the files are.
  const restored = await dwh(['-w', path('dwh.yaml'), 'restore', '--latest', '--replay', '--yes', '--json'], {
    ...at,
    cwd: site.folder,
  })
  expect(restored).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(
      /PARTLY_DONE 3 of 5 loads are not there again: changed.csv .*another file now/,
    ),
  })
  expect(JSON.parse(restored.stdout)).toMatchObject({
    ...{ exchanged: true, ledger: { how: 'merged', restored_away: 5 } },
    replayed: [
      { file: 'first.csv', state: 'loaded' },
      { file: 'second.csv', state: 'loaded' },
      { file: 'changed.csv', state: 'left' },
      { file: 'gone.csv', state: 'left' },
      { file: 'standard input', state: 'left' },
    ],
  })
  expect(await rows()).toEqual(before.slice(0, 3))

  writeFileSync(path('changed.csv'), 'id,value\n4,4\n')
  const again = await dwh(['restore', '--replay', '--yes', '--json'], at)
  expect(again).toMatchObject({ code: 5 })
  expect(JSON.parse(again.stdout)).toMatchObject([
    { file: 'changed.csv', state: 'loaded' },
    { state: 'left' },
    { state: 'left' },
  ])
  expect(await rows()).toEqual(before.slice(0, 4))
  expect(await dwh(['restore', '--replay', '--undo'], at)).toMatchObject({ code: 2 })
  expect(await dwh(['restore', '--latest', 'measures', '--replay'], at)).toMatchObject({ code: 2 })
}, 90_000)
