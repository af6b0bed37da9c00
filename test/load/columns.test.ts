import { describe, expect, test } from 'vitest'
import { neededInputs } from '../../src/load/send/texts.ts'
import { servers } from '../support/servers.ts'
import { csv, loadingPlace, loadTemplate } from './loading.ts'

const odd = `it's "my" %s $1 column`
const long = 'a'.repeat(63)
const datasets = {
  folded: {
    target: 'public.folded',
    key: 'id',
    columns: {
      id: 'int',
      temperature_c: 'numeric',
      code_insee: 'text',
      origine: { type: 'text', default: `'file of ' || 'today'` },
      note: 'text',
    },
  },
  mapped: {
    target: 'public.mapped',
    key: 'id',
    map: {
      id: 'numéro',
      amount: `replace("Montant €", ' ', '')::numeric / 100`,
      at: `make_date(left(yyyymm, 4)::int, right(yyyymm, 2)::int, 1)`,
    },
  },
  summed: {
    target: 'public.summed',
    key: 'id',
    map: { total: 'amount::int + tax::int', day: `date(at) /* note */ + length('note')` },
  },
  hostile: { target: `public."${odd.replaceAll('"', '""')}"`, key: 'select' },
  guarded: {
    target: 'public.guarded',
    key: 'id',
    columns: {
      id: 'int',
      low: 'int',
      high: { type: 'int', default: '5' },
      twice: 'int',
      kind: 'text',
      dimension: 'int',
    },
    references: { dimension: { table: 'public.dimension', column: 'id' } },
  },
}

const tables = `
  SET search_path = public;
  CREATE TABLE folded (id int PRIMARY KEY, temperature_c numeric, code_insee text NOT NULL, origine text, note text DEFAULT 'none');
  CREATE TABLE mapped (id int PRIMARY KEY, amount numeric(8,2), at date NOT NULL);
  CREATE TABLE "${odd.replaceAll('"', '""')}" ("select" int PRIMARY KEY, "Table" text, "${odd.replaceAll('"', '""')}" text, "${long}" text, "é à" text, "user" text);
  CREATE TABLE summed (id int PRIMARY KEY, total int, day date);
  CREATE TABLE dimension (id int PRIMARY KEY);
  INSERT INTO dimension VALUES (1);
  CREATE TABLE guarded (id int PRIMARY KEY, low int, high int, twice int GENERATED ALWAYS AS (low * 2) STORED, kind text DEFAULT 'k',
    dimension int, CHECK (low < high), CHECK (twice <> 2), CHECK (kind = 'k'))`

