import { expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, entry, log, measure } from './chunk-place.ts'

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

  // A backfill whose windows another one has brought since lacks none of them.
  const again = await place.backfill('measure', [month(6)])
  expect(await place.verify({ backfill, from: '2024-05-01' })).toMatchObject({
    chunks: [
      { finding: 'equal' },
      {
        finding: 'rewritten',
        expected: 60,
        note: `chunk ${again.chunks[0]?.chunk} has brought the whole window since`,
      },
    ],
    gaps: [],
    differences: 0,
  })

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
    stderr: like(
      /hint +dwh backfill run --dataset measure --source probe --from 2024-01-01 --to 2024-03-01 --force; .* --from 2024-05-01 --to 2024-06-01 --force; .* --from 2024-04-01 --to 2024-05-01\n/,
    ),
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
      {
        finding: 'unproved',
        note: `by chunk ${day.chunks[0]?.chunk} of backfill ${day.backfill}, but for 2024-01-01 to 2024-01-10, 2024-01-20 to 2024-02-01: there are 42 rows as before, and whether they are the same nobody can tell`,
      },
      { finding: 'equal', rows: 20 },
    ],
    gaps: [],
  })
  // As many rows as before in all, where some were deleted beside and others came to what was rewritten.
  await place.session.run(
    "DELETE FROM measure WHERE taken_on = '2024-01-02'; INSERT INTO measure VALUES (8, '2024-01-12', 'piezo', 1), (9, '2024-01-12', 'piezo', 1)",
  )
  expect((await place.verify()).chunks).toMatchObject([
    { finding: 'unproved', note: like(/: of those nothing can be told$/) },
    { finding: 'added' },
  ])
  await place.session.run('DELETE FROM measure WHERE site > 7')
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

test('a chunk that was undone, and one of another scope, answer for no row that somebody has changed', async () => {
  const scoped = { ...measure, scope: 'theme = :theme' }
  await using place = await chunkPlace(server, template, { measure: scoped })
  const of = (theme: string) => ({ ...month(1), parameters: { theme } })
  for (const theme of ['piezo', 'temp']) {
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { theme }))
    await place.backfill('measure', [of(theme)])
  }
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { theme: 'temp', perDay: 3 }))
  const forced = await place.backfill('measure', [of('temp')], { force: true })
  await place.undo(forced.backfill)
  expect(await place.verify()).toMatchObject({ differences: 0, certified: { chunks: 2, rows: 124 } })
  await place.session.run("UPDATE measure SET value = 999 WHERE site = 1 AND taken_on = '2024-01-02'")
  await place.session.run("INSERT INTO measure VALUES (9, '2024-01-30', 'temp', 1)")
  const found = await place.verify()
  expect(found.chunks.map(({ name, finding }) => [name, finding])).toEqual([
    [like(/theme=piezo/), 'changed'],
    [like(/theme=temp/), 'added'],
  ])
})

test('a row that went to another window with its date is told from one that somebody has deleted', async () => {
  await using place = await chunkPlace(server, template, { entry })
  place.put('data/2024-01-01.csv', 'id,taken_on,line\n1,2024-01-05,a\n2,2024-01-06,b\n')
  await place.backfill('entry', [month(1)])
  place.put('data/2024-02-01.csv', 'id,taken_on,line\n2,2024-02-01,moved\n')
  const { chunks } = await place.backfill('entry', [month(2)])
  expect(await place.verify()).toMatchObject({
    chunks: [
      {
        finding: 'deleted',
        note: like(new RegExp(`^load ${chunks[0]?.load} of run .* took rows to others$`)),
      },
      { finding: 'equal' },
    ],
  })
})

test('a later chunk of other rows hides no row that somebody has changed, be they as many as before', async () => {
  const file = { kind: 'file', path: 'data/{from}.csv' }
  const sources = { probe: file, temp: { ...file, scope: "theme = 'temp'" }, day: file }
  await using place = await chunkPlace(server, template, { measure: { ...measure, sources } })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  const { chunks } = await place.backfill('measure', [month(1)])
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { theme: 'temp' }))
  await place.backfill('measure', [{ ...month(1), source: 'temp' }])
  const first = { chunk: chunks[0]?.chunk, expected: 62 }
  const balanced = "UPDATE measure SET site = site + 10 WHERE taken_on = '2024-01-05' AND theme = 'piezo'"
  const mended = "UPDATE measure SET site = site - 10 WHERE taken_on = '2024-01-05' AND theme = 'piezo'"
  const found = async () => (await place.verify()).chunks.find(({ chunk }) => chunk === first.chunk)
  expect(await found()).toMatchObject({ ...first, finding: 'rewritten', rows: 124 })
  await place.session.run(balanced)
  expect(await found()).toMatchObject({
    ...first,
    finding: 'changed',
    note: like(/by chunk \d+ of backfill \d+, and rows beside its own by no load/),
  })
  await place.session.run(mended)

  // One that was forced has kept what it found there: the days beside it are proved with that.
  place.describe({ measure: { ...measure, sources: { probe: file, day: file } } })
  await place.session.run(
    "DELETE FROM measure WHERE theme = 'temp'; DELETE FROM dwh.chunks WHERE source = 'temp'",
  )
  place.put('data/2024-01-10.csv', days('2024-01-10', '2024-01-20', { perDay: 1, value: () => 5 }))
  await place.backfill('measure', [{ from: '2024-01-10', to: '2024-01-20' }], { force: true })
  expect(await found()).toMatchObject({ ...first, finding: 'rewritten', rows: 52 })
  await place.session.run(balanced)
  expect(await found()).toMatchObject({ ...first, finding: 'changed' })
  await place.session.run(mended)

  // One that has changed nothing explains nothing.
  place.put('data/2024-03-01.csv', days('2024-03-01', '2024-04-01', { value: () => 1 }))
  place.put('data/2024-03-10.csv', days('2024-03-10', '2024-03-12', { value: () => 1 }))
  await place.backfill('measure', [month(3)])
  await place.backfill('measure', [{ from: '2024-03-10', to: '2024-03-12', source: 'day' }])
  await place.session.run("UPDATE measure SET site = site + 10 WHERE taken_on = '2024-03-20'")
  expect((await place.verify({ from: '2024-03-01' })).chunks).toMatchObject([
    { finding: 'equal', rows: 4 },
    { finding: 'changed', rows: 62, note: 'by no load' },
  ])
})
