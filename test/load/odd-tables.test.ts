import { describe, expect, test } from 'vitest'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const partition = { key: 'jour', kind: 'date', grain: 'month', from: '2024-01-01', premake: 0 }
const key = ['id', 'jour']
const datasets = {
  domains: { target: 'public.domains', key, partition },
  computed: { target: 'public.domains', key, partition, map: { code: 'upper(code)' } },
  generated: { target: 'public.generated', key, partition },
  related: { target: 'public.related', key, partition },
  numbered: { target: 'public.numbered', key: 'code' },
  guarded: { target: 'public.guarded', key: 'id' },
  budget: { target: 'public.budget', key: 'id', thresholds: { rejects: 0.05 } },
}

const tables = `
  SET search_path = public;
  CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0);
  CREATE DOMAIN short AS varchar(3);
  CREATE DOMAIN code AS short CHECK (VALUE <> 'ZZZ');
  CREATE TABLE domains (id positive, jour date, code code, PRIMARY KEY (id, jour)) PARTITION BY RANGE (jour);
  CREATE TABLE generated (id int, jour date, v int, per_cent int GENERATED ALWAYS AS (100 / v) STORED, PRIMARY KEY (id, jour))
    PARTITION BY RANGE (jour);
  CREATE TABLE related (id int, jour date, a int, b int, PRIMARY KEY (id, jour)) PARTITION BY RANGE (jour);
  CREATE STATISTICS related_ab (dependencies) ON a, b FROM related;
  CREATE TABLE related_2024_01 (LIKE related INCLUDING ALL);
  ALTER TABLE related ATTACH PARTITION related_2024_01 FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
  CREATE TABLE numbered (n bigint GENERATED ALWAYS AS IDENTITY, code text PRIMARY KEY, v int);
  CREATE TABLE guarded (id int PRIMARY KEY, v int);
  CREATE TABLE budget (id int PRIMARY KEY, v int);
  CREATE FUNCTION no_thirteen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.v = 13 THEN RAISE 'thirteen is refused'; END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER no_thirteen BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION no_thirteen()`

