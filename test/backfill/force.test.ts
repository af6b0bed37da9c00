import { describe, expect, test } from 'vitest'
import { dwh } from '../support/cli.ts'
import { server, servers } from '../support/servers.ts'
import { chunkPlace, chunkTemplate, days, entry, feature, log, measure } from './chunk-place.ts'

const january = { from: '2024-01-01', to: '2024-02-01' }
const like = (pattern: RegExp) => expect.stringMatching(pattern)

/** What stands in the ledger and what is kept aside, for a glance. */
const leaves = `SELECT c.relname::text AS name, c.relkind::text AS kind, i.inhparent IS NOT NULL AS attached
                  FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
                 WHERE c.relkind IN ('r', 'p') AND (c.relname LIKE 'measure%' OR c.relname LIKE 'dwh\\_%')
                   AND c.relnamespace = 'public'::regnamespace ORDER BY 1`

describe.each(servers)('force on $name', (server) => {
  const template = chunkTemplate(server)

  test('a window of whole leaves exchanges them, keeps the former ones, and says what is another', async () => {
    await using place = await chunkPlace(server, template, { measure })
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
    const first = await place.backfill('measure', [january])
    expect(first.chunks).toMatchObject([
      { outcome: 'done', figures: { records: 62, inserted: 62, outside: 0 } },
    ])
    const before = await place.rows('SELECT * FROM measure ORDER BY 1, 2')
    // The first is gone, a third site is new, and the second has other values on ten days.
    const others = days('2024-01-01', '2024-02-01', { perDay: 3 }).replace(
      /^2,(2024-01-0\d),piezo,\d+/gm,
      '2,$1,piezo,777',
    )
    place.put('data/2024-01-01.csv', others.replace(/^1,.*\n/gm, ''))
    const forced = await place.backfill('measure', [january], { force: true })
    const [chunk] = forced.chunks
    expect(chunk).toMatchObject({
      outcome: 'done',
      figures: { records: 62, inserted: 62, replaced: 62 },
      proof: { rows: 62 },
    })
    const [kept, ...none] = await place.generations(chunk?.chunk ?? 0)
    expect(none).toEqual([])
    expect(kept).toMatchObject({
      kind: 'former',
      table_name: `"public"."dwh_chunk_${chunk?.chunk}_2024_01"`,
      rows: 62,
      gone_at: null,
      difference: { added: 31, removed: 31, changed: 31, columns: { value: 31 } },
    })
    expect(await place.rows(`SELECT * FROM ${kept?.table_name} ORDER BY 1, 2`)).toEqual(before)
    expect(await place.rows(leaves)).toEqual([
      { name: `dwh_chunk_${chunk?.chunk}_2024_01`, kind: 'r', attached: false },
      { name: 'measure', kind: 'p', attached: false },
      { name: 'measure_2024_01', kind: 'r', attached: true },
    ])
    // The new leaf has what the former one had, under its names; the former one keeps nobody from deleting a site.
    expect(
      await place.rows(
        `SELECT x.indexrelid::regclass::text AS index, i.inhparent::regclass::text AS of FROM pg_index AS x
           JOIN pg_inherits AS i ON i.inhrelid = x.indexrelid WHERE x.indrelid = 'measure_2024_01'::regclass ORDER BY 1`,
      ),
    ).toEqual([
      { index: 'measure_2024_01_day', of: 'measure_day' },
      { index: 'measure_2024_01_pkey', of: 'measure_pkey' },
    ])
    expect(
      await place.rows(
        `SELECT conname::text FROM pg_constraint WHERE conrelid = '${kept?.table_name}'::regclass AND contype IN ('f', 'c') ORDER BY 1`,
      ),
    ).toEqual([{ conname: 'measure_value' }])
    expect(await place.verify()).toMatchObject({ differences: 0, certified: { chunks: 1, rows: 62 } })
  })

  test('a window within a leaf replaces its rows and no others', async () => {
    await using place = await chunkPlace(server, template, { measure })
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
    await place.backfill('measure', [january])
    const week = { from: '2024-01-08', to: '2024-01-15' }
    // An API gives a day more on either side.
    place.put('data/2024-01-08.csv', days('2024-01-07', '2024-01-16', { perDay: 1, value: () => 5 }))
    const forced = await place.backfill('measure', [week], { force: true })
    const [chunk] = forced.chunks
    expect(forced.notes).toEqual([like(/2 rows outside the window were left out/)])
    expect(chunk).toMatchObject({
      figures: { records: 9, inserted: 7, replaced: 14, outside: 2 },
      proof: { rows: 7 },
    })
    expect(await place.generations(chunk?.chunk ?? 0)).toMatchObject([
      {
        table_name: `"public"."dwh_chunk_${chunk?.chunk}"`,
        rows: 14,
        difference: { added: 0, removed: 7, changed: 7, columns: { value: 7 } },
      },
    ])
    expect(
      await place.rows(
        `SELECT count(*) AS rows, count(*) FILTER (WHERE value = 5 AND taken_on BETWEEN '2024-01-08' AND '2024-01-14') AS fives FROM measure`,
      ),
    ).toEqual([{ rows: 62 - 14 + 7, fives: 7 }])
  })
})

