import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { dwh, ended, startDwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { server, servers } from '../support/servers.ts'
import { untilStopped } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'

const warehouse = () =>
  testWarehouse({
    datasets: {
      bills: {
        target: 'public.bills',
        key: 'number',
        recency: 'changed_at',
        partition: { key: 'billed_on', kind: 'date', grain: 'year', from: '2022', until: '2025', premake: 0 },
      },
    },
  })

/** A thousand bills in three leaves; every tenth stands in two of them, every fiftieth twice in one as well. */
async function partitionedBills(session: Session): Promise<void> {
  await session.run(`
    CREATE TABLE public.bills (number int, billed_on date NOT NULL, changed_at timestamptz, note text,
                               twice int GENERATED ALWAYS AS (number * 2) STORED) PARTITION BY RANGE (billed_on);
    CREATE TABLE public.bills_2022 PARTITION OF public.bills FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
    CREATE TABLE public.bills_2023 PARTITION OF public.bills FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
    CREATE TABLE public.bills_2024 PARTITION OF public.bills FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    INSERT INTO public.bills SELECT n, date '2022-01-01' + n, timestamptz '2024-01-01 00:00+00' + n * interval '1 minute', 'first'
      FROM generate_series(0, 999) AS n;
    INSERT INTO public.bills SELECT number, CASE WHEN number < 500 THEN billed_on + 366 ELSE billed_on - 366 END,
                                    changed_at + CASE WHEN number % 20 = 0 THEN -1 ELSE 1 END * interval '1 day', 'moved'
      FROM public.bills WHERE number % 10 = 0;
    INSERT INTO public.bills SELECT number, billed_on, changed_at, 'again' FROM public.bills WHERE number % 50 = 0 AND note = 'first';
    INSERT INTO public.bills SELECT NULL, '2022-05-05', now(), 'no number' FROM generate_series(1, 3)`)
}

const left = `SELECT number, note FROM public.bills WHERE number % 10 = 0 ORDER BY number`
const constraints = `SELECT r.relname AS table, c.conname AS name, i.indisvalid AS valid
                       FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid JOIN pg_index AS i ON i.indexrelid = c.conindid
                      WHERE c.contype = 'u' AND r.relnamespace = 'public'::regnamespace ORDER BY 1`
const allValid = [
  { table: 'bills', name: 'bills_key', valid: true },
  { table: 'bills_2022', name: 'bills_2022_key', valid: true },
  { table: 'bills_2023', name: 'bills_2023_key', valid: true },
  { table: 'bills_2024', name: 'bills_2024_key', valid: true },
]
/** Of number 0, 20 …: `first` or, where it was stored later, `again`; of 10, 30 …: `moved`. */
const expected = Array.from({ length: 100 }, (_, n) => n * 10).map((number) => ({
  number,
  note: number % 20 !== 0 ? 'moved' : number % 50 === 0 ? 'again' : 'first',
}))

describe.each(servers)('dwh dedup on $name', (server) => {
  const template = databaseTemplate(server, partitionedBills)

  test('plan shows, run moves across leaves and adds the constraint, a second run has nothing to do', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using folder = warehouse()
    const at = folder.at(database.target)
    const all = await session.rows('SELECT * FROM public.bills ORDER BY number, note, billed_on')

    const plan = await dwh(['dedup', 'bills', '--json'], at)
    expect(plan.code).toBe(0)
    expect(JSON.parse(plan.stdout)).toMatchObject({
      table: 'public.bills',
      keys: 100,
      rows: 120,
      ties: 10,
      aside: 'public.bills_duplicates',
      constraint: { name: 'bills_key', columns: ['number', 'billed_on'], state: 'missing' },
    })
    expect(await session.rows(`SELECT to_regclass('dwh.runs') AS ledger`)).toEqual([{ ledger: null }])
    expect(await dwh(['dedup', 'bills', 'run'], at)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/120 rows; the newest by changed_at stay.*NEEDS_CONFIRMATION/s),
    })

    const run = await dwh(['dedup', 'bills', 'run', '--yes', '--json'], at)
    expect(run.code).toBe(0)
    expect(JSON.parse(run.stdout)).toMatchObject({ moved: 120, constraint_added: 'bills_key' })
    expect(await session.rows(left)).toEqual(expected)
    expect(await session.rows(constraints)).toEqual(allValid)
    expect(
      await session.rows(
        'SELECT * FROM (SELECT * FROM public.bills UNION ALL SELECT * FROM public.bills_duplicates) AS together ORDER BY number, note, billed_on',
      ),
    ).toEqual(all)
    expect(await dwh(['dedup', 'bills', 'run', '--yes'], at)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing to do'),
    })
    // The constraint holds new leaves too.
    await session.run(
      `CREATE TABLE public.bills_2025 PARTITION OF public.bills FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`,
    )
    expect((await session.rows(constraints)).length).toBe(5)
  })

  const steps = ['move', 'constraint', 'vacuum']
  test.each(everyFault ? steps : ['constraint'])(
    'killed with -9 before the step %s it goes on',
    async (step) => {
      await using database = await freshDatabase(server, { template: template.name })
      await using session = await database.open()
      using folder = warehouse()
      const at = folder.at(database.target)
      const killed = await dwh(['dedup', 'bills', 'run', '--yes'], {
        ...at,
        killAt: { type: 'step', step, state: 'started' },
      })
      expect(killed).toMatchObject({ signal: 'SIGKILL' })
      expect(await dwh(['dedup', 'bills', 'run', '--yes'], at)).toMatchObject({ code: 0 })
      expect(await session.rows(left)).toEqual(expected)
      expect(await session.rows(constraints)).toEqual(allValid)
      expect(await session.rows('SELECT count(*) AS n FROM public.bills_duplicates')).toEqual([{ n: 120 }])
    },
  )
})

