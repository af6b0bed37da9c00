import { describe, expect, test } from 'vitest'
import { auditQuery, type DatasetAudit } from '../../src/compress/audit.ts'
import { ident, type RelationName, relation } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const hostile = 'SELECT "é";\n$$ ~ %'
const facts: RelationName = { schema: hostile, name: hostile }
const text = ident(`t ${hostile}`)
const amount = (values: number, bytes: number) => ({ values, bytes })

/**
 * Values of every way, with known sizes, in leaves of 2023 and 2024: the length of a short value takes 1 byte, that of others
 * 4 in line and none out of line.
 */
async function everyWay(session: Session, lz4: boolean): Promise<void> {
  const table = relation(facts)
  const set = (what: string) => session.run(`ALTER TABLE ${table} ${what}`)
  const add = (from: number, count: number, value: string, year = 2023) =>
    session.run(
      `INSERT INTO ${table} SELECT n, date '${year}-05-05', ${value} FROM generate_series(${from}, ${from + count - 1}) AS n`,
    )
  await session.run(`
    CREATE SCHEMA ${ident(hostile)};
    CREATE TABLE ${table} (id integer, d date, ${text} text COMPRESSION pglz, dropped text, n numeric, fixed integer, k bigint[]) PARTITION BY RANGE (d);
    ALTER TABLE ${table} DROP COLUMN dropped;
    CREATE TABLE ${ident(hostile)}.f_2023 PARTITION OF ${table} FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
    CREATE TABLE ${ident(hostile)}.f_2024 PARTITION OF ${table} FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')`)
  await add(1, 5, `'short'`) // 6 bytes
  await add(11, 4, `repeat('x', 1000)`) // 1,004 bytes
  await set(`ALTER COLUMN ${text} SET STORAGE EXTERNAL`)
  await add(21, 3, `repeat('x', 3000)`) // 3,000 bytes
  await set(`ALTER COLUMN ${text} SET STORAGE EXTENDED`)
  await add(31, 2, `repeat('pglz', 2000)`)
  await add(41, 2, `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 600) AS i)`) // too long in any case
  if (lz4) {
    // A leaf does not follow its parent in this.
    await session.run(`ALTER TABLE ${ident(hostile)}.f_2024 ALTER COLUMN ${text} SET COMPRESSION lz4`)
    await add(51, 6, `repeat('lz4', 2000)`, 2024)
  }
  await session.run(`INSERT INTO ${table} (id, d, n, k) VALUES (99, '2024-01-01', 1, '{1}')`)
}