const template = chunkTemplate(server)

test('scope and window: rows of another scope stay, and so do those of other days', async () => {
  const scoped = { ...measure, scope: 'theme = :theme' }
  await using place = await chunkPlace(server, template, { measure: scoped })
  for (const theme of ['piezo', 'temp']) {
    place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { theme }))
    await place.backfill('measure', [{ ...january, parameters: { theme } }])
  }
  const temp = await place.rows("SELECT * FROM measure WHERE theme = 'temp' ORDER BY 1, 2")
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-11', { perDay: 1, theme: 'piezo' }))
  const { chunks } = await place.backfill('measure', [{ ...january, parameters: { theme: 'piezo' } }], {
    force: true,
  })
  expect(chunks).toMatchObject([{ figures: { inserted: 10, replaced: 62 }, proof: { rows: 10 } }])
  expect(await place.rows("SELECT * FROM measure WHERE theme = 'temp' ORDER BY 1, 2")).toEqual(temp)
  expect(await place.verify()).toMatchObject({ differences: 0, certified: { chunks: 2, rows: 72 } })
  // Rows that are of none of its scope are a mistake in the parameters.
  await expect(
    place.backfill('measure', [{ ...january, parameters: { theme: 'hydro' } }], { force: true }),
  ).rejects.toMatchObject({ code: 'ROWS_UNFIT', message: like(/10 rows of the file lie outside the scope/) })
})

test('without a key rows are the window’s: a second load replaces them, and what differs is told by rows', async () => {
  await using place = await chunkPlace(server, template, { log })
  place.put('data/2024-01-01.csv', 'taken_on,line\n2024-01-02,a\n2024-01-02,a\n2024-01-03,b\n')
  await place.backfill('log', [january])
  place.put('data/2024-01-01.csv', 'taken_on,line\n2024-01-02,a\n2024-01-04,c\n')
  await expect(place.backfill('log', [january])).rejects.toMatchObject({
    code: 'USAGE',
    hint: like(/a backfill replaces them with --force/),
  })
  await place.session.run('DELETE FROM dwh.chunks WHERE ended_at IS NULL')
  const { chunks } = await place.backfill('log', [january], { force: true })
  expect(chunks).toMatchObject([{ figures: { inserted: 2, replaced: 3 } }])
  expect(await place.generations(chunks[0]?.chunk ?? 0)).toMatchObject([
    { rows: 3, difference: { added: 1, removed: 2, changed: 0, columns: {} } },
  ])
  expect(await place.rows('SELECT line FROM log ORDER BY 1')).toEqual([{ line: 'a' }, { line: 'c' }])
})

test('a row whose date was mended comes from outside the window, and goes back there', async () => {
  await using place = await chunkPlace(server, template, { entry })
  place.put('data/2024-01-01.csv', 'id,taken_on,line\n1,2024-01-05,a\n2,2024-01-06,b\n')
  place.put('data/2024-02-01.csv', 'id,taken_on,line\n3,2024-02-05,c\n')
  const february = { from: '2024-02-01', to: '2024-03-01' }
  await place.backfill('entry', [january, february])
  const all =
    'SELECT id, taken_on::text AS day, line, tableoid::regclass::text AS leaf FROM entry ORDER BY id'
  const before = await place.rows(all)
  place.put('data/2024-02-01.csv', 'id,taken_on,line\n2,2024-02-01,moved\n3,2024-02-05,c\n')
  const { backfill, chunks } = await place.backfill('entry', [february], { force: true })
  expect(chunks).toMatchObject([{ figures: { inserted: 2, replaced: 2 } }])
  expect(await place.rows(all)).toMatchObject([
    { id: 1, leaf: 'entry_2024_01' },
    { id: 2, day: '2024-02-01', line: 'moved', leaf: 'entry_2024_02' },
    { id: 3 },
  ])
  await place.undo(backfill)
  expect(await place.rows(all)).toEqual(before)
})