describe('dwh dedup', () => {
  const template = databaseTemplate(server, partitionedBills)

  test('killed while it builds the constraint, it builds what is missing', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using folder = warehouse()
    const at = folder.at(database.target)
    // The first index of a leaf is there, the second is what a stopped build leaves.
    const killed = await dwh(['dedup', 'bills', 'run', '--yes'], {
      ...at,
      killAt: { type: 'progress', step: 'constraint' },
    })
    expect(killed).toMatchObject({ signal: 'SIGKILL' })
    await session.run(
      `INSERT INTO public.bills SELECT 1, '2023-06-06', now(), 'twice' FROM generate_series(1, 2);`,
    )
    await expect(
      session.run('CREATE UNIQUE INDEX CONCURRENTLY bills_2023_key ON public.bills_2023 (number, billed_on)'),
    ).rejects.toMatchObject({ code: 'SQL_FAILED' })
    expect(await dwh(['dedup', 'bills', 'run', '--yes'], at)).toMatchObject({ code: 0 })
    expect(await session.rows(constraints)).toEqual(allValid)
    expect(
      await session.rows(
        'SELECT count(*) AS n FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE NOT indisvalid',
      ),
    ).toEqual([{ n: 0 }])
    expect(await session.rows('SELECT count(*) AS n FROM public.bills WHERE number = 1')).toEqual([{ n: 1 }])
  })

  test('readers and writers go on, and a row that changes while it is moved starts the move again', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using writer = await database.open()
    using folder = warehouse()
    const at = folder.at(database.target)
    await writer.run(`BEGIN; UPDATE public.bills SET changed_at = now() WHERE number = 20 AND note = 'moved'`)
    const running = dwh(['dedup', 'bills', 'run', '--yes'], at)
    // The move waits for the writer's row.
    for (let found = 0; found === 0; ) {
      found = (
        await session.rows(
          `SELECT FROM pg_stat_activity WHERE application_name LIKE 'dwh dedup%' AND wait_event = 'transactionid'`,
        )
      ).length
    }
    expect(await session.rows('SELECT count(*) AS n FROM public.bills')).toEqual([{ n: 1123 }])
    await session.run(`INSERT INTO public.bills VALUES (5000, '2024-05-05', now(), 'meanwhile')`)
    await writer.run('COMMIT')
    expect(await running).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('rows changed while they were moved: once more (attempt 2)'),
    })
    expect(
      await session.rows('SELECT note FROM public.bills WHERE number IN (20, 5000) ORDER BY number'),
    ).toEqual([{ note: 'moved' }, { note: 'meanwhile' }])
  })

  test('a column that came after the plan loses no value, and a leaf that came with it gets its index by the next run', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using folder = warehouse()
    const at = folder.at(database.target)
    const meanwhile = async (step: string, statement: string) => {
      const child = startDwh(['dedup', 'bills', 'run', '--yes'], {
        ...at,
        stopAt: { type: 'step', step, state: 'started' },
      })
      const result = ended(child)
      await untilStopped(child.pid)
      await session.run(statement)
      child.kill('SIGCONT')
      return result
    }
    expect(await meanwhile('move', `ALTER TABLE public.bills ADD precious text DEFAULT 'yes'`)).toMatchObject(
      {
        code: 1,
        stderr: expect.stringMatching(/TARGET_UNFIT public\.bills got a column after the plan/),
      },
    )
    const leaf = `CREATE TABLE public.bills_2025 PARTITION OF public.bills FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`
    expect(await meanwhile('constraint', leaf)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /TARGET_UNFIT public\.bills got a leaf while bills_key was added.*\nhint .*same command/,
      ),
    })
    expect(await dwh(['dedup', 'bills', 'run', '--yes'], at)).toMatchObject({ code: 0 })
    expect(await session.rows(constraints)).toEqual([
      ...allValid,
      { table: 'bills_2025', name: 'bills_2025_key', valid: true },
    ])
    expect(await session.rows('SELECT count(precious) AS n FROM public.bills_duplicates')).toEqual([
      { n: 120 },
    ])
  })

  test('indexes of leaves that cannot be those of a plain constraint are left alone', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using folder = warehouse()
    await session.run(`
      DELETE FROM public.bills WHERE number % 10 = 0;
      CREATE UNIQUE INDEX own_order ON public.bills_2022 (number DESC, billed_on);
      CREATE UNIQUE INDEX own_more ON public.bills_2023 (number, billed_on) INCLUDE (note)`)
    expect(await dwh(['dedup', 'bills', 'run', '--yes'], folder.at(database.target))).toMatchObject({
      code: 0,
    })
    expect(await session.rows(constraints)).toEqual(allValid)
  })

  test('refuses with one error each, and changes nothing', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using folder = warehouse()
    const at = folder.at(database.target)
    const refusal = async (statement: string, pattern: RegExp) => {
      await session.run(statement)
      expect(await dwh(['dedup', 'bills', 'run', '--yes'], at)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(pattern),
      })
      const rows = "SELECT count(*) AS n FROM public.bills WHERE billed_on >= '2022-01-01'"
      expect(await session.rows(rows)).toEqual([{ n: 1123 }])
    }
    expect(await dwh(['dedup', 'bils'], at)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no dataset "bils".*bills/),
    })
    await refusal(
      'CREATE TABLE public.bills_duplicates (number bigint)',
      /TARGET_UNFIT public\.bills_duplicates cannot take rows of public\.bills: it lacks number integer, .*nothing was changed/,
    )
    await refusal(
      `DROP TABLE public.bills_duplicates;
       CREATE UNLOGGED TABLE public.bills_duplicates (LIKE public.bills, who text NOT NULL);
       CREATE TRIGGER tidy AFTER INSERT ON public.bills_duplicates EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
      /TARGET_UNFIT public\.bills_duplicates .*: it is unlogged .*; it demands values for who; it has triggers: tidy; nothing was changed/,
    )
    await refusal(
      `DROP TABLE public.bills_duplicates; CREATE VIEW public.bills_duplicates AS SELECT * FROM public.bills`,
      /TARGET_UNFIT public\.bills_duplicates .*: it is no plain table; nothing was changed/,
    )
    // A key may refer to one leaf by itself.
    await refusal(
      `DROP VIEW public.bills_duplicates;
       CREATE TABLE public.bills_2021 PARTITION OF public.bills FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
       ALTER TABLE public.bills_2021 ADD UNIQUE (number);
       CREATE TABLE public.lines (bill int CONSTRAINT lines_bill REFERENCES public.bills_2021 (number) ON DELETE CASCADE)`,
      /TARGET_UNFIT deleting rows of public\.bills would change other tables by lines_bill of public\.lines/,
    )
    await refusal(
      `DROP TABLE public.lines, public.bills_2021; CREATE FOREIGN DATA WRAPPER none; CREATE SERVER none FOREIGN DATA WRAPPER none;
       CREATE FOREIGN TABLE public.bills_2021 PARTITION OF public.bills FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') SERVER none`,
      /TARGET_UNFIT leaves of public\.bills are foreign tables, .*public\.bills_2021/,
    )
    await refusal(
      `DROP FOREIGN TABLE public.bills_2021;
       CREATE TABLE public.stays (n int); CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER keep BEFORE DELETE ON public.bills FOR EACH ROW EXECUTE FUNCTION public.keep()`,
      /PROOF_FAILED .*nothing was changed\nhint .*trigger/,
    )
    await refusal(
      `DROP TRIGGER keep ON public.bills; ALTER TABLE public.bills ADD id serial, ADD UNIQUE (id, billed_on);
       CREATE TABLE public.lines (bill int, day date, FOREIGN KEY (bill, day) REFERENCES public.bills (id, billed_on) DEFERRABLE INITIALLY DEFERRED);
       INSERT INTO public.lines SELECT id, billed_on FROM public.bills WHERE number = 0`,
      /ROWS_UNFIT a row to be moved is referred to: .*lines.*; nothing was changed\nhint/,
    )
    await refusal(
      'ALTER TABLE public.bills DROP COLUMN changed_at CASCADE',
      /TARGET_UNFIT public\.bills has no column changed_at/,
    )
  })
})