describe.each(servers)('dwh compress audit on $name', (server) => {
  const { lz4 } = server.binaries

  test('counts values and bytes by method and place, leaf by leaf, whatever they are called', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await everyWay(session, lz4)
    const partition = { key: 'd', kind: 'date', grain: 'year', from: '2023', until: '2025', premake: 0 }
    using warehouse = testWarehouse({
      datasets: {
        facts: { target: relation(facts), partition },
        nothing: { target: 'public.nothing' },
      },
    })
    const at = warehouse.at(database.target)
    const [audit, nothing] = JSON.parse(
      (await dwhDone(['compress', 'audit', '--json'], at)).stdout,
    ) as DatasetAudit[]
    expect(nothing).toEqual({ dataset: 'nothing', table: 'public.nothing', target: 'missing', leaves: [] })

    const [bytes] = await session.rows<Record<string, number>>(
      `SELECT sum(pg_column_size(${text})) FILTER (WHERE id BETWEEN 31 AND 32) AS pglz, sum(pg_column_size(${text})) FILTER (WHERE id BETWEEN 41 AND 42) AS long,
              sum(pg_column_size(${text})) FILTER (WHERE id BETWEEN 51 AND 56) AS lz4
         FROM ${relation(facts)}`,
    )
    const none = amount(0, 0)
    // Neither method finds anything in digits that never repeat.
    const long = Number(bytes?.long)
    expect(audit).toMatchObject({
      dataset: 'facts',
      target: 'partitioned',
      leaves: [
        {
          rows: 16,
          sampled: null,
          columns: [
            {
              column: `t ${hostile}`,
              type: 'text',
              storage: 'extended',
              setting: 'pglz',
              plain: amount(14, 30 + 4016 + 9000 + long),
              pglz: amount(2, Number(bytes?.pglz)),
              lz4: none,
              out_of_line: amount(5, 9000 + long),
            },
            { column: 'n', type: 'numeric', storage: 'main', plain: none, out_of_line: none, widest: 0 },
            { column: 'k', type: 'bigint[]', plain: none },
          ],
        },
        {
          rows: lz4 ? 7 : 1,
          toast_bytes: 0,
          columns: [
            {
              setting: lz4 ? 'lz4' : 'pglz',
              plain: none,
              pglz: none,
              lz4: lz4 ? amount(6, Number(bytes?.lz4)) : none,
              out_of_line: none,
            },
            { plain: { values: 1 } },
            { plain: { values: 1 } },
          ],
        },
      ],
    })
    const told = await dwhDone(['compress', 'audit'], at)
    expect(told.stdout).toContain('nothing: there is no table public.nothing\n')
    expect(told.stdout).toMatch(/^facts: .* plain, .* pglz, .* lz4, .* out of line$/m)
    expect(told.stdout.split('\n').filter((line) => line.includes('(2 short)'))).toHaveLength(2)
  })

  test('says the same of a value out of line with and without the function of PostgreSQL 17', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await everyWay(session, lz4)
    const leaf = { schema: hostile, name: 'f_2023' }
    const ask = (version: number) => session.rows(auditQuery(leaf, [`t ${hostile}`, 'n', 'k'], version, null))
    const [derived] = await ask(160_000)
    expect(derived).toMatchObject({ rows: 16 })
    if (session.serverVersion >= 170_000) expect([derived]).toEqual(await ask(170_000))
  })

  test('reads a sample where it is asked to, and marks what it estimates', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.facts (t text);
      INSERT INTO public.facts SELECT repeat('x', 900) FROM generate_series(1, 20000);
      CREATE TABLE public.none ()`)
    using warehouse = testWarehouse({
      datasets: { facts: { target: 'public.facts' }, none: { target: 'public.none' } },
    })
    const at = warehouse.at(database.target)
    const sample = ['compress', 'audit', 'facts', 'none', '--sample', '20']
    const first = await dwhDone([...sample, '--json'], at)
    const [facts, none] = JSON.parse(first.stdout) as DatasetAudit[]
    expect(none?.leaves).toMatchObject([{ rows: 0, columns: [] }])
    const [leaf] = facts?.leaves ?? []
    expect(leaf).toMatchObject({ sampled: 20, columns: [{ widest: 904 }] })
    expect(leaf?.columns[0]?.plain.bytes).toBe(904 * Number(leaf?.rows))
    expect(leaf?.rows).toBeGreaterThan(16_000)
    expect(leaf?.rows).toBeLessThan(24_000)
    const told = await dwhDone(sample, at)
    expect(told.stdout).toMatch(/^public\.facts +t +default +~\d\d,\d{3} +~\d+\.\d MB$/m)
    expect(await dwh(['compress', 'audit', 'fact'], at)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean facts'),
    })
    expect(await dwh(['compress', 'audit', '--sample', '0'], at)).toMatchObject({ code: 2 })
  })
})

test('the query reads a leaf once', () => {
  expect(auditQuery({ schema: 's', name: 'l' }, ['a'], 150_000, 12.5)).toMatchInlineSnapshot(
    `"SELECT count(*) AS rows, ARRAY[json_build_array(count(s0), coalesce(sum(s0), 0), coalesce(max(s0), 0), count(s0) FILTER (WHERE m0 = 'pglz'), coalesce(sum(s0) FILTER (WHERE m0 = 'pglz'), 0), count(s0) FILTER (WHERE m0 = 'lz4'), coalesce(sum(s0) FILTER (WHERE m0 = 'lz4'), 0), count(s0) FILTER (WHERE o0 AND s0 IS NOT NULL), coalesce(sum(s0) FILTER (WHERE o0 AND s0 IS NOT NULL), 0))]::json[] AS columns FROM (SELECT pg_column_size(t."a") AS s0, pg_column_compression(t."a") AS m0, pg_column_size(ROW(t."a")) - pg_column_size(t."a") > 24 AS o0 FROM ONLY "s"."l" AS t TABLESAMPLE SYSTEM (12.5) REPEATABLE (0) OFFSET 0) AS told"`,
  )
  expect(auditQuery({ schema: 's', name: 'l' }, ['a'], 170_000, null)).toContain(
    'pg_column_toast_chunk_id(t."a") IS NOT NULL AS o0 FROM ONLY "s"."l" AS t OFFSET 0',
  )
})
