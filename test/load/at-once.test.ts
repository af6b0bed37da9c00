import { describe, expect, inject, test, vi } from 'vitest'
import { Session } from '../../src/postgres/session.ts'
import { fc } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const measure = {
  target: 'public.measure',
  key: ['id', 'jour'],
  columns: {
    ...{
      id: 'int',
      jour: 'date',
      station: 'text',
      agent: 'text',
      amount: 'numeric(6,2)',
      label: 'varchar(4)',
    },
    remark: { type: 'text', required: true },
  },
  partition: {
    ...{ key: 'jour', kind: 'date', grain: 'month', from: '2024-01-01', ceiling: '2025-01-01' },
    ...{ premake: 0, unknown: true },
  },
  references: {
    station: { table: 'public.station', column: 'code', on_missing: 'reject' },
    agent: { table: 'public.agent', column: 'code', on_missing: 'set_null' },
  },
}
const map = {
  jour: "to_date(day, 'YYYYMMDD')",
  amount: "replace(price, ',', '.')::numeric * 2",
  agent: 'lower(agent)',
  label: 'trim(label)',
}
const datasets = {
  computed: { ...measure, map },
  newest: { ...measure, map, recency: 'id' },
  // Nothing is computed: only other tables have to be asked.
  copied: { ...measure, map: { jour: 'day', amount: 'price' } },
}

const tables = `
  SET search_path = public;
  CREATE TABLE station (code text PRIMARY KEY);
  INSERT INTO station SELECT 'S' || n FROM generate_series(1, 5) AS n;
  CREATE TABLE agent (code text PRIMARY KEY);
  INSERT INTO agent VALUES ('anne'), ('bob');
  CREATE TABLE measure (id int, jour date, station text, agent text, amount numeric(6,2) CHECK (amount <> 13), label varchar(4),
                        remark text, inverse numeric GENERATED ALWAYS AS (100 / (amount - 7)) STORED, UNIQUE (id, jour))
    PARTITION BY RANGE (jour);
  CREATE TABLE measure_2024_01 PARTITION OF measure FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
  CREATE TABLE measure_unknown PARTITION OF measure DEFAULT`

const trigger = `
  CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.label = 'evil' THEN RAISE 'evil is refused'; END IF;
    NEW.remark := NEW.remark || '!';
    RETURN NEW;
  END $$;
  CREATE TRIGGER guard BEFORE INSERT ON measure FOR EACH ROW EXECUTE FUNCTION guard()`

/** Mostly what can be loaded, now and then what cannot. */
const mostly = (good: fc.Arbitrary<string | null>, ...bad: (string | null)[]) =>
  fc.oneof({ weight: 120, arbitrary: good }, { weight: 1, arbitrary: fc.constantFrom(...bad) })
const digits = (least: number, most: number) => fc.integer({ min: least, max: most }).map(String)
const row = fc.record({
  id: mostly(digits(1, 400), null, 'x', '3000000000'),
  // Days of months that have leaves or get some, and of others that only the unknown leaf takes.
  day: mostly(
    fc.constantFrom('20240105', '20240131', '20240201', '20240315', '20241231', '20190101', '20250101'),
    ...[null, 'someday', '20241345'],
  ),
  station: mostly(fc.constantFrom('S1', 'S2', 'S3', null), 'S9', ''),
  agent: fc.constantFrom('anne', 'bob', 'Nobody', null),
  price: mostly(fc.constantFrom('1.5', '2', '-3.25', '8.125', null), '6.5', '13', '3.5', '7', '99999', 'abc'),
  label: mostly(fc.constantFrom('a', ' b ', 'abcd', null), 'abcdefg', 'evil'),
  remark: mostly(fc.constantFrom('r', 'é, "q"', ''), null),
})
type Row = Record<keyof typeof columns, string | null>
const columns = { id: 0, day: 0, station: 0, agent: 0, price: 0, label: 0, remark: 0 }

