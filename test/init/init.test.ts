import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadPlainFlights } from '../../scripts/flights.ts'
import { look } from '../../src/init/look.ts'
import { writeWarehouse } from '../../src/init/write.ts'
import { ident, identList, relation } from '../../src/postgres/identifiers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { loadWarehouse } from '../../src/warehouse/load.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'
import { legacyDatabase } from './legacy.ts'

/** A folder of its own, deleted when the block is left. */
function emptyFolder(): { path: string; file: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'init-'))
  const dispose = () => rmSync(path, { recursive: true, force: true })
  return { path, file: join(path, 'dwh.yaml'), [Symbol.dispose]: dispose }
}

/** Rows in each leaf, by its name. */
async function leafRows(session: Session, table: string): Promise<Record<string, number>> {
  const rows = await session.rows<{ leaf: string; n: number }>(
    `SELECT tableoid::regclass::text AS leaf, count(*) AS n FROM ${table} GROUP BY 1 ORDER BY 1`,
  )
  return Object.fromEntries(rows.map(({ leaf, n }) => [leaf, n]))
}

describe.each(servers)('init on $name', (server) => {
  test('a legacy database: what it writes is valid, gives its reasons, and works as it stands', async () => {
    using folder = emptyFolder()
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await legacyDatabase(session)
    await session.run(`ALTER DATABASE "${database.name}" SET TimeZone = 'Europe/Paris'`)
    const env = { ...targetEnvironment(database.target), PGPASSWORD: 'a-sentinel' }
    const made = await dwhDone(['init', folder.path, '--least-rows', '10000', '--json'], { env })
    const found = JSON.parse(made.stdout)
    expect(found).toMatchObject({ path: folder.file, database: database.name })
    const byName = Object.fromEntries(
      found.datasets.map((dataset: { dataset: string }) => [dataset.dataset, dataset]),
    )
    const year = new Date().getUTCFullYear()
    expect(byName).toEqual({
      invoices: expect.objectContaining({
        target: 'facts.invoices',
        rows: 20_000,
        exact: true,
        key: null,
        partition: {
          key: 'invoice_date_key',
          kind: 'date_key',
          grain: 'year',
          from: expect.any(Number),
          premake: 2,
          unknown: true,
        },
        obstacle: null,
        wide: [{ name: 'document', bytes: expect.any(Number) }],
      }),
      payments: expect.objectContaining({
        key: ['payment_id'],
        recency: 'updated_at',
        partition: expect.objectContaining({
          key: 'paid_at',
          kind: 'timestamptz',
          zone: 'Europe/Paris',
          unknown: false,
        }),
      }),
      targets: expect.objectContaining({
        key: ['site', 'annee', 'trimestre'],
        partition: {
          key: ['annee', 'trimestre'],
          kind: 'year_quarter',
          grain: 'year',
          from: 2010,
          until: 2016,
          premake: 0,
          unknown: false,
        },
        leaves: 6,
      }),
      orders: expect.objectContaining({
        key: ['id'],
        obstacle: { kind: 'loss', text: expect.stringContaining('payments_order_id_fkey') },
      }),
      visits: expect.objectContaining({
        partition: expect.objectContaining({ key: 'visited', from: year - 1, ceiling: 2088, unknown: true }),
      }),
    })
    expect(
      Object.fromEntries(
        found.left.map(({ table, reason }: { table: string; reason: string }) => [table, reason]),
      ),
    ).toEqual({
      'public.words': 'no column holds the dates of its rows',
      'public.numbers': 'no column holds the dates of its rows',
      'public.stamped': expect.stringMatching(/^its only dates make no good leaves: updated_at .*it changes/),
      'public.scratch': 'unlogged: a crash empties it',
      'public.parted': 'partitioned already, by RANGE (day)',
      'public.base': 'part of an inheritance tree',
      'public.derived': 'part of an inheritance tree',
      'public.companies': 'small',
      'public.tiny': 'small',
      'public.void': 'small',
    })

    const text = readFileSync(folder.file, 'utf8')
    expect(text).not.toContain('a-sentinel')
    expect(text).toContain(`  database: ${database.name}\n`)
    expect(text).toMatch(
      /^ {6}key: invoice_date_key # integers like 20230131; <1 % empty; <1 % stand for no date$/m,
    )
    expect(text).toMatch(
      /^ {6}unknown: true # a leaf for the rest: 100 rows have no date, 60 lie outside of 1900 to 2100$/m,
    )
    expect(text).toMatch(
      /^ {4}# No key: .*if it is `key: invoice_id`, then with\n {4}# `recency: updated_at` setup sets/m,
    )
    expect(text).toMatch(/^ {4}compression: lz4\n/m)
    expect(text).toMatch(/^ {4}description: "Invoices: \\"all\\" of them"$/m)
    expect(text).toMatch(/^ {4}# partition:\n {4}# {3}key: ordered_on # dates; never empty$/m)
    expect(text).toMatch(
      /^# {3}public\.words: no column holds the dates of its rows \(about 12,000 rows, \d+ kB\)$/m,
    )
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(115)
    expect(readdirSync(folder.path).toSorted()).toEqual(['dwh.yaml', 'migrations', 'sql'])

    // Nothing but the folder says where the database is.
    const at = { cwd: folder.path }
    expect(await dwh(['config', 'validate'], at)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is valid: 5 datasets'),
    })
    await dwhDone(['setup', '--yes', '--no-backup'], at)
    expect(await leafRows(session, 'facts.invoices')).toMatchObject({ 'facts.invoices_unknown': 160 })
    expect(await leafRows(session, 'public.visits')).toMatchObject({ 'public.visits_unknown': 4 })
    expect(Object.keys(await leafRows(session, 'facts.targets'))).toHaveLength(6)
    expect(Object.values(await leafRows(session, 'public.payments')).reduce((sum, n) => sum + n)).toBe(14_000)
    expect(await leafRows(session, 'public.orders')).toEqual({ 'public.orders': 15_000 })
    expect(await session.one('SELECT count(*) AS n FROM facts.recent')).toEqual({ n: expect.any(Number) })
    const checked = JSON.parse((await dwh(['doctor', '--json'], at)).stdout).questions
    const about = [
      'targets',
      'missing_leaves',
      'runway',
      'null_keys',
      'rows_outside',
      'time_zone',
      'shadow_tables',
    ]
    for (const { id, answer } of checked) if (about.includes(id)) expect([id, answer]).toEqual([id, 'yes'])

    const again = await dwh(['init', folder.path], { env })
    expect(again).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/dwh\.yaml is there already, and was left as it is/),
    })
    expect(readFileSync(folder.file, 'utf8')).toBe(text)
  })
})