describe.each(servers)('columns on $name', (server) => {
  const template = loadTemplate(server, tables)

  test('names are folded, unknown ones are told, missing ones get their default, and what must be there is asked for', async () => {
    await using place = await loadingPlace(server, template, datasets)
    place.put(
      'a.csv',
      'ID;Température (°C);CODE-INSEE;inconnue\n1;1,5;01001;x\n2;-12,25;2A004;y\n3;"1 000,5";x;z\n',
    )
    const result = await place.command('folded', 'a.csv', '--decimal-comma', '--max-rejects', '50%')
    expect(result).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /columns that go nowhere: inconnue\n {2}columns that the file does not have: origine, note\n {2}of 3 records looked at 1 would be refused/,
      ),
    })
    expect(result.results).toMatchObject([{ inserted: 2, rejected: 1 }])
    expect(await place.rows('SELECT *, temperature_c::text FROM folded ORDER BY id')).toEqual([
      { id: 1, temperature_c: '1.5', code_insee: '01001', origine: 'file of today', note: 'none' },
      { id: 2, temperature_c: '-12.25', code_insee: '2A004', origine: 'file of today', note: 'none' },
    ])
    for (const strategy of ['merge', 'append'] as const)
      expect(
        await place.load('folded', `id,code_insee\n${strategy === 'merge' ? 7 : 8},x\n`, { strategy }),
      ).toMatchObject({ inserted: 1 })
    expect(await place.rows('SELECT id, origine, note FROM folded WHERE id > 6')).toEqual(
      [7, 8].map((id) => ({ id, origine: 'file of today', note: 'none' })),
    )
    expect(await place.refusal('folded', 'id,temperature_c\n1,2\n')).toMatchObject({
      code: 'USAGE',
      message: 'public.folded needs code_insee, and the file has only id, temperature_c; nothing was changed',
    })
    expect(await place.load('folded', 'id,Id,code_insee\n7,2,x\n')).toMatchObject({ unchanged: 1 })
    expect(await place.refusal('folded', 'ID,Id,code_insee\n1,2,3\n')).toMatchObject({
      code: 'USAGE',
      message: 'the columns ID and Id of the file both fit id; nothing was changed',
    })
    // Updates leave alone what the file does not have.
    await place.session.run(`UPDATE folded SET note = 'mine', origine = 'mine'`)
    expect(await place.load('folded', 'id,code_insee\n1,new\n9,new\n')).toMatchObject({
      inserted: 1,
      updated: 1,
    })
    expect(
      await place.rows('SELECT id, code_insee, origine, note FROM folded WHERE id IN (1, 9) ORDER BY id'),
    ).toEqual([
      { id: 1, code_insee: 'new', origine: 'mine', note: 'mine' },
      { id: 9, code_insee: 'new', origine: 'file of today', note: 'none' },
    ])
  })

  test('map renames and computes, for rows and for rejects', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const loaded = await place.load(
      'mapped',
      csv('Numero,Montant €,yyyymm,rest', [
        [1, '12 345', '202401', ''],
        [2, null, '202402', ''],
        [3, '1 2 x', '202413', ''],
        ['x', '99999999999', '202412', ''],
        [4, '100', null, ''],
      ]),
      { budget: { records: 3 } },
    )
    expect(loaded).toMatchObject({
      inserted: 2,
      rejected: 3,
      plan: { target: { plan: { ignored: ['rest'] } } },
    })
    expect(await place.rows('SELECT id, amount::text, at::text FROM mapped ORDER BY id')).toEqual([
      { id: 1, amount: '123.45', at: '2024-01-01' },
      { id: 2, amount: null, at: '2024-02-01' },
    ])
    expect(
      await place.rows(`SELECT line::int, array_agg((r ->> 'kind') || ' ' || (r ->> 'column') ORDER BY n) AS why
                          FROM dwh.rejects, jsonb_array_elements(reasons) WITH ORDINALITY AS a (r, n) GROUP BY line ORDER BY line`),
    ).toEqual([
      { line: 4, why: ['type amount', 'type at'] },
      { line: 5, why: ['type id', 'type amount'] },
      { line: 6, why: ['not_null at'] },
    ])
    // Neither a sum that folds to the name of a column, nor a word of an expression that is none, is a column of the file.
    const summed = await place.load(
      'summed',
      'id,amount,tax,amount int tax int,note,date,at\n1,40,2,7,x,y,2024-01-01\n',
    )
    expect(summed).toMatchObject({
      plan: { target: { plan: { ignored: ['amount int tax int', 'note', 'date'] } } },
    })
    expect(await place.rows('SELECT total, day::text FROM summed')).toEqual([
      { total: 42, day: '2024-01-05' },
    ])
    const wrong = { ...datasets.mapped, map: { ...datasets.mapped.map, amount: 'nowhere + 1' } }
    await using other = await loadingPlace(server, template, { mapped: wrong })
    expect(await other.refusal('mapped', 'numéro,Montant €,yyyymm\n1,2,202401\n')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('map of amount, nowhere + 1: column "nowhere" does not exist'),
    })
  })

  test('names may be anything: keywords, quotes, spaces, longer than PostgreSQL keeps, those of system columns', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
    const names = [
      'user',
      'select',
      'Table',
      odd,
      long,
      'é à',
      `${long}bc`,
      `${long}bd`,
      'ctid',
      'dwh_place',
      'r',
      'input',
      'v_1',
    ]
    const text = (id: string) =>
      `${names.map(quoted).join(';')}\n${names
        .map((_, n) => (n === 1 ? id : `'v"${n}`))
        .map(quoted)
        .join(';')}\n`
    for (const [id, strategy] of [
      ['1', undefined],
      ['1', 'merge'],
      ['2', 'append'],
    ] as const) {
      const loaded = await place.load('hostile', text(id), { strategy, again: true })
      expect(loaded).toMatchObject({
        records: 1,
        rejected: 0,
        plan: { target: { plan: { ignored: names.slice(6) } } },
      })
    }
    expect(await place.rows(`SELECT * FROM ${quoted(odd)} WHERE "select" = 2`)).toEqual([
      { select: 2, Table: `'v"2`, [odd]: `'v"3`, [long]: `'v"4`, 'é à': `'v"5`, user: `'v"0` },
    ])
    expect(await place.refusal('hostile', text('x'))).toMatchObject({ code: 'REJECTS_TOO_MANY' })
  })

  test('a file without a header, of another encoding, with a NULL of its own', async () => {
    await using place = await loadingPlace(server, template, datasets)
    place.put('bare.txt', Buffer.from('1|é|NULL\n2|"NULL"|\\N\n', 'latin1'))
    const words = [
      '--no-header',
      '--columns',
      'id,code_insee,note',
      '--encoding',
      'latin1',
      '--null',
      'NULL',
      '--delimiter',
      '|',
    ]
    expect((await place.command('folded', 'bare.txt', ...words)).results).toMatchObject([{ inserted: 2 }])
    expect(await place.rows('SELECT id, code_insee, note FROM folded ORDER BY id')).toEqual([
      { id: 1, code_insee: 'é', note: null },
      { id: 2, code_insee: 'NULL', note: '\\N' },
    ])
  })

  test('a CHECK sees the columns that the file does not have as they will be', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const text = csv('id,low,dimension', [
      [1, 4, 1],
      [2, 5, 1],
      [3, 1, null],
      [4, 'x', 1],
      [5, 3, 7],
    ])
    for (const strategy of ['merge', 'append'] as const) {
      await place.session.run('TRUNCATE guarded')
      const loaded = await place.load('guarded', text, { strategy, again: true, budget: { records: 4 } })
      expect(loaded).toMatchObject({ inserted: 1, rejected: 4 })
      expect(
        await place.rows(`SELECT line::int, reasons -> 0 ->> 'kind' AS kind, reasons -> 0 ->> 'constraint' AS name FROM dwh.rejects
                           WHERE load = ${loaded.load} ORDER BY line`),
      ).toEqual([
        { line: 3, kind: 'check', name: 'guarded_check' },
        { line: 4, kind: 'check', name: 'guarded_twice_check' },
        { line: 5, kind: 'type', name: null },
        { line: 6, kind: 'reference', name: null },
      ])
      expect(await place.rows('SELECT id, low, high, twice, kind FROM guarded')).toEqual([
        { id: 1, low: 4, high: 5, twice: 8, kind: 'k' },
      ])
    }
  })
})

test.each([
  ['ΑΣ::int', ['ΑΣ', 'b'], [0]],
  ['upper(PRICE)', ['price', 'b'], [0]],
  ['"a""b" || 1', ['a"b', 'b'], [0, 1]],
  ['1', ['a', 'b'], []],
  ['DWH_records::text', ['a', 'b'], [0, 1]],
  [`u&"\\0061"`, ['a', 'b'], [0, 1]],
])('%s is computed from what it names', (expression, names, needed) => {
  const plan = { names, filled: [{ from: { expression } }] } as unknown as Parameters<typeof neededInputs>[0]
  expect(neededInputs(plan)).toEqual(needed)
})
