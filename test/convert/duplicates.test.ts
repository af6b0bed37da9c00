import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { psqlScript } from '../support/psql.ts'
import { server, servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const bills = { schema: 'public', name: 'bills' }
const setup = ['setup', '--yes', '--no-backup']
const warehouse = (more: object = { recency: 'changed_at' }) =>
  testWarehouse({
    datasets: {
      bills: {
        target: 'public.bills',
        key: ['client', 'number'],
        ...more,
        partition: { key: 'billed_on', kind: 'date', grain: 'year', from: '2022', unknown: true, premake: 0 },
      },
    },
  })

/**
 * Two thousand keys, of which every tenth stands twice and every hundredth three times, in different years and with NULLs
 * among the dates and the times of change; and rows without a whole key, which are nobody's duplicates.
 */
async function plainBills(session: Session): Promise<void> {
  await session.run(`
    CREATE TABLE public.bills (number int, client text, billed_on date, changed_at timestamptz, place text, note text,
                               twice int GENERATED ALWAYS AS (number * 2) STORED);
    INSERT INTO public.bills
    SELECT n, 'client "' || n % 7, date '2022-01-01' + n % 700, timestamptz '2024-01-01 00:00+00' + n * interval '1 minute', '(0,' || n || ')', 'first'
      FROM generate_series(1, 2000) AS n;
    INSERT INTO public.bills
    SELECT number, client, CASE WHEN number % 20 = 0 THEN billed_on + 365 END,
           CASE WHEN number % 40 = 0 THEN NULL WHEN number % 3 = 0 THEN changed_at - interval '1 day' ELSE changed_at + interval '1 day' END, place, 'second'
      FROM public.bills WHERE number % 10 = 0;
    INSERT INTO public.bills
    SELECT number, client, billed_on, changed_at, place, 'third' FROM public.bills WHERE number % 100 = 0 AND note = 'first';
    INSERT INTO public.bills SELECT 1, NULL, '2022-05-05', now(), 'nowhere', 'no client' FROM generate_series(1, 3);
    CREATE INDEX ON public.bills (client)`)
}

/** What must stay, found in another way than the program's: by comparing every pair. */
const newest = `
  SELECT number, client, billed_on, changed_at, place, note, twice FROM (
    SELECT b.*, EXISTS (
             SELECT FROM public.bills_before AS o
              WHERE o.number = b.number AND o.client = b.client AND o.ctid <> b.ctid
                AND (coalesce(o.changed_at, '-infinity'), o.ctid) > (coalesce(b.changed_at, '-infinity'), b.ctid)) AS superseded
      FROM public.bills_before AS b) AS judged
   WHERE superseded = $1 ORDER BY number, note, billed_on`

const columns = 'number, client, billed_on, changed_at, place, note, twice'

describe.each(servers)('duplicates in a conversion on $name', (server) => {
  const template = databaseTemplate(server, plainBills)

  test('the newest row of a key stays, the others are set aside and counted, and nothing is lost', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using file = warehouse()
    const at = file.at(database.target)
    const before = await describeTable(session, bills)
    await session.run('CREATE VIEW public.bills_before AS SELECT b.ctid, b.* FROM public.bills AS b')
    const kept = await session.rows(newest, [false])
    const aside = await session.rows(newest, [true])
    await session.run('DROP VIEW public.bills_before')
    expect([kept.length, aside.length]).toEqual([2003, 220])

    const plan = await dwh(['setup', '--dry-run'], at)
    expect(plan.stdout).toMatch(
      /set aside 220 rows, such as \(.*\), into public\.bills_duplicates: of 200 keys \(client, number\) the newest row by changed_at stays; 13 have several/,
    )
    const done = await dwh(setup, at)
    expect(done).toMatchObject({ code: 0 })
    expect(done.stderr).toMatch(/2,003 rows and 220 set aside, both sides equal/)
    const order = 'ORDER BY number, note, billed_on'
    expect(await session.rows(`SELECT ${columns} FROM public.bills ${order}`)).toEqual(kept)
    expect(await session.rows(`SELECT ${columns} FROM public.bills_duplicates ${order}`)).toEqual(aside)
    const [{ duplicates, row_count } = { duplicates: null, row_count: 0 }] = await session.rows<{
      duplicates: { name: string; rows: number } | null
      row_count: number
    }>('SELECT duplicates, row_count FROM dwh.conversions')
    expect([duplicates, row_count]).toMatchObject([{ name: 'bills_duplicates', rows: 220 }, 2003])
    const constraint = `SELECT pg_get_constraintdef(oid) AS is FROM pg_constraint WHERE conrelid = 'public.bills'::regclass AND contype = 'u'`
    expect(await session.rows(constraint)).toEqual([{ is: 'UNIQUE (client, number, billed_on)' }])
    // The rows set aside are their owner's only.
    expect(
      await session.rows(`SELECT relacl FROM pg_class WHERE oid = 'public.bills_duplicates'::regclass`),
    ).toEqual([{ relacl: null }])
    expect(await dwh(['setup', '--yes'], at)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing to do'),
    })

    expect(await dwh(['setup', '--undo', '--yes'], at)).toMatchObject({ code: 0 })
    expect(await describeTable(session, bills)).toEqual(before)
    const left = await session.rows(
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
    )
    expect(left).toEqual([{ relname: 'bills' }])
  })

  const steps = ['duplicates', 'hash', 'copy', 'indexes', 'proof', 'swap']
  test.each(everyFault ? steps : [server === servers[0] ? 'hash' : 'proof'])(
    'killed with -9 before the step %s, and rows change before the next run',
    async (step) => {
      await using database = await freshDatabase(server, { template: template.name })
      await using session = await database.open()
      using file = warehouse()
      const at = file.at(database.target)
      const killed = await dwh(setup, {
        ...at,
        killAt: { type: 'step', step: `public.bills: ${step}`, state: 'started' },
      })
      expect(killed).toMatchObject({ signal: 'SIGKILL' })
      // Somebody takes a part of the shadow tree for a leftover.
      if (step === 'indexes') await session.run('DROP TABLE public.bills_2023')
      await session.run(`UPDATE public.bills SET changed_at = now() WHERE number = 100 AND note = 'second';
                         INSERT INTO public.bills VALUES (7, 'client "0', '2022-02-02', now(), 'x', 'late')`)
      expect(await dwh(setup, at)).toMatchObject({ code: 0 })
      const rows = await session.rows(
        `SELECT number, note FROM public.bills WHERE number IN (7, 100) ORDER BY 1`,
      )
      expect(rows).toEqual([
        { number: 7, note: 'late' },
        { number: 100, note: 'second' },
      ])
      expect(
        await session.rows(`SELECT (SELECT count(*) FROM public.bills) AS kept, (SELECT count(*) FROM public.bills_duplicates) AS aside,
                                   to_regclass('public.bills_dwh_places') AS places`),
      ).toEqual([{ kept: 2003, aside: 221, places: null }])
    },
  )
})