describe.each(servers)('odd tables on $name', (server) => {
  const template = loadTemplate(server, tables)
  const budget = { share: 1 }

  test('a row that is no value of a domain is a reject, and none is cut to its length', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const reasons = async (load: number) => {
      const rows = await place.rows(
        `SELECT record, reasons -> 0 ->> 'column' AS of, reasons -> 0 ->> 'message' AS why FROM dwh.rejects WHERE load = ${load} ORDER BY record`,
      )
      return rows.map(({ record, of, why }) => `${record} ${of} ${why}`)
    }
    const file = csv('id,jour,code', [
      [1, '2024-01-01', 'ABC'],
      [2, '2024-01-01', 'ABCD'],
      [0, '2024-01-01', 'ABC'],
      [null, '2024-01-01', 'ABC'],
      [3, '2024-01-01', 'ZZZ'],
      [4, '2024-01-01', null],
    ])
    const expected = [
      '2 code value too long for type character varying(3)',
      '3 id value for domain public.positive violates check constraint "positive_check"',
      '4 id domain public.positive does not allow null values',
      '5 code value for domain public.code violates check constraint "code_check"',
    ]
    for (const dataset of ['domains', 'computed']) {
      const { load, ...figures } = await place.load(dataset, file, { budget })
      expect(figures).toMatchObject({ records: 6, rejected: 4 })
      expect(await reasons(load)).toEqual(expected)
      expect(await place.rows('SELECT id, code FROM domains ORDER BY id')).toEqual([
        { id: 1, code: 'ABC' },
        { id: 4, code: null },
      ])
    }
  })

  test('what nobody foresees refuses its row and no other: a generated column, a trigger', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const file = (divisors: number[]) =>
      csv(
        'id,jour,v',
        divisors.map((v, n) => [n + 1, `2024-0${1 + (n % 3)}-01`, v]),
      )
    const many = Array.from({ length: 40 }, (_, n) => (n % 17 === 5 ? 0 : n + 1))
    for (const strategy of ['aside', 'merge', 'append'] as const) {
      const loaded = await place.load('generated', file(many), { strategy, budget })
      expect(loaded).toMatchObject({ records: 40, inserted: 37, rejected: 3 })
      expect(
        await place.rows(
          `SELECT record, reasons FROM dwh.rejects WHERE load = ${loaded.load} ORDER BY record`,
        ),
      ).toEqual(
        [6, 23, 40].map((record) => ({
          record,
          reasons: [{ kind: 'other', message: 'division by zero', sqlstate: '22012' }],
        })),
      )
      await place.session.run('TRUNCATE public.generated; DELETE FROM dwh.loads')
    }
    expect(
      await place.load('guarded', 'id,v\n1,1\n2,13\n3,x\n4,4\n', { strategy: 'append', budget }),
    ).toMatchObject({ inserted: 2, rejected: 2 })
    expect(await leftovers(place.session)).toEqual([])
  })

  test('leaves have the extended statistics of their table, and are exchanged though they have them', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const rows = (month: number) =>
      Array.from({ length: 30 }, (_, n) => [n, `2024-0${month}-01`, n % 5, n % 5])
    const loaded = await place.load('related', csv('id,jour,a,b', [...rows(1), ...rows(2)]), {
      onDuplicate: 'error',
    })
    expect(loaded).toMatchObject({
      plan: { strategy: 'aside', landing: 'leaves' },
      leaves: [
        { name: 'related_2024_01', rows: 30 },
        { name: 'related_2024_02', rows: 30 },
      ],
    })
    const found = `SELECT s.stxrelid::regclass::text AS of, s.stxname::text AS name, pg_get_statisticsobjdef_columns(s.oid) AS columns,
       EXISTS (SELECT FROM pg_statistic_ext_data AS d WHERE d.stxoid = s.oid) AS known FROM pg_statistic_ext AS s WHERE s.stxrelid <> 'related'::regclass ORDER BY 1`
    expect(await place.rows(found)).toEqual(
      ['related_2024_01', 'related_2024_02'].map((of) => ({
        of,
        name: `${of}_a_b_stat`,
        columns: 'a, b',
        known: true,
      })),
    )
  })

  test('a merge leaves a number alone that the table gives by itself', async () => {
    await using place = await loadingPlace(server, template, datasets)
    await place.load('numbered', 'n,code,v\n100,x,1\n200,y,2\n')
    expect(await place.load('numbered', 'n,code,v\n101,x,1\n201,y,3\n')).toMatchObject({
      updated: 1,
      unchanged: 1,
    })
    expect(await place.rows('SELECT n, v FROM numbered ORDER BY n')).toEqual([
      { n: 100, v: 1 },
      { n: 200, v: 3 },
    ])
  })

  test('a file that is wrong as a whole is given up before its end, by the number of its records', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const line = (n: number, v: string) => `${n},${v}\n`
    const wrong = Array.from({ length: 40_000 }, (_, n) => line(n, 'x')).join('')
    const reading = { batchBytes: 16 * 1024 }
    const refused = await place.refusal('budget', `id,v\n${wrong}`, { reading })
    expect(refused).toMatchObject({ code: 'REJECTS_TOO_MANY' })
    const [, count] = /^([\d,]+) of 40,000 records were refused/.exec((refused as Error).message) ?? []
    expect(Number(count?.replace(',', ''))).toBeLessThan(12_000)
    // Its sample is better than the rest; what counts is the whole, to the last record.
    const good = Array.from({ length: 28_000 }, (_, n) => line(n, '1')).join('')
    const bad = Array.from({ length: 2000 }, (_, n) => line(n, 'x')).join('')
    const share = { share: 2000 / 30_000 }
    expect(await place.load('budget', `id,v\n${bad}${good}`, { reading, budget: share })).toMatchObject({
      inserted: 28_000,
      rejected: 2000,
    })
    // The rows behind a quote that is never closed are one reject, and no small part of the file.
    const open = `id,v\n${good.slice(0, 100_000)}99999,"1\n${good.slice(-100_000)}`
    expect(await place.refusal('budget', open)).toMatchObject({
      code: 'REJECTS_TOO_MANY',
      message: expect.stringMatching(
        /^1 of [\d,]+ records were refused, one of them with the 12,\d+ lines behind a quote that is never closed, and 5 % are allowed/,
      ),
    })
    // 0.29 * 100 is less than 29.
    const few = Array.from({ length: 100 }, (_, n) => line(n + 50_000, n < 29 ? 'x' : '1')).join('')
    expect(await place.load('budget', `id,v\n${few}`, { budget: { share: 0.29 } })).toMatchObject({
      inserted: 71,
      rejected: 29,
    })
  })
})
