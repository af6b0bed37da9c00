import { describe, expect, test } from 'vitest'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const partition = { key: 'jour', kind: 'date', grain: 'month', from: '2024-01-01', premake: 0 }
const scope = 'theme = :theme and region = :region'
const datasets = {
  scoped: { target: 'public.t', scope, partition },
  keyless: { target: 'public.t', partition },
  keyed: { target: 'public.keyed', key: ['jour', 'theme'], partition },
  plain: { target: 'public.plain' },
  south: { target: 'public.plain', scope: 'v < 5' },
  keys: {
    target: 'public.keys',
    scope: "theme = 'a'",
    partition: {
      key: 'jour',
      kind: 'date_key',
      grain: 'month',
      from: '2024-01-01',
      ceiling: '2030-01-01',
      premake: 0,
      unknown: true,
    },
  },
}

const tables = `
  SET search_path = public;
  CREATE TABLE t (jour date NOT NULL, theme text, region text, v int) PARTITION BY RANGE (jour);
  CREATE TABLE keyed (jour date, theme text, region text, v int, PRIMARY KEY (jour, theme)) PARTITION BY RANGE (jour);
  CREATE TABLE plain (jour date, v int);
  CREATE TABLE keys (jour int, theme text, v int) PARTITION BY RANGE (jour);
  CREATE TABLE keys_unknown PARTITION OF keys DEFAULT`

const header = 'jour,theme,region,v'

