import { appendFileSync, openSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { dwh, dwhDone, ended, startDwh } from '../../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { server } from '../../support/servers.ts'
import { untilStopped } from '../../support/until.ts'
import { command, csv, header, leftovers, loadWarehouse, row, tables } from './fixture.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)
const clean = { landings: [], open: [], idle: [] }

describe('an input that breaks', () => {
  const template = databaseTemplate(server, tables)

  test('a gzip that is cut in the middle, beside a file that is whole: that one is loaded', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = loadWarehouse()
    const packed = gzipSync(csv(100_000))
    warehouse.write('cut.csv.gz', packed.subarray(0, packed.length - 1000))
    const at = warehouse.at(database.target)
    expect(await dwh(['load', 'aside', 'cut.csv.gz', 'dirty.csv', '--yes'], at)).toMatchObject({
      code: 5,
      stderr: says(/cut\.csv\.gz is cut in the middle[\s\S]*error PARTLY_DONE 1 of 2 files/),
    })
    expect(await session.rows('SELECT count(*) AS n FROM public.aside')).toEqual([{ n: 891 }])
    expect(await session.rows('SELECT input, state, error_code FROM dwh.load_states ORDER BY load')).toEqual([
      { input: 'cut.csv.gz', state: 'failed', error_code: 'INPUT_BROKEN' },
      { input: 'dirty.csv', state: 'done', error_code: null },
    ])
    expect(await leftovers(session)).toEqual(clean)
  })

  const changes = {
    truncated: (file: string) => truncateSync(file, 30_000_000),
    'written to': (file: string) => appendFileSync(file, row(1_000_001)),
    'written in place': (file: string) => writeSync(openSync(file, 'r+'), '99', 35_000_000),
  }
  test.each<keyof typeof changes>(
    everyFault ? ['truncated', 'written to', 'written in place'] : ['truncated'],
  )(
    'a file that is %s while it is read: nothing is changed, and it is loaded when it is whole',
    async (change) => {
      await using database = await freshDatabase(server, { template: template.name })
      await using session = await database.open()
      using warehouse = loadWarehouse()
      warehouse.write('dirty.csv', csv(600_000))
      const at = warehouse.at(database.target)
      const child = startDwh(command('appended', 'dirty.csv'), {
        ...at,
        stopAt: { type: 'progress', step: 'send' },
      })
      const result = ended(child)
      await untilStopped(child.pid)
      changes[change](join(warehouse.folder, 'dirty.csv'))
      child.kill('SIGCONT')
      expect(await result).toMatchObject({
        code: 1,
        stderr: says(/error INPUT_BROKEN dirty\.csv changed while it was read/),
      })
      expect(await session.rows('SELECT count(*) AS n FROM public.appended')).toEqual([{ n: 0 }])
      expect(await leftovers(session)).toEqual(clean)
      warehouse.write('dirty.csv', csv(900))
      await dwhDone(command('appended', 'dirty.csv'), at)
    },
  )

  test('rows of one key that are equally new and differ: the file is read twice, its rejects are kept once', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = loadWarehouse()
    warehouse.write(
      'tied.csv',
      `${header}${row(1)}${row(1, { client: 'last' })}${row(2)}${row(3, { amount: 'much' })}`,
    )
    const words = [...command('aside', 'tied.csv'), '--max-rejects', '1']
    const { stderr } = await dwhDone(words, warehouse.at(database.target))
    expect(stderr).toMatch(/the file is read again[\s\S]*2 inserted, 1 duplicates, 1 rejects/)
    expect(await session.rows('SELECT id, client FROM public.aside ORDER BY id')).toEqual([
      { id: 1, client: 'last' },
      { id: 2, client: 'client 2' },
    ])
    expect(await session.rows('SELECT record FROM dwh.rejects')).toEqual([{ record: 4 }])
    expect(await leftovers(session)).toEqual(clean)
  })
})