test('hostile names of schemas, tables and columns', async () => {
  using folder = emptyFolder()
  await using database = await freshDatabase(server)
  await using session = await database.open()
  const names = [
    `we"ir'd`,
    'two\nlines # no',
    'cash $$ $dwh$',
    'é'.repeat(31),
    'SELECT',
    String.raw`50%\n`,
    'null',
    ': - [',
    '\u2028"',
  ]
  for (const name of names) {
    await session.run(`CREATE SCHEMA ${ident(name)};
      CREATE TABLE ${relation({ schema: name, name })} (${ident(`i ${name}`.slice(0, 30))} bigint PRIMARY KEY, ${ident(name)} date NOT NULL);
      COMMENT ON TABLE ${relation({ schema: name, name })} IS 'two
# lines: "x"';
      INSERT INTO ${relation({ schema: name, name })} (${identList([`i ${name}`.slice(0, 30), name])})
        SELECT n, date '2020-01-01' + n FROM generate_series(1, 2000) AS n`)
  }
  await session.run(`CREATE TABLE public."${names[0]?.replaceAll('"', '""')}" (word text)`)
  const env = targetEnvironment(database.target)
  await dwhDone(['init', folder.path, '--least-rows', '1000'], { env })
  const { datasets } = loadWarehouse(folder.file)
  expect(datasets.map(({ target }) => target.name).toSorted()).toEqual(names.toSorted())
  expect(datasets.map(({ partition }) => partition?.key[0]).toSorted()).toEqual(names.toSorted())
  await dwhDone(['setup', '--yes', '--no-backup'], { cwd: folder.path })
  for (const name of names) {
    const leaves = await leafRows(session, relation({ schema: name, name }))
    expect([name, Object.values(leaves).reduce((sum, n) => sum + n), Object.keys(leaves).length]).toEqual([
      name,
      2000,
      6,
    ])
  }
})

