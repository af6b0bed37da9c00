import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../src/doctor/answer.ts'
import { questions } from '../../src/doctor/questions.ts'
import { packageRoot } from '../../src/package.ts'
import { seedBackfill } from '../support/backfills.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase, freshRole } from '../support/database.ts'
import { reportingVersion } from '../support/old-server.ts'
import { server, servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { ask, findings, mend } from './ask.ts'
import { asDatasets, lowLimits, sickDatabase, sickFile } from './sick.ts'

/** What a sick database is told, in the order in which it is mended. */
const diagnosis = {
  time_zone:
    /^no: the leaves are cut in Europe\/Paris, and sessions begin with America\/New_York \(postgres\)$/,
  invalid_indexes:
    /^no: public\.measure_2024_01_double_idx on measure_2024_01, public\.orders_broken on orders, public\.orders_broken_ccnew on orders, public\.measure_double on measure, public\.measure_key on measure and 1 more$/,
  duplicate_indexes:
    /^no: public\.orders_client on orders is the beginning of orders_client_day, public\.orders_client_again on orders is the same as orders_client$/,
  unused_indexes: /^warning: .*public\.orders_day on orders, 0 MB.* in 0 days on this server/,
  autovacuum: /^no: not after public\.neglected$/,
  analyzed: /^no: never analyzed: public\.neglected$/,
  dead_rows: /^no: public\.neglected: 1000 \(50 %\)$/,
  missing_leaves: /^no: trips_20\d\d, trips_20\d\d, trips_20\d\d$/,
  runway: /^no: trips: 0 days$/,
  rows_outside: /^no: public\.measure: 24 rows of 1 months lie in measure_unknown$/,
  duplicate_keys:
    /^no: public\.orders: 10 keys stand in more than one row \(10 rows too many\), such as \(1\)$/,
  shadow_tables: /^no: of no conversion: public\.gone_dwh_shadow$/,
  kept_tables: /^warning: of no open conversion: public\.gone_after_setup$/,
}
const ids = Object.keys(diagnosis)

describe.each(servers)('doctor on $name', (server) => {
  test('a sick database: each no is mended by what it names, and then the answer is yes', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await sickDatabase(session)
    await session.run('SELECT pg_stat_force_next_flush()')
    const { target } = database
    const datasets = asDatasets(sickFile)
    const sick = await ask(target, datasets)
    expect(Object.keys(sick)).toEqual(questions.map(({ id }) => id))
    expect(findings(sick, ids)).toEqual(
      Object.fromEntries(Object.entries(diagnosis).map(([id, what]) => [id, expect.stringMatching(what)])),
    )

    using warehouse = testWarehouse({ datasets: sickFile })
    for (const id of ids) {
      // One mend may have done for two.
      const { [id]: before } = await ask(target, datasets, { only: [id] })
      if (before?.mend?.kind === 'command') {
        expect(before.mend.text).toMatch(/^dwh (partitions create trips|dedup orders run)$/)
        const words = [...before.mend.text.split(' ').slice(1), '--yes']
        expect(await dwh(words, warehouse.at(target))).toMatchObject({ code: 0 })
      } else if (before && before.answer !== 'yes') {
        await mend(session, before)
      }
      await session.run('SELECT pg_stat_force_next_flush()')
      expect([id, (await ask(target, datasets, { only: [id] }))[id]?.answer]).toEqual([id, 'yes'])
    }

    const kept = await session.rows(
      `SELECT (SELECT count(*) FROM public.measure) AS measures, (SELECT count(*) FROM public.measure_unknown) AS unknown,
              (SELECT count(*) FROM public.measure_2024_02) AS moved, (SELECT count(*) FROM public.orders) AS orders,
              (SELECT count(*) FROM public.orders_duplicates) AS duplicates,
              (SELECT count(*) FROM public.orders AS o JOIN public.orders_duplicates AS d USING (id) WHERE d.updated_at >= o.updated_at) AS newer`,
    )
    expect(kept).toEqual([{ measures: 43, unknown: 2, moved: 24, orders: 990, duplicates: 10, newer: 0 }])
  })

  test('a healthy database with a warehouse file: nothing about its tables is answered with anything but yes', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.visits (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
      CREATE INDEX ON public.visits (day)`)
    const file = {
      visits: {
        target: 'public.visits',
        key: ['id', 'day'],
        partition: { key: 'day', kind: 'date', grain: 'month' },
      },
    }
    using warehouse = testWarehouse({ datasets: file })
    const at = warehouse.at(database.target)
    expect(await dwh(['partitions', 'create', '--yes'], at)).toMatchObject({ code: 0 })
    await session.run(
      'INSERT INTO public.visits (day) SELECT current_date FROM generate_series(1, 100); ANALYZE public.visits',
    )

    const { code, stdout } = await dwh(['doctor', '--json'], at)
    const told = JSON.parse(stdout)
    const machine = ['version', 'lz4', 'client_tools', 'disk', 'memory', 'cores', 'unused_indexes']
    const others = told.questions.filter(({ id }: Answer) => !machine.includes(id))
    expect(others.filter(({ answer }: Answer) => answer !== 'yes')).toEqual([])
    expect(told).toMatchObject({
      database: database.name,
      server: session.serverVersion,
      warehouse: 'test',
      failed: code === 4 ? 1 : 0,
      questions: questions.map(({ id, ask: question }) => ({
        id,
        question,
        answer: expect.stringMatching(/^(yes|no|warning|unknown)$/),
        finding: expect.stringMatching(/./),
      })),
    })
    // The npm package brings no pg_dump.
    expect(code).toBe(told.questions.find(({ id }: Answer) => id === 'client_tools').answer === 'yes' ? 0 : 4)
  })

  test('a conversion that was killed, and one that nobody has finished', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(
      "CREATE TABLE public.sales (id bigint PRIMARY KEY, day date NOT NULL); INSERT INTO public.sales SELECT n, date '2024-01-01' + n FROM generate_series(1, 90) AS n",
    )
    const file = {
      sales: {
        target: 'public.sales',
        key: 'id',
        partition: { key: 'day', kind: 'date', grain: 'month', premake: 0 },
      },
    }
    using warehouse = testWarehouse({ datasets: file })
    const at = warehouse.at(database.target)
    const some = ['targets', 'shadow_tables', 'kept_tables', 'dead_runs']
    const answers = async () => findings(await ask(database.target, asDatasets(file), { only: some }), some)
    expect(await answers()).toMatchObject({
      targets: 'no: public.sales is plain',
      shadow_tables: 'yes: yes',
      dead_runs: 'yes: there is no ledger yet',
    })
    await dwh(['setup', '--yes', '--no-backup'], {
      ...at,
      killAt: { type: 'step', step: 'public.sales: copy' },
    })
    // The server notices a client that is gone when it next talks to it.
    while ((await answers()).dead_runs === 'yes: yes') await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await answers()).toEqual({
      targets: 'no: public.sales is plain',
      shadow_tables: 'no: interrupted: public.sales_dwh_shadow',
      kept_tables: 'yes: nothing is',
      dead_runs: expect.stringMatching(/^no: run 1 \(setup --yes --no-backup\) of 20/),
    })
    const { shadow_tables, dead_runs } = await ask(database.target, asDatasets(file))
    expect(shadow_tables?.mend).toMatchObject({ kind: 'command', text: expect.stringMatching(/^dwh setup /) })
    expect(dead_runs?.mend?.text).toBe('dwh setup --yes --no-backup')
    expect(await dwh(['setup', '--yes', '--no-backup'], at)).toMatchObject({ code: 0 })
    expect(await answers()).toEqual({
      targets: 'yes: yes',
      shadow_tables: 'yes: yes',
      kept_tables: 'warning: public.sales_before_setup, for more than 0 days',
      dead_runs: 'yes: yes',
    })
    expect(await dwh(['setup', '--finish', '--yes'], at)).toMatchObject({ code: 0 })
    expect((await answers()).kept_tables).toBe('yes: nothing is')
  })
})

test('rows that backfills keep aside are told with what they are, and those that the ledger does not know', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  const backfill = await seedBackfill(session, {}, [
    { from: '2024-01-01', to: '2024-02-01', outcome: 'done' },
  ])
  await session.run(`CREATE TABLE public.dwh_chunk_1 (id int); CREATE TABLE public.dwh_chunk_9 (id int);
    INSERT INTO dwh.generations (chunk, kind, table_name, row_count) SELECT chunk, 'former', 'public.dwh_chunk_1', 0 FROM dwh.chunks`)
  const answer = async () => (await ask(database.target, [], { only: ['kept_rows'] })).kept_rows
  expect(await answer()).toMatchObject({
    answer: 'warning',
    finding: `rows that backfill ${backfill} has replaced, in 1 table of 0 MB, for more than 0 days`,
    mend: { text: `dwh backfill undo ${backfill} --finish # lets go of them` },
  })
  await session.run('UPDATE dwh.generations SET gone_at = clock_timestamp()')
  expect(await answer()).toMatchObject({
    answer: 'warning',
    finding: 'of no backfill that the ledger knows: public.dwh_chunk_1, public.dwh_chunk_9',
    mend: { text: expect.stringMatching(/DROP TABLE "public"\."dwh_chunk_9"/) },
  })
})

