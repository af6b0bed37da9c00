import { describe, expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server, servers } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, measure } from './chunk-place.ts'

const january = { from: '2024-01-01', to: '2024-02-01' }
const february = { from: '2024-02-01', to: '2024-03-01' }
const like = (pattern: RegExp) => expect.stringMatching(pattern)
const all = 'SELECT * FROM measure ORDER BY 1, 2, 3'
const leaf = `SELECT 'measure_2024_01'::regclass::oid::bigint AS oid`

describe.each(servers)('undo on $name', (server) => {
  const template = chunkTemplate(server)

  test('puts a whole leaf back as it was, and accept brings the other one back', async () => {
    await using place = await chunkPlace(server, template, { measure })
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
    const first = await place.backfill('measure', [january])
    const before = await place.rows(all)
    const [old] = await place.rows(leaf)
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { perDay: 3, value: () => 7 }))
    const { backfill, chunks } = await place.backfill('measure', [january], { force: true })
    const after = await place.rows(all)
    expect(await place.rows(leaf)).not.toEqual([old])

    expect(await place.undo(backfill)).toMatchObject([{ rows: 62, revived: first.chunks[0]?.chunk }])
    expect(await place.rows(all)).toEqual(before)
    // The leaf itself has come back, not a copy of it.
    expect(await place.rows(leaf)).toEqual([old])
    expect(await place.generations(chunks[0]?.chunk ?? 0)).toMatchObject([
      { kind: 'former', gone_at: expect.any(Date) },
      { kind: 'withheld', rows: 93, gone_at: null, difference: { added: 0, removed: 31, changed: 61 } },
    ])
    // What counted before counts again, and is what it was.
    expect(await place.verify()).toMatchObject({
      differences: 0,
      chunks: [{ chunk: first.chunks[0]?.chunk, finding: 'equal' }],
    })
    expect((await place.planUndo(backfill)).others).toMatchObject([{ why: 'is undone already' }])

    await place.accept(backfill)
    expect(await place.rows(all)).toEqual(after)
    expect(await place.verify()).toMatchObject({ differences: 0, certified: { chunks: 1, rows: 93 } })
    await place.undo(backfill)
    expect(await place.rows(all)).toEqual(before)
    expect(
      await place.rows(
        `SELECT conname::text, convalidated FROM pg_constraint WHERE conrelid = 'measure_2024_01'::regclass AND contype IN ('f', 'c') ORDER BY 1`,
      ),
    ).toEqual([
      { conname: 'measure_site', convalidated: true },
      { conname: 'measure_value', convalidated: true },
    ])
  })
})

const template = chunkTemplate(server)

test('part of a leaf: rows that others have changed since stop it, and --force takes them along', async () => {
  await using place = await chunkPlace(server, template, { measure })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  const before = await place.rows(all)
  place.put('data/2024-01-10.csv', days('2024-01-10', '2024-01-20', { perDay: 1, value: () => 9 }))
  const { backfill, chunks } = await place.backfill('measure', [{ from: '2024-01-10', to: '2024-01-20' }], {
    force: true,
  })
  // Other days of the same leaf are nobody's business.
  await place.session.run("UPDATE measure SET note = 'by hand' WHERE taken_on = '2024-01-25'")
  expect((await place.planUndo(backfill)).chunks).toMatchObject([{ since: [] }])
  await place.session.run("DELETE FROM measure WHERE taken_on = '2024-01-12'")
  await expect(place.undo(backfill)).rejects.toMatchObject({
    code: 'ROWS_UNFIT',
    message: like(/9 rows are there, 10 were: changed by no load.*nothing was changed/),
    hint: like(/--force/),
  })
  await place.undo(backfill, { force: true })
  await place.session.run("UPDATE measure SET note = NULL WHERE taken_on = '2024-01-25'")
  expect(await place.rows(all)).toEqual(before)
  expect(await place.generations(chunks[0]?.chunk ?? 0)).toMatchObject([
    { kind: 'former', gone_at: expect.any(Date) },
    { kind: 'withheld', rows: 9, gone_at: null },
  ])
})

