import { expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, log, measure } from './chunk-place.ts'

const template = chunkTemplate(server)
const like = (pattern: RegExp) => expect.stringMatching(pattern)
const month = (n: number) => ({
  from: `2024-${String(n).padStart(2, '0')}-01`,
  to: `2024-${String(n + 1).padStart(2, '0')}-01`,
})

test('a certificate, and every kind of difference', async () => {
  await using place = await chunkPlace(server, template, { measure, log })
  // The fourth month is nobody's.
  for (const n of [1, 2, 3, 5, 6]) {
    const { from, to } = month(n)
    place.put(`data/${from}.csv`, days(from, to))
  }
  const { backfill } = await place.backfill('measure', [1, 2, 3, 5, 6].map(month))
  const whole = await dwh(['backfill', 'verify', String(backfill), '--to', '2024-04-01'], place.at)
  expect(whole).toMatchObject({
    code: 0,
    stdout: like(/^3 windows of test_\w+ with 182 rows are as the ledger says, \d{4}-.*Z\n$/),
  })
  place.put('data/2024-01-01.csv', 'taken_on,line\n2024-01-05,a\n2024-01-06,b\n')
  await place.backfill('log', [month(1)])

  await place.session.run("DELETE FROM measure WHERE taken_on = '2024-01-17'")
  await place.session.run("UPDATE measure SET value = 1.5 WHERE site = 1 AND taken_on = '2024-02-17'")
  await place.session.run("INSERT INTO measure VALUES (9, '2024-05-05', 'piezo', 1)")
  await place.session.run("INSERT INTO log VALUES ('2024-01-06', 'b')")
  const found = await place.verify()
  expect(found.chunks.map(({ name, finding, rows, expected }) => [name, finding, rows, expected])).toEqual([
    ['log/probe 2024-01-01 to 2024-02-01', 'doubled', 3, 2],
    ['measure/probe 2024-01-01 to 2024-02-01', 'deleted', 60, 62],
    ['measure/probe 2024-02-01 to 2024-03-01', 'changed', 58, 58],
    ['measure/probe 2024-03-01 to 2024-04-01', 'equal', 62, 62],
    ['measure/probe 2024-05-01 to 2024-06-01', 'added', 63, 62],
    ['measure/probe 2024-06-01 to 2024-07-01', 'equal', 60, 60],
  ])
  expect(found).toMatchObject({
    gaps: [{ dataset: 'measure', from: '2024-04-01', to: '2024-05-01', why: 'never loaded' }],
    certified: { chunks: 2, rows: 122 },
    differences: 5,
  })
  const command = await dwh(
    ['backfill', 'verify', '--dataset', 'measure', '--json', '--to', '2024-08-01'],
    place.at,
  )
  expect(command).toMatchObject({ code: 4, stderr: like(/CHECK_FAILED 5 differences; 5 windows looked at/) })
  expect(JSON.parse(command.stdout)).toMatchObject({
    gaps: [{ from: '2024-04-01' }, { from: '2024-07-01', to: '2024-08-01' }],
    differences: 5,
  })
  const text = await dwh(['backfill', 'verify', '--dataset', 'measure'], place.at)
  expect(text).toMatchObject({
    code: 4,
    stdout: like(
      /measure\/probe 2024-01-01 to 2024-02-01 .* deleted +60 +62 +by no load[\s\S]*measure\/probe 2024-04-01 to 2024-05-01: never loaded/,
    ),
  })
})

test('what later chunks have written to the same days is no difference, but rows that are missing are', async () => {
  await using place = await chunkPlace(server, template, { measure })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [month(1)])
  place.put('data/2024-01-10.csv', days('2024-01-10', '2024-01-20', { value: () => 5 }))
  const day = await place.backfill('measure', [{ from: '2024-01-10', to: '2024-01-20' }])
  expect(await place.verify()).toMatchObject({
    differences: 0,
    chunks: [
      { finding: 'rewritten', note: `by chunk ${day.chunks[0]?.chunk} of backfill ${day.backfill}` },
      { finding: 'equal', rows: 20 },
    ],
    gaps: [],
  })
  await place.session.run("DELETE FROM measure WHERE taken_on = '2024-01-02'")
  expect(await place.verify()).toMatchObject({
    differences: 1,
    chunks: [{ finding: 'deleted', rows: 60, expected: 62 }, { finding: 'equal' }],
  })
})

test('a window that was withheld is a gap with its reason, and a table that is gone is told', async () => {
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, thresholds: { ...measure.thresholds, coverage: '95%' } },
    log,
  })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-05'))
  const { backfill, chunks } = await place.backfill('measure', [month(1)])
  expect(await place.verify()).toMatchObject({
    differences: 1,
    chunks: [],
    gaps: [
      {
        from: '2024-01-01',
        to: '2024-02-01',
        why: `quarantined (chunk ${chunks[0]?.chunk} of backfill ${backfill})`,
      },
    ],
  })
  place.put('data/2024-01-01.csv', 'taken_on,line\n2024-01-05,a\n')
  await place.backfill('log', [month(1)])
  await place.session.run('DROP TABLE log')
  expect(await place.verify({ datasets: ['log'] })).toMatchObject({
    differences: 1,
    chunks: [{ finding: 'deleted', rows: 0, expected: 1, note: 'the table is gone' }],
  })
})