test('every question stands in its page, in order', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'doctor.md'), 'utf8')
  const table = page.slice(page.indexOf('| id | asks about'))
  expect([...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, id]) => id)).toEqual(questions.map(({ id }) => id))
})

describe('rows that a policy has no leaf for', () => {
  test('in a plain table: a policy with an unknown leaf has room for them', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(
      'CREATE TABLE public.bills (day integer); INSERT INTO public.bills VALUES (20240101), (NULL), (-1), (20240631)',
    )
    const file = (unknown: boolean) =>
      asDatasets({
        bills: {
          target: 'public.bills',
          partition: { key: 'day', kind: 'date_key', grain: 'year', from: '2020', unknown },
        },
      })
    const some = ['null_keys', 'rows_outside']
    const sick = await ask(database.target, file(false))
    expect(findings(sick, some)).toEqual({
      null_keys: 'no: public.bills: 1 rows have none',
      rows_outside: 'no: public.bills: 1 rows lie outside the policy, such as -1',
    })
    for (const id of some)
      expect(sick[id]?.mend?.text).toMatch(
        /^set unknown: true below datasets\.bills\.partition in the warehouse file/,
      )
    expect(findings(await ask(database.target, file(true)), some)).toEqual({
      null_keys: 'yes: none',
      rows_outside: 'yes: none',
    })
  })
})