describe.each(servers)('scope on $name', (server) => {
  const template = loadTemplate(server, tables)
  const rows = `SELECT concat_ws(' ', jour, theme, region, v) AS row FROM t ORDER BY jour, theme, region, v`

  test('the rows of the scope within the days of the file are replaced, and nothing else', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const { session } = place
    const found = () => place.rows(rows).then((all) => all.map(({ row }) => row))
    await place.load(
      'keyless',
      csv(header, [
        ['2024-01-01', 'a', "l'île", 1],
        ['2024-01-02', 'a', "l'île", 2],
        ['2024-01-02', 'b', "l'île", 3],
        ['2024-01-02', null, "l'île", 4],
        ['2024-01-31', 'a', "l'île", 5],
        ['2024-02-01', 'a', "l'île", 6],
        ['2024-02-03', 'a', "l'île", 7],
      ]),
    )
    const parameters = { theme: 'a', region: "l'île" }
    const next = csv(header, [
      ['2024-01-02', 'a', "l'île", 20],
      ['2024-01-30', 'a', "l'île", 21],
      ['2024-02-02', 'a', "l'île", 22],
      ['2024-02-03', 'a', "l'île", 23],
      ['2024-03-03', 'a', "l'île", 24],
    ])
    expect(await place.refusal('scoped', next, { parameters: { theme: 'a' } })).toMatchObject({
      code: 'USAGE',
      message: 'the scope of scoped asks for region; nothing was changed',
      hint: 'add --param region=…',
    })
    const before = await found()
    const odd = `${next}2024-01-02,b,l'île,9\n2024-01-02,,l'île,9\n`
    expect(await place.refusal('scoped', odd, { parameters })).toMatchObject({
      code: 'ROWS_UNFIT',
      message: `2 rows of the file lie outside the scope of scoped, theme = 'a' and region = 'l''île'; nothing was loaded`,
    })
    expect(await found()).toEqual(before)

    place.put('next.csv', next)
    const words = ['scoped', 'next.csv', '--param', 'theme=a', "region=l'île"]
    const { code, results, stderr } = await place.command(...words)
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /by scope: no key\n.*\n {2}rows of theme = 'a' and region = 'l''île' and its days are replaced/,
      ),
    })
    expect(results).toMatchObject([{ strategy: 'scope', records: 5, inserted: 5, replaced: 2 }])
    expect(await found()).toEqual([
      "2024-01-01 a l'île 1",
      "2024-01-02 a l'île 20",
      "2024-01-02 b l'île 3",
      "2024-01-02 l'île 4",
      "2024-01-30 a l'île 21",
      "2024-01-31 a l'île 5",
      "2024-02-01 a l'île 6",
      "2024-02-02 a l'île 22",
      "2024-02-03 a l'île 23",
      "2024-03-03 a l'île 24",
    ])
    expect(await leftovers(session)).toEqual([])
  })

  test('without a scope a file replaces nothing that nobody spoke of; append keeps both', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const days = (n: number, v: number) =>
      csv(
        header,
        Array.from({ length: n }, (_, day) => [`2024-01-0${day + 1}`, 'a', 'r', v]),
      )
    expect(await place.load('keyless', days(2, 1))).toMatchObject({
      inserted: 2,
      replaced: 0,
      plan: { strategy: 'scope', landing: 'leaves' },
    })
    const refusal = {
      code: 'USAGE',
      message:
        'dataset keyless has no key, and public.t has rows of the days of this file; nothing was changed',
      hint: expect.stringContaining('--strategy scope replaces them, --strategy append keeps them'),
    }
    expect(await place.refusal('keyless', days(1, 2))).toMatchObject(refusal)
    // Other days of the same month, and another month.
    const other = csv(header, [
      ['2024-01-09', 'a', 'r', 3],
      ['2024-02-01', 'a', 'r', 3],
    ])
    expect(await place.load('keyless', other)).toMatchObject({ inserted: 2, replaced: 0 })
    expect(await place.load('keyless', days(1, 4), { strategy: 'append' })).toMatchObject({
      inserted: 1,
      replaced: 0,
      plan: { strategy: 'append' },
    })
    expect(await place.rows('SELECT v FROM t ORDER BY jour, v')).toEqual([1, 4, 1, 3, 3].map((v) => ({ v })))
    expect(await place.load('keyless', days(2, 5), { strategy: 'scope' })).toMatchObject({
      inserted: 2,
      replaced: 3,
    })
    expect(await place.rows('SELECT v FROM t ORDER BY jour, v')).toEqual([5, 5, 3, 3].map((v) => ({ v })))
    // A day that no record of the sample has: the file is refused at its end.
    const many = Array.from({ length: 30_000 }, (_, n) => [
      n === 15_001 ? '2024-02-01' : '2024-06-01',
      'a',
      'r',
      n,
    ])
    expect(await place.refusal('keyless', csv(header, many))).toMatchObject({ message: refusal.message })
    expect(await place.rows('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 4 }])
    // Of a plain table without a policy all rows are its scope.
    expect(await place.load('plain', 'jour,v\n2024-01-01,1\n')).toMatchObject({ inserted: 1 })
    expect(await place.refusal('plain', 'jour,v\n2025-01-01,2\n')).toMatchObject({ code: 'USAGE' })
    place.put('plain.csv', 'jour,v\n2025-01-01,2\n')
    const replaced = await place.command('plain', 'plain.csv', '--strategy', 'scope')
    expect(replaced).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('all rows of public.plain are replaced'),
    })
    expect(replaced.results).toMatchObject([{ inserted: 1, replaced: 1 }])
    expect(await leftovers(place.session)).toEqual([])
  })

  test('days between those of the unknown leaf stay, what is no day is replaced too, a file without rows replaces nothing', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const load = (rows: [number | null, number][], again = false) =>
      place.load(
        'keys',
        csv(
          'jour,theme,v',
          rows.map(([jour, v]) => [jour, 'a', v]),
        ),
        { again },
      )
    const found = async () =>
      (await place.rows('SELECT jour, v FROM keys ORDER BY jour, v')).map(({ jour, v }) => `${jour} ${v}`)
    await load([
      [20240105, 1],
      [20240110, 1],
      [20240310, 1],
    ])
    const odd: [number | null, number][] = [
      [20240105, 2],
      [20240131, 2],
      [20241301, 2],
      [-1, 2],
      [29990101, 2],
      [null, 2],
    ]
    expect(await load(odd)).toMatchObject({ inserted: 6, replaced: 2 })
    const expected = ['-1 2', '20240105 2', '20240131 2', '20240310 1', '20241301 2', '29990101 2', 'null 2']
    expect(await found()).toEqual(expected)
    expect(await load(odd, true)).toMatchObject({ inserted: 6, replaced: 6 })
    expect(await found()).toEqual(expected)
    expect(await load([])).toMatchObject({ records: 0, replaced: 0 })
    expect(await found()).toEqual(expected)
    await place.load('south', 'jour,v\n2024-01-01,1\n')
    expect(await place.load('south', 'jour,v\n')).toMatchObject({ records: 0, replaced: 0 })
    expect(await place.rows('SELECT v FROM plain')).toEqual([{ v: 1 }])
  })

  test('append writes into the leaves, makes those that are absent, and refuses a key that is there', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const text = csv(header, [
      ['2024-01-01', 'a', 'r', 1],
      ['2024-02-01', 'a', 'r', 1],
      ['x', 'a', 'r', 1],
    ])
    const options = { strategy: 'append', budget: { records: 1 } } as const
    expect(await place.load('keyed', text, options)).toMatchObject({
      records: 3,
      inserted: 2,
      rejected: 1,
      leaves: [{ name: 'keyed_2024_01' }, { name: 'keyed_2024_02' }],
    })
    const again = csv(header, [
      ['2024-03-01', 'a', 'r', 1],
      ['2024-01-01', 'a', 'r', 2],
    ])
    expect(await place.refusal('keyed', again, options)).toMatchObject({
      code: 'ROWS_UNFIT',
      message: expect.stringMatching(
        /^public\.keyed has a row with a key of the file already: .*; nothing was loaded$/,
      ),
      hint: 'let --strategy merge decide which row is kept',
    })
    expect(await place.rows('SELECT jour::text, v FROM keyed ORDER BY jour')).toEqual([
      { jour: '2024-01-01', v: 1 },
      { jour: '2024-02-01', v: 1 },
    ])
    expect(await place.rows(`SELECT to_regclass('keyed_2024_03') AS leaf`)).toEqual([{ leaf: null }])
    expect(
      await place.rows(
        'SELECT state FROM (SELECT load, failed_at IS NOT NULL AS state FROM dwh.loads) AS l ORDER BY load',
      ),
    ).toEqual([{ state: false }, { state: true }])
    expect(await place.load('keyed', again, { strategy: 'merge' })).toMatchObject({ inserted: 1, updated: 1 })
  })
})