describe('duplicates in a conversion', () => {
  const template = databaseTemplate(server, plainBills)

  test('the plan as SQL sets them aside too', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using file = warehouse()
    expect(await dwh(['setup', '--sql', 'plan.sql'], file.at(database.target))).toMatchObject({ code: 0 })
    psqlScript(file.at(database.target), 'plan.sql')
    expect(
      await session.rows(`SELECT (SELECT count(*) FROM public.bills) AS kept, (SELECT count(*) FROM public.bills_duplicates) AS aside,
                                 to_regclass('public.bills_dwh_places') AS places`),
    ).toEqual([{ kept: 2003, aside: 220, places: null }])
  })

  test('are refused where nothing says which row is the newest, and where their place is taken', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const before = await describeTable(session, bills)
    using unordered = warehouse({})
    expect(await dwh(setup, unordered.at(database.target))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /ROWS_UNFIT public\.bills: 200 keys \(client, number\) in more than one row, 220 rows too many.*\nhint .*recency/,
      ),
    })
    await session.run('CREATE TABLE public.bills_duplicates (mine int)')
    using file = warehouse()
    expect(await dwh(setup, file.at(database.target))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/TARGET_UNFIT .*names that are taken: .*bills_duplicates/),
    })
    expect(await describeTable(session, bills)).toEqual(before)
  })

  test('are ordered by a type that an extension made, and refused by one without an order', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    // An integer under another name, whose operators are in no search_path.
    const operators = ['<', '<=', '=', '>=', '>'].map((name, n) => {
      const internal = ['int4lt', 'int4le', 'int4eq', 'int4ge', 'int4gt'][n]
      return `CREATE FUNCTION public.version_${n} (public.version, public.version) RETURNS boolean IMMUTABLE STRICT LANGUAGE internal AS '${internal}';
              CREATE OPERATOR public.${name} (FUNCTION = public.version_${n}, LEFTARG = public.version, RIGHTARG = public.version);`
    })
    await session.run(`
      CREATE TYPE public.version;
      CREATE FUNCTION public.version_in (cstring) RETURNS public.version IMMUTABLE STRICT LANGUAGE internal AS 'int4in';
      CREATE FUNCTION public.version_out (public.version) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'int4out';
      CREATE TYPE public.version (INPUT = public.version_in, OUTPUT = public.version_out, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4);
      ${operators.join('')}
      CREATE FUNCTION public.version_order (public.version, public.version) RETURNS integer IMMUTABLE STRICT LANGUAGE internal AS 'btint4cmp';
      CREATE OPERATOR CLASS public.version_ops DEFAULT FOR TYPE public.version USING btree AS OPERATOR 1 public.<, OPERATOR 2 public.<=,
        OPERATOR 3 public.=, OPERATOR 4 public.>=, OPERATOR 5 public.>, FUNCTION 1 public.version_order (public.version, public.version);
      ALTER TABLE public.bills ADD version public.version DEFAULT '1', ADD document json;
      UPDATE public.bills SET version = '2' WHERE note = 'first'`)
    using unordered = warehouse({ recency: 'document' })
    expect(await dwh(['setup', '--dry-run'], unordered.at(database.target))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /TARGET_UNFIT .* cannot be sorted by client, number, document: .*json; nothing was changed\nhint/,
      ),
    })
    using file = warehouse({ recency: 'version' })
    const done = await dwh(setup, file.at(database.target))
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining('200 keys') })
    expect(done.stderr).not.toContain('have several')
    const kept = `SELECT DISTINCT note FROM public.bills WHERE number % 10 = 0`
    expect(await session.rows(kept)).toEqual([{ note: 'first' }])
  })

  test('are refused where another table refers to a row that would be set aside', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run(`
      ALTER TABLE public.bills ADD id serial, ADD UNIQUE (id, billed_on);
      CREATE TABLE public.payments (bill int, day date, CONSTRAINT payments_bill FOREIGN KEY (bill, day) REFERENCES public.bills (id, billed_on));
      INSERT INTO public.payments SELECT id, billed_on FROM public.bills WHERE number = 100 AND note <> 'third'`)
    using file = warehouse()
    expect(await dwh(setup, file.at(database.target))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /ROWS_UNFIT 1 of the rows of public\.bills .* are referred to by public\.payments \(payments_bill\); nothing was changed\nhint/,
      ),
    })
  })

  test('a copy that somebody changed is not dropped by --undo', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using file = warehouse()
    const at = file.at(database.target)
    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
    await session.run("UPDATE public.bills_duplicates SET note = 'mine' WHERE number = 20")
    expect(await dwh(['setup', '--undo', '--yes'], at)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('public.bills_duplicates has changed since the conversion'),
    })
    expect(await session.rows('SELECT count(*) AS n FROM public.bills_duplicates')).toEqual([{ n: 220 }])
  })
})