describe('what cannot be found out', () => {
  test('is said so: a table that takes too long, one that is locked, one that may not be read, sessions of others', async () => {
    await using role = await freshRole(server, 'reader')
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`
      CREATE TABLE public.slow (id integer, day date);
      INSERT INTO public.slow SELECT n % 1000, date '2024-01-01' + n % 300 FROM generate_series(1, 200000) AS n`)
    const datasets = asDatasets({
      slow: { target: 'public.slow', key: 'id', partition: { key: 'day', kind: 'date', grain: 'month' } },
    })
    const some = ['rows_outside', 'duplicate_keys']
    const hasty = await ask(database.target, datasets, { limits: { ...lowLimits, readingSeconds: 0.001 } })
    expect(findings(hasty, some)).toEqual({
      rows_outside: 'unknown: slow not checked within 0.001 s',
      duplicate_keys: 'unknown: slow not checked within 0.001 s',
    })
    expect(hasty.duplicate_keys?.mend).toEqual({ kind: 'command', text: 'dwh doctor --deep' })
    const deep = await ask(database.target, datasets, { deep: true, limits: { readingSeconds: 0.001 } })
    expect(findings(deep, some)).toEqual({
      rows_outside: 'yes: none',
      duplicate_keys: expect.stringMatching(/^no: public\.slow: 1000 keys stand in more than one row/),
    })

    await using holder = await database.open()
    await holder.run('BEGIN; LOCK TABLE public.slow')
    expect(findings(await ask(database.target, datasets, { only: some }), some)).toEqual({
      rows_outside: 'unknown: not checked: somebody holds a lock on it',
      duplicate_keys: 'unknown: not checked: somebody holds a lock on it',
    })
    await holder.run('ROLLBACK')

    const poor = await ask({ ...database.target, user: role.name }, datasets)
    expect(findings(poor, ['privileges', 'duplicate_keys', 'long_transactions'])).toEqual({
      privileges: `no: ${role.name} may not: others own public.slow`,
      duplicate_keys: 'unknown: not checked: permission denied for table slow',
      long_transactions: `unknown: ${role.name} sees the sessions of its own only`,
    })
    await session.run(`GRANT USAGE ON SCHEMA public TO "${role.name}"`)
    await mend(session, poor.privileges as Answer)
    await mend(session, poor.long_transactions as Answer)
    const rich = await ask({ ...database.target, user: role.name }, datasets)
    expect(findings(rich, ['privileges', 'long_transactions'])).toEqual({
      privileges: `yes: ${role.name} may`,
      long_transactions: 'yes: none',
    })
    await session.run(
      `REVOKE ALL ON DATABASE "${database.name}" FROM "${role.name}"; REVOKE ALL ON SCHEMA public FROM "${role.name}"`,
    )
  })

  test('works without a warehouse file, and tells an encoding that is not UTF-8, an untested version and old client tools', async () => {
    await using database = await freshDatabase(server, { encoding: 'LATIN1' })
    await using newer = await reportingVersion(database.target, server.binaries.version.replace(/^\d+/, '99'))
    const told = await dwh(['doctor'], {
      cwd: '/',
      env: {
        PGHOST: '127.0.0.1',
        PGPORT: String(newer.target.port),
        PGUSER: database.target.user,
        PGDATABASE: database.name,
        PGSSLMODE: 'disable',
      },
    })
    expect(told).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/error CHECK_FAILED .*encoding, client_tools/),
    })
    expect(told.stdout).toMatch(
      /^✗ Is the database stored in UTF-8\? LATIN1\n {4}CREATE DATABASE new_name ENCODING 'UTF8'/m,
    )
    expect(told.stdout).toMatch(/^! Is the server a version that dwh is tested on\? it is 99; /m)
    expect(told.stdout).toMatch(/^✗ Are pg_dump and pg_restore here as new as the server\? only pg_dump \d+/m)
  })
})
