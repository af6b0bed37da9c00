import { describe, expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server, servers } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, log, measure } from './chunk-place.ts'

const january = { from: '2024-01-01', to: '2024-02-01' }
const like = (pattern: RegExp) => expect.stringMatching(pattern)
const strict = { ...measure, thresholds: { ...measure.thresholds, coverage: '95%' } }
const all = 'SELECT * FROM measure ORDER BY 1, 2, 3'

describe.each(servers)('accept on $name', (server) => {
  const template = chunkTemplate(server)

  test('merges what was withheld, as its chunk would have', async () => {
    await using place = await chunkPlace(server, template, { measure: strict })
    await place.session.run(
      "CREATE TABLE measure_2024_01 PARTITION OF measure FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
    )
    await place.session.run(
      "INSERT INTO measure VALUES (1, '2024-01-03', 'piezo', 500), (9, '2024-01-30', 'piezo', 1)",
    )
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-21'))
    const { backfill, chunks } = await place.backfill('measure', [january])
    expect(await place.rows('SELECT count(*) FROM measure')).toEqual([{ count: 2 }])
    const chunk = chunks[0]?.chunk ?? 0
    const plan = await dwh(['backfill', 'accept', String(backfill), '--dry-run', '--json'], place.at)
    expect(JSON.parse(plan.stdout)).toMatchObject({
      chunks: [{ chunk, rows: 40, replaces: false, why: [like(/^coverage: 20 of 31 days/)] }],
      others: [],
    })
    const done = await dwh(
      ['backfill', 'accept', String(backfill), '--chunk', String(chunk), '--yes', '--json'],
      place.at,
    )
    expect(JSON.parse(done.stdout)).toMatchObject([{ chunk, rows: 40, inserted: 39 }])
    expect(await place.rows('SELECT count(*), max(value)::int AS most FROM measure')).toEqual([
      { count: 41, most: 39 },
    ])
    expect(
      await place.rows(
        `SELECT outcome, figures->'inserted' AS inserted, figures->'updated' AS updated, figures->'records' AS records,
                (proof->>'rows')::int AS rows FROM dwh.chunks`,
      ),
    ).toEqual([{ outcome: 'flagged', inserted: 39, updated: 1, records: 40, rows: 41 }])
    expect(await place.rows(`SELECT relname FROM pg_class WHERE relname LIKE 'dwh\\_%'`)).toEqual([])
    expect(await place.verify()).toMatchObject({ chunks: [{ finding: 'thin', rows: 41 }], gaps: [] })
    expect(await dwh(['backfill', 'accept', String(backfill), '--yes'], place.at)).toMatchObject({
      code: 0,
      stderr: like(/stays: it is flagged: nothing of it is withheld\nnothing to do/),
    })
  })
})

const template = chunkTemplate(server)

test('a forced window takes the place of what is there, which an undo brings back', async () => {
  await using place = await chunkPlace(server, template, { measure: strict })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  const before = await place.rows(all)
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-21', { perDay: 1 }))
  const { backfill, chunks } = await place.backfill('measure', [january], { force: true })
  expect(chunks).toMatchObject([{ outcome: 'quarantined' }])
  expect(await place.rows(all)).toEqual(before)
  await place.accept(backfill)
  expect(await place.rows('SELECT count(*) FROM measure')).toEqual([{ count: 20 }])
  expect(await place.generations(chunks[0]?.chunk ?? 0)).toMatchObject([
    { kind: 'withheld', gone_at: expect.any(Date) },
    { kind: 'former', rows: 62, gone_at: null, difference: { added: 0, removed: 42, changed: 19 } },
  ])
  await place.undo(backfill)
  expect(await place.rows(all)).toEqual(before)
})

test('rows that a later backfill has loaded stay, and a table that somebody dropped is told', async () => {
  await using place = await chunkPlace(server, template, { measure: strict })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-21'))
  const first = await place.backfill('measure', [january])
  const second = await place.backfill('measure', [january])
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  const third = await place.backfill('measure', [january])
  const plan = await place.accept(first.backfill)
  expect(plan).toMatchObject({
    chunks: [],
    others: [
      {
        why: `chunk ${third.chunks[0]?.chunk} of backfill ${third.backfill} has loaded days of its window since`,
      },
    ],
  })
  // So they do where it was a wider window, and where a retry has given an earlier number rows that are newer.
  await place.session.run(`UPDATE dwh.chunks SET window_to = '2024-03-01' WHERE backfill = ${third.backfill}`)
  expect((await place.accept(first.backfill)).others).toMatchObject([{ why: like(/has loaded days/) }])
  await place.session.run(
    `UPDATE dwh.chunks SET undone_at = now() WHERE backfill = ${third.backfill};
     UPDATE dwh.chunks SET outcome = 'done', ended_at = clock_timestamp() WHERE backfill = ${first.backfill}`,
  )
  expect((await place.accept(second.backfill)).others).toMatchObject([{ why: like(/has loaded days/) }])
  await place.session.run(`UPDATE dwh.chunks SET outcome = 'quarantined' WHERE backfill = ${first.backfill}`)
  await place.session.run(`UPDATE dwh.chunks SET undone_at = now() WHERE backfill = ${third.backfill}`)
  await place.session.run(`DROP TABLE dwh_chunk_${second.chunks[0]?.chunk}`)
  await expect(place.accept(second.backfill)).rejects.toMatchObject({
    code: 'TARGET_UNFIT',
    message: like(/there is no table public\.dwh_chunk_\d+ any more; nothing was changed/),
  })
})

test('an empty window that is forced is withheld, and accepted it takes what is there away', async () => {
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, thresholds: { ...measure.thresholds, volume: '80%' } },
  })
  place.put('data/2023-01-01.csv', days('2023-01-01', '2023-02-01'))
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [{ from: '2023-01-01', to: '2023-02-01' }, january])
  place.put('data/2024-01-01.csv', 'site,taken_on,theme,value,note\n')
  const { backfill, chunks } = await place.backfill('measure', [january], { force: true })
  expect(chunks).toMatchObject([{ outcome: 'quarantined', figures: { records: 0 } }])
  await place.accept(backfill)
  expect(await place.rows("SELECT count(*) FROM measure WHERE taken_on >= '2024-01-01'")).toEqual([
    { count: 0 },
  ])
  await place.undo(backfill)
  expect(await place.rows("SELECT count(*) FROM measure WHERE taken_on >= '2024-01-01'")).toEqual([
    { count: 62 },
  ])
})

test('without a key, rows that somebody has brought since do not give way to what was withheld', async () => {
  await using place = await chunkPlace(server, template, {
    log: { ...log, thresholds: { ...log.thresholds, coverage: '95%' } },
  })
  place.put('data/2024-01-01.csv', 'taken_on,line\n2024-01-02,new\n')
  const { backfill, chunks } = await place.backfill('log', [january])
  expect(chunks).toMatchObject([{ outcome: 'quarantined' }])
  await place.session.run(
    `CREATE TABLE log_2024_01 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
     INSERT INTO log VALUES ('2024-01-20', 'by hand')`,
  )
  await expect(place.accept(backfill)).rejects.toMatchObject({
    code: 'ROWS_UNFIT',
    message: like(/has no key.*nothing was changed/),
  })
  expect(await place.rows('SELECT line FROM log')).toEqual([{ line: 'by hand' }])
  await place.session.run('TRUNCATE log')
  await place.accept(backfill)
  expect(await place.rows('SELECT line FROM log')).toEqual([{ line: 'new' }])
})