test('quarters: a window of one replaces it, and the others of its leaf stay', async () => {
  await using place = await chunkPlace(server, template, { feature })
  const header = 'site,year,quarter,value\n'
  place.put('data/2024-01-01.csv', `${header}${[1, 2, 3, 4].map((q) => `1,2024,${q},${q}\n`).join('')}`)
  await place.backfill('feature', [{ from: '2024-01-01', to: '2025-01-01' }])
  place.put('data/2024-04-01.csv', `${header}1,2024,2,20\n2,2024,2,21\n1,2024,3,30\n`)
  const { chunks } = await place.backfill('feature', [{ from: '2024-04-01', to: '2024-07-01' }], {
    force: true,
  })
  expect(chunks).toMatchObject([{ figures: { inserted: 2, replaced: 1, outside: 1 }, proof: { rows: 2 } }])
  expect(
    await place.rows('SELECT quarter, sum(value)::int AS value FROM feature GROUP BY 1 ORDER BY 1'),
  ).toEqual([
    { quarter: 1, value: 1 },
    { quarter: 2, value: 41 },
    { quarter: 3, value: 3 },
    { quarter: 4, value: 4 },
  ])
})

test('an input without rows that is forced is set apart; accepted it takes what is there away, and an undo brings it back', async () => {
  await using place = await chunkPlace(server, template, { measure })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  const before = await place.rows('SELECT * FROM measure ORDER BY 1, 2')
  place.put('data/2024-01-01.csv', 'site,taken_on,theme,value,note\n')
  const { backfill, chunks } = await place.backfill('measure', [january], { force: true })
  expect(chunks).toMatchObject([{ outcome: 'quarantined', figures: { records: 0, replaced: 0 } }])
  expect(await place.rows('SELECT * FROM measure ORDER BY 1, 2')).toEqual(before)
  const oid =
    "SELECT 'measure_2024_01'::regclass::oid::bigint AS oid, pg_relation_size('measure_2024_01')::int AS bytes"
  const [leaf] = await place.rows(oid)
  await place.accept(backfill)
  // The leaf has gone as it was, and another is in its place.
  const [other] = await place.rows(oid)
  expect(other).toMatchObject({ bytes: 0 })
  expect(other?.oid).not.toBe(leaf?.oid)
  expect((await place.generations(chunks[0]?.chunk ?? 0)).at(-1)).toMatchObject({
    kind: 'former',
    table_name: like(/_2024_01"$/),
    rows: 62,
  })
  expect(
    await place.rows("SELECT proof->>'rows' AS rows FROM dwh.chunks ORDER BY chunk DESC LIMIT 1"),
  ).toEqual([{ rows: '0' }])
  expect(await place.rows('SELECT * FROM measure')).toEqual([])
  await place.undo(backfill)
  expect(await place.rows('SELECT * FROM measure ORDER BY 1, 2')).toEqual(before)
  expect(await place.rows(oid)).toEqual([leaf])
})

test('a source that has nothing any more is set apart too, whatever columns its rows must have', async () => {
  await using place = await chunkPlace(server, template, { log })
  await place.session.run('ALTER TABLE log ADD COLUMN kind text NOT NULL')
  place.put('data/2024-01-01.csv', 'taken_on,line,kind\n2024-01-05,a,b\n')
  await place.backfill('log', [january])
  place.remove('data/2024-01-01.csv')
  const { backfill, chunks } = await place.backfill('log', [january], { force: true })
  expect(chunks).toMatchObject([{ outcome: 'quarantined', figures: { records: 0 } }])
  await place.accept(backfill)
  expect(await place.rows('SELECT * FROM log')).toEqual([])
})

test('rows that others refer to cannot give way; nothing is changed', async () => {
  await using place = await chunkPlace(server, template, { measure })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01'))
  await place.backfill('measure', [january])
  await place.session.run(`CREATE TABLE alarm (site int, day date, theme text, FOREIGN KEY (site, day, theme) REFERENCES measure);
    INSERT INTO alarm VALUES (1, '2024-01-03', 'piezo')`)
  await expect(place.backfill('measure', [january], { force: true })).rejects.toMatchObject({
    code: 'ROWS_UNFIT',
    message: like(/rows of public\.measure cannot give way/),
    hint: like(/without --force/),
  })
  expect(await place.rows('SELECT count(*) FROM measure')).toEqual([{ count: 62 }])
  expect(await place.rows(leaves)).toHaveLength(2)
  for (const action of ['CASCADE', 'SET NULL']) {
    await place.session.run(
      `ALTER TABLE alarm DROP CONSTRAINT alarm_site_day_theme_fkey,
         ADD FOREIGN KEY (site, day, theme) REFERENCES measure ON DELETE ${action}`,
    )
    await place.session.run('DELETE FROM dwh.chunks WHERE ended_at IS NULL')
    await expect(place.backfill('measure', [january], { force: true })).rejects.toMatchObject({
      code: 'ROWS_UNFIT',
      message: like(/foreign key alarm_site_day_theme_fkey would delete or change rows of public\.alarm/),
    })
    expect(await place.rows('SELECT site FROM alarm')).toEqual([{ site: 1 }])
  }
})

test('of 500 rows 13 break a foreign key: 487 come, and 13 are explained', async () => {
  await using place = await chunkPlace(server, template, { measure })
  const lines = Array.from({ length: 500 }, (_, n) => {
    const site = n % 40 === 0 ? 999 : (n % 50) + 1
    return `${site},2024-01-${String((n % 30) + 1).padStart(2, '0')},t${n},${n % 100},\n`
  })
  place.put('data/2024-01-01.csv', `site,taken_on,theme,value,note\n${lines.join('')}`)
  const { chunks } = await place.backfill('measure', [january])
  expect(chunks).toMatchObject([
    { outcome: 'done', figures: { records: 500, inserted: 487, rejected: 13 }, proof: { rows: 487 } },
  ])
  const rejects = await place.rows(
    `SELECT count(*) AS rows, min(r.reasons::text) AS why, count(DISTINCT line) AS lines FROM dwh.rejects AS r WHERE load = ${chunks[0]?.load}`,
  )
  expect(rejects).toMatchObject([{ rows: 13, why: like(/dim_site/), lines: 13 }])
})

test('a source of a lower priority adds rows, and leaves alone what a higher one has brought', async () => {
  const probe = { kind: 'file', path: 'data/{from}.csv' }
  await using place = await chunkPlace(server, template, {
    measure: { ...measure, sources: { probe, archive: { ...probe, priority: 10 } } },
  })
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-16', { perDay: 1, value: () => 10 }))
  await place.backfill(
    'measure',
    [{ from: '2024-01-01', to: '2024-01-16' }].map((w) => ({ ...w, source: 'archive' })),
  )
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-02-01', { value: () => 20 }))
  const sums = `SELECT site, count(*), min(value)::int AS least, max(value)::int AS most FROM measure GROUP BY 1 ORDER BY 1`
  const recent = await place.backfill('measure', [january])
  expect(recent.chunks).toMatchObject([{ figures: { inserted: 47, unchanged: 15, updated: 0 } }])
  const both = [
    { site: 1, count: 31, least: 10, most: 20 },
    { site: 2, count: 31, least: 20, most: 20 },
  ]
  expect(await place.rows(sums)).toEqual(both)
  const forced = await place.backfill('measure', [january], { force: true })
  // Within the archive's window nothing gives way, whoever has brought it.
  expect(forced.chunks).toMatchObject([{ figures: { replaced: 32, inserted: 32, unchanged: 30 } }])
  expect(await place.rows(sums)).toEqual(both)
  place.put('data/2024-01-01.csv', days('2024-01-01', '2024-01-16', { perDay: 1, value: () => 11 }))
  await place.backfill('measure', [{ from: '2024-01-01', to: '2024-01-16', source: 'archive' }], {
    force: true,
  })
  expect(await place.rows(sums)).toEqual([
    { site: 1, count: 31, least: 11, most: 20 },
    { site: 2, count: 16, least: 20, most: 20 },
  ])
})

test('a window is not forced where rows of another source, or of other parameters, would go with its own', async () => {
  const file = { kind: 'file', path: 'data/{region}.csv' }
  const described = (dataset: object, north: object = {}) => ({
    measure: { ...measure, sources: { north: { ...file, ...north }, south: file }, ...dataset },
  })
  await using place = await chunkPlace(server, template, described({}))
  for (const theme of ['north', 'south']) {
    place.put(`data/${theme}.csv`, days('2024-01-01', '2024-02-01', { theme }))
    await place.backfill('measure', [{ ...january, source: theme, parameters: { region: theme } }])
  }
  const force = (...more: string[]) =>
    dwh(
      ['backfill', 'run', '--dataset', 'measure', '--month', '2024-01', '--force', '--dry-run', ...more],
      place.at,
    )
  const refused = {
    code: 2,
    stderr: like(/would replace the rows of measure\/\w+ .*no scope tells them apart/),
  }
  expect(await force('--source', 'north', '--param', 'region=north')).toMatchObject(refused)
  expect(await force('--source', 'south', '--param', 'region=east')).toMatchObject(refused)
  place.describe(described({ scope: 'theme = :region' }))
  expect(await force('--source', 'north', '--param', 'region=north')).toMatchObject({ code: 0 })
  expect(await force('--source', 'north', '--param', 'region=south')).toMatchObject(refused)
  place.describe(described({}, { priority: 1 }))
  expect(await force('--source', 'north', '--param', 'region=north')).toMatchObject({ code: 0 })
})