test('the flights of the demo', async () => {
  using folder = emptyFolder()
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await loadPlainFlights(session, { most: 100_000 })
  const dry = await dwhDone(['init', '--dry-run'], {
    cwd: folder.path,
    env: targetEnvironment(database.target),
  })
  expect(readdirSync(folder.path)).toEqual([])
  expect(dry.stdout).toMatch(/^ {4}# No key: no unique index says what a row is recognised by\.$/m)
  writeFileSync(folder.file, dry.stdout)
  expect(loadWarehouse(folder.file).datasets).toMatchObject([
    {
      name: 'flights',
      description: 'Flights within the United States, January to June 2001',
      partition: { key: ['date'], kind: 'timestamp', premake: 0 },
    },
  ])
  await dwhDone(['setup', '--yes', '--no-backup'], { cwd: folder.path })
  expect(Object.values(await leafRows(session, 'public.flights')).reduce((sum, n) => sum + n)).toBe(100_000)
})

test('nothing worth leaves: a beginning, which says so; scopes that name nothing', async () => {
  using folder = emptyFolder()
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(
    'CREATE TABLE public.tiny AS SELECT current_date - n AS day FROM generate_series(1, 100) AS n; ' +
      // Kept rows of a backfill are nobody's table.
      'CREATE TABLE public.dwh_chunk_7 (day date); CREATE TABLE public.dwh_chunk_7_2024_01 (day date); CREATE TABLE public.dwh_load_3 (day date)',
  )
  const env = targetEnvironment(database.target)
  const path = join(folder.path, 'new', 'folder')
  const made = await dwhDone(['init', path], { env })
  expect(made).toMatchObject({
    stdout: `${join(path, 'dwh.yaml')}\n`,
    stderr: expect.stringContaining('no table is worth leaves'),
  })
  expect(readFileSync(join(path, 'dwh.yaml'), 'utf8')).toMatch(
    /^# No table is worth leaves.*^datasets: \{\}$.*public\.tiny: small/ms,
  )
  expect(readFileSync(join(path, 'dwh.yaml'), 'utf8')).not.toMatch(/dwh_(chunk|load)/)
  expect(await dwh(['setup', '--yes'], { cwd: path })).toMatchObject({ code: 0 })

  const named = await dwhDone(['init', '--dry-run', '--json', '--tables', 'tiny'], { env })
  expect(JSON.parse(named.stdout)).toMatchObject({
    path: null,
    datasets: [{ dataset: 'tiny', rows: 100 }],
    left: [],
  })
  expect(await dwh(['init', '--dry-run', '--tables', 'a.b.c'], { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"a.b.c" is not a table name'),
  })
  await expect(writeWarehouse(join(path, 'dwh.yaml', 'below'), '')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('ENOTDIR'),
  })
  const thoroughness = { leastRows: 1, seconds: 10 }
  const ghosts = { tables: [{ schema: 'public', name: 'ghosts' }] }
  await expect(look(session, quietWork(), ghosts, thoroughness)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('there is no table public.ghosts'),
  })
  await expect(look(session, quietWork(), { schemas: ['nowhere'] }, thoroughness)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('there is no table in a schema "nowhere"'),
  })
})