test('the command: a plan, what cannot be undone, the newest window first, and letting go', async () => {
  await using place = await chunkPlace(server, template, { measure })
  for (const month of ['2024-01-01', '2024-02-01'])
    place.put(`data/${month}.csv`, days(month, month === '2024-01-01' ? '2024-02-01' : '2024-03-01'))
  const merged = await place.backfill('measure', [january, february])
  const before = await place.rows(all)
  const number = String(merged.backfill)
  expect(await dwh(['backfill', 'undo', number, '--yes'], place.at)).toMatchObject({
    code: 0,
    stderr: like(/^2 windows stay: each was merged and not forced[\s\S]*nothing to do/),
  })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { perDay: 1 }))
  const one = await place.backfill('measure', [january, february], { force: true })
  const two = await place.backfill('measure', [january], { force: true })
  const early = await dwh(['backfill', 'undo', String(one.backfill), '--dry-run', '--json'], place.at)
  expect(JSON.parse(early.stdout)).toMatchObject({
    chunks: [
      { name: 'measure/probe 2024-02-01 to 2024-03-01', difference: { added: 0, removed: 0, changed: 0 } },
    ],
    others: [
      {
        why: `gave way to chunk ${two.chunks[0]?.chunk}: undo the backfill of that one first: dwh backfill undo ${two.backfill}`,
      },
    ],
  })
  expect(await dwh(['backfill', 'undo', String(two.backfill)], place.at)).toMatchObject({
    code: 2,
    stderr: like(/31 former rows come back[\s\S]*NEEDS_CONFIRMATION/),
  })
  expect(await dwh(['backfill', 'undo', String(two.backfill), '--yes', '--json'], place.at)).toMatchObject({
    code: 0,
  })
  expect(await dwh(['backfill', 'undo', String(one.backfill), '--yes'], place.at)).toMatchObject({
    code: 0,
    stderr: like(/02-01 to 2024-03-01: 58 rows put back\n.*01-01 to 2024-02-01: 62 rows put back/),
  })
  expect(await place.rows(all)).toEqual(before)
  const gone = await dwh(['backfill', 'undo', String(one.backfill), '--finish', '--yes', '--json'], place.at)
  expect(JSON.parse(gone.stdout)).toHaveLength(2)
  expect(
    await place.rows(
      `SELECT relname::text FROM pg_class WHERE relname LIKE 'dwh\\_chunk\\_${one.chunks[0]?.chunk}%'`,
    ),
  ).toEqual([])
  expect(await dwh(['backfill', 'accept', String(one.backfill), '--yes'], place.at)).toMatchObject({
    code: 0,
    stderr: like(/they were let go[\s\S]*nothing to do/),
  })
  expect(await dwh(['backfill', 'undo', '999', '--yes'], place.at)).toMatchObject({
    code: 2,
    stderr: like(/run 999 is no backfill/),
  })
})

test('what a source of a higher priority has brought stays when a lower one is undone', async () => {
  const probe = { kind: 'file', path: 'data/{from}.csv' }
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, sources: { probe, archive: { ...probe, priority: 10 } } },
  })
  const part = { from: '2024-01-01', to: '2024-01-16', source: 'archive' }
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-16', { perDay: 1, theme: 'archive' }))
  await place.backfill('measure', [part])
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  const before = await place.rows(all)
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { perDay: 3, value: () => 9 }))
  const { backfill } = await place.backfill('measure', [january], { force: true })
  const after = await place.rows(all)
  await place.undo(backfill)
  // Of days of the archive new rows stay too: whose they are nobody can tell.
  const rest = (rows: Record<string, unknown>[]) =>
    rows.filter(({ taken_on }) => (taken_on as Date) >= new Date('2024-01-16'))
  expect(rest(await place.rows(all))).toEqual(rest(before))
  expect(await place.rows("SELECT count(*) FROM measure WHERE theme = 'archive'")).toEqual([{ count: 15 }])
  await place.accept(backfill)
  expect(await place.rows(all)).toEqual(after)
})

test('rows that come between the plan of an undo and its exchange stop it', async () => {
  await using place = await chunkPlace(server, template, { measure })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  const { backfill } = await place.backfill('measure', [january], { force: true })
  const late = "INSERT INTO measure VALUES (9, '2024-01-30', 'piezo', 1)"
  await expect(place.undo(backfill, { meanwhile: () => place.session.run(late) })).rejects.toMatchObject({
    code: 'ROWS_UNFIT',
    message: like(/somebody has changed rows of public\.measure.*nothing was changed/),
  })
  expect(await place.rows('SELECT count(*) FROM measure')).toEqual([{ count: 63 }])
  await place.undo(backfill, { force: true })
  expect(await place.rows('SELECT count(*) FROM measure')).toEqual([{ count: 62 }])
})
