import { expect, test } from 'vitest'
import { dwh, dwhDone } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { backfillPlace, backfillTemplate, monthFile, sales } from './fixture.ts'

const template = backfillTemplate(server)

test('a window without its file is not done: it is missing until the file is there', async () => {
  await using place = await backfillPlace(server, template, { months: 1 })
  const words = ['backfill', 'run', '--dataset', 'sales', '--from', '2024-01-01', '--to', '2024-03-01']
  const first = await dwh([...words, '--yes', '--json'], place.at)
  expect(first).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(
      /2024-02-01 to 2024-03-01: attempt 1 of 4, failed: INPUT_MISSING there is no file data\/2024-02.csv of 2024-02-01/,
    ),
  })
  expect(JSON.parse(first.stdout).windows).toMatchObject([
    { state: 'done' },
    { state: 'failed', error_code: 'INPUT_MISSING' },
  ])
  const map = await dwhDone(
    ['coverage', 'sales', '--from', '2024-01-01', '--to', '2024-03-01', '--json'],
    place.at,
  )
  expect(JSON.parse(map.stdout)).toMatchObject({
    sources: [
      {
        totals: { ok: 31, missing: 29, failed: 0, thin: 0 },
        gaps: [{ state: 'missing', why: 'there is no file data/2024-02.csv of 2024-02-01 to 2024-03-01' }],
        commands: [
          'dwh backfill run --dataset sales --source shop --from 2024-02-01 --to 2024-03-01 --missing',
        ],
      },
    ],
  })
  place.put('data/2024-02.csv', monthFile('2024-02'))
  const again = await dwhDone([...words, '--missing', '--yes', '--json'], place.at)
  expect(again.stderr).toMatch(/2024-02-01 {2}2024-03-01 .*there is no file/)
  expect(JSON.parse(again.stdout)).toMatchObject({
    chunks: 1,
    done: 1,
    windows: [{ figures: { inserted: 87 } }],
  })

  // Where files may be absent a window without one is done, until the next command finds it.
  const absent = { ...sales.sources.shop, absent: 'empty' }
  place.describe({ sales: { ...sales, sources: { shop: absent } } })
  const later = [...words.slice(0, -1), '2024-04-01', '--yes', '--json']
  const empty = await dwhDone(later, place.at)
  expect(JSON.parse(empty.stdout)).toMatchObject({
    chunks: 1,
    windows: [{ state: 'done', gates: [], figures: { records: 0, absent: true } }],
  })
  place.put('data/2024-03.csv', monthFile('2024-03'))
  const found = await dwhDone(later, place.at)
  expect(found.stderr).toMatch(/2024-03-01 {2}2024-04-01 .*without its files, which were not there/)
  expect(JSON.parse(found.stdout)).toMatchObject({ chunks: 1, windows: [{ figures: { inserted: 93 } }] })
  expect((await dwhDone(later, place.at)).stderr).toMatch(/nothing to do/)
  // What was there once and is gone is no absent file.
  place.remove('data/2024-03.csv')
  const gone = await dwh([...later, '--all-windows'], place.at)
  expect(gone).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/no rows came, and 93 did the last time/),
  })
})