const asCsv = (rows: Row[]) =>
  csv(
    Object.keys(columns).join(),
    rows.map((one) => Object.keys(columns).map((name) => one[name as keyof Row])),
  )
const asJson = (rows: Row[]) => rows.map((one) => `${JSON.stringify(one)}\n`).join('')

describe.each(servers)('rows that are brought at once on $name', (server) => {
  const template = loadTemplate(server, tables)

  test.each([
    { dataset: 'computed', strategy: 'append', hasTrigger: true },
    { dataset: 'computed', strategy: 'merge', hasTrigger: false },
    { dataset: 'newest', strategy: 'aside', hasTrigger: false },
    { dataset: 'copied', strategy: 'append', hasTrigger: true },
    { dataset: 'copied', strategy: 'merge', hasTrigger: false },
  ] as const)(
    '$dataset by $strategy: what is brought with all care is the same, and so are rejects',
    async ({ dataset, strategy, hasTrigger }) => {
      await using place = await loadingPlace(server, template, datasets)
      if (hasTrigger) await place.session.run(trigger)
      const [rows = []] = fc.sample(fc.array(row, { minLength: 300, maxLength: 300 }), {
        numRuns: 1,
        seed: inject('seed'),
      }) as Row[][]
      // A key that is there already ends an append.
      if (strategy === 'append') for (const [n, one] of rows.entries()) if (one.id?.length) one.id = `${n}`
      // Whatever the seed: a row that is refused, so that the batch of all has to be looked at.
      Object.assign(rows[7] as Row, { station: 'S9', day: '20240105' })
      const form = strategy === 'merge' ? asJson(rows) : asCsv(rows)
      const format = strategy === 'merge' ? ('ndjson' as const) : ('csv' as const)

      const load = async (batchBytes: number) => {
        const run = vi.spyOn(Session.prototype, 'run')
        const options = {
          strategy,
          budget: { share: 1 },
          again: true,
          jobs: 1,
          reading: { format, batchBytes },
        }
        const { load, plan, notes: _, ...figures } = await place.load(dataset, form, options)
        const seen = run.mock.calls.flatMap(([sql]) => (typeof sql === 'string' ? [sql] : []))
        run.mockRestore()
        const found = {
          figures: { ...figures, leaves: undefined },
          landing: plan.landing,
          rows: await place.rows(
            'SELECT t.*, tableoid::regclass::text AS leaf FROM measure AS t ORDER BY id, jour, remark, label',
          ),
          rejects: await place.rows(
            `SELECT record, line, reasons, convert_from(original, 'UTF8') AS original FROM dwh.rejects WHERE load = ${load} ORDER BY record`,
          ),
        }
        await place.session.run('TRUNCATE measure; DELETE FROM dwh.loads')
        const into = seen.filter((sql) => sql.startsWith('INSERT INTO "public"'))
        const atOnce = dataset === 'copied' ? 'dwh_arrived AS a WHERE CASE' : 'dwh_records OFFSET 0'
        const attempts = into.filter((sql) => sql.includes(atOnce)).length
        const careful = into.filter((sql) => /dwh_arrived AS a(?! WHERE CASE)/.test(sql)).length
        return { ...found, attempts, careful }
      }
      const whole = await load(1024 * 1024)
      const inPieces = await load(200)
      expect(inPieces.rows).toEqual(whole.rows)
      expect(inPieces.rejects).toEqual(whole.rejects)
      expect(inPieces.figures).toEqual(whole.figures)
      expect(whole.rejects.length).toBeGreaterThan(1)
      expect(whole.rows.length).toBeGreaterThan(100)
      expect(whole.rows.some(({ agent }) => agent === null)).toBe(true)
      expect(whole.careful).toBeGreaterThan(0)
      expect(inPieces.attempts).toBeGreaterThan(5)
      expect(await leftovers(place.session)).toEqual([])
    },
  )
})
