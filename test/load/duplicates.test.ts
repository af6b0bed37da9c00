import { describe, expect, test } from 'vitest'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const partition = { key: 'jour', kind: 'date', grain: 'month', from: '2024-01-01', premake: 0 }
const datasets = {
  recent: { target: 'public.t', key: ['id', 'jour'], recency: 'seen', partition },
  placed: { target: 'public.t', key: ['id', 'jour'], partition },
  // The number is the key: its rows may be in any leaf.
  numbered: { target: 'public.t', key: 'id', recency: 'seen', partition },
  nulls: { target: 'public.t', key: ['id', 'jour', 'extra'], nulls_equal: true, recency: 'seen', partition },
  nullable: { target: 'public.t', key: ['id', 'jour', 'extra'], recency: 'seen', partition },
  plain: { target: 'public.plain', key: 'id', recency: 'seen' },
  late: { target: 'public.plain', key: 'id' },
}

const tables = `
  SET search_path = public;
  CREATE TABLE t (id int, jour date NOT NULL, seen timestamp, v text, extra text) PARTITION BY RANGE (jour);
  CREATE TABLE plain (id int, seen timestamp, v text)`

const rules = ['newest', 'first', 'skip', 'error'] as const

describe.each(servers)('duplicates on $name', (server) => {
  const template = loadTemplate(server, tables)
  const rows = 'SELECT id, jour::text, v FROM t ORDER BY id, jour'

  test('of rows with one key the newest is kept; where none is newer the file is read again with places, and the later row is', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const header = 'id,jour,seen,v'
    const clear = await place.load(
      'recent',
      csv(header, [
        [1, '2024-01-01', '2024-05-02', 'new'],
        [1, '2024-01-01', '2024-05-01', 'old'],
        [2, '2024-01-01', null, 'unknown age'],
        [2, '2024-01-01', '2024-05-01', 'known age'],
        [3, '2024-02-01', '2024-05-01', 'twin'],
        [3, '2024-02-01', '2024-05-01', 'twin'],
        [3, '2024-02-01', '2024-05-01', 'twin'],
        [3, '2024-02-02', '2024-05-01', 'another day'],
        [4, '2024-02-02', '2024-05-01', 'alone'],
      ]),
    )
    expect(clear).toMatchObject({
      records: 9,
      inserted: 5,
      duplicates: 4,
      notes: [],
      plan: { strategy: 'aside', landing: 'leaves' },
    })
    expect((await place.rows(rows)).map(({ v }) => v)).toEqual([
      'new',
      'known age',
      'twin',
      'another day',
      'alone',
    ])

    const tied = await place.load(
      'recent',
      csv(header, [
        [1, '2024-03-01', '2024-05-01', 'earlier'],
        [2, '2024-03-01', null, 'no age, later'],
        [1, '2024-03-01', '2024-05-01', 'later'],
        [1, '2024-03-01', '2024-04-01', 'old'],
        ['x', '2024-03-01', '2024-04-01', 'no number'],
        [2, '2024-03-01', null, 'no age, last'],
        [3, '2024-04-01', '2024-05-01', ''],
      ]),
      { budget: { records: 1 } },
    )
    expect(tied).toMatchObject({
      records: 7,
      inserted: 3,
      duplicates: 3,
      rejected: 1,
      plan: { strategy: 'aside', landing: 'leaves' },
      notes: [
        expect.stringContaining('the file is read again'),
        expect.stringMatching(/^1 reject: type of id/),
      ],
    })
    expect(await place.rows(`${rows.replace('ORDER', "WHERE jour >= '2024-03-01' ORDER")}`)).toEqual([
      { id: 1, jour: '2024-03-01', v: 'later' },
      { id: 2, jour: '2024-03-01', v: 'no age, last' },
      { id: 3, jour: '2024-04-01', v: '' },
    ])
    expect(
      await place.rows(`SELECT record::int, line::int FROM dwh.rejects WHERE load = ${tied.load}`),
    ).toEqual([{ record: 5, line: 6 }])
    expect(
      await place.rows(
        `SELECT relname, relpersistence::text AS kind FROM pg_class WHERE relkind = 'r' AND relname LIKE 't\\_2024%' ORDER BY 1`,
      ),
    ).toEqual(['01', '02', '03', '04'].map((month) => ({ relname: `t_2024_${month}`, kind: 'p' })))
    expect(await leftovers(place.session)).toEqual([])
  })

  test.each(rules)(
    '--on-duplicate %s, by recency or by position, in the file and against the table',
    async (onDuplicate) => {
      await using place = await loadingPlace(server, template, datasets)
      const header = 'id,jour,seen,v'
      const first = csv(header, [
        [1, '2024-01-01', '2024-05-02', 'a new'],
        [1, '2024-01-01', '2024-05-01', 'a old'],
        [2, '2024-01-01', '2024-05-01', 'b old'],
        [2, '2024-01-01', '2024-05-02', 'b new'],
      ])
      const kept = {
        newest: ['a new', 'b new'],
        first: ['a new', 'b old'],
        skip: ['a new', 'b new'],
        error: [],
      }
      const byPlace = {
        newest: ['a old', 'b new'],
        first: ['a new', 'b old'],
        skip: ['a old', 'b new'],
        error: [],
      }
      for (const [dataset, expected] of [
        ['recent', kept],
        ['numbered', kept],
        ['plain', kept],
        ['placed', byPlace],
        ['late', byPlace],
      ] as const) {
        const isPlain = dataset === 'plain' || dataset === 'late'
        const table = isPlain ? 'plain' : 't'
        const text = isPlain ? first.replaceAll(/jour,|2024-01-01,/g, '') : first
        await place.session.run(`TRUNCATE t, plain`)
        const found = () =>
          place.rows(`SELECT v FROM ${table} ORDER BY id`).then((all) => all.map(({ v }) => v))
        if (onDuplicate === 'error') {
          expect(await place.refusal(dataset, text, { onDuplicate })).toMatchObject({
            code: 'ROWS_UNFIT',
            message: expect.stringMatching(
              /^2 rows of the file have the key \(id(, jour)?\) of another, such as \([12](,2024-01-01)?\); nothing was loaded$/,
            ),
          })
          expect(await found()).toEqual([])
          continue
        }
        const options = { onDuplicate, again: true }
        expect(await place.load(dataset, text, options), dataset).toMatchObject({
          inserted: 2,
          duplicates: 2,
        })
        expect(await found(), dataset).toEqual(expected[onDuplicate])
        // Against the table: equally new and another text, older, newer.
        const second = text
          .split('\n')
          .slice(0, 1)
          .concat(
            ['1,2024-01-01,2024-05-02,c', '2,2024-01-01,2024-04-01,d', '3,2024-01-01,2024-05-01,e', ''].map(
              (line) => (isPlain ? line.replace('2024-01-01,', '') : line),
            ),
          )
        const loaded = await place.load(dataset, second.join('\n'), options)
        const overwrites = onDuplicate === 'newest'
        const updated = overwrites ? (expected === kept ? 1 : 2) : 0
        expect(loaded, dataset).toMatchObject({
          inserted: 1,
          updated,
          unchanged: 2 - updated,
          plan: { strategy: 'merge' },
        })
        const old = expected[onDuplicate]
        expect(await found(), dataset).toEqual(
          overwrites ? ['c', expected === kept ? old[1] : 'd', 'e'] : [...old, 'e'],
        )
      }
      expect(await leftovers(place.session)).toEqual([])
    },
  )

  test('--on-duplicate error refuses keys that the table has', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const text = csv('id,jour,seen,v', [[1, '2024-01-01', '2024-05-02', 'a']])
    expect(await place.load('recent', text, { onDuplicate: 'error' })).toMatchObject({ inserted: 1 })
    const next = `${text}2,2024-01-01,2024-05-02,b\n`
    for (const dataset of ['recent', 'numbered'])
      expect(await place.refusal(dataset, next, { onDuplicate: 'error' })).toMatchObject({
        code: 'ROWS_UNFIT',
        message: expect.stringMatching(
          /^1 rows of the file have keys that public\.t has already, such as \(1/,
        ),
      })
    expect(await place.rows(rows)).toEqual([{ id: 1, jour: '2024-01-01', v: 'a' }])
  })

  test('a NULL in the key is a reject, unless NULLs are equal', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const text = csv('id,jour,seen,v,extra', [
      [1, '2024-01-01', '2024-05-01', 'a', null],
      [1, '2024-01-01', '2024-05-02', 'b', null],
      [1, '2024-01-01', '2024-05-02', 'c', ''],
      [null, '2024-02-01', '2024-05-02', 'd', null],
      [null, '2024-02-01', '2024-05-03', 'e', null],
    ])
    for (const strategy of [undefined, 'merge', 'append'] as const) {
      await place.session.run('TRUNCATE t')
      const loaded = await place.load('nullable', text, { strategy, budget: { records: 4 }, again: true })
      expect(loaded, strategy).toMatchObject({ inserted: 1, rejected: 4, duplicates: 0 })
      expect(
        await place.rows(`SELECT array_agg(r ->> 'kind' || ' ' || (r ->> 'column')) AS why FROM dwh.rejects, jsonb_array_elements(reasons) AS r
                           WHERE load = ${loaded.load} GROUP BY record ORDER BY record`),
      ).toEqual([
        { why: ['key_null extra'] },
        { why: ['key_null extra'] },
        { why: ['key_null id', 'key_null extra'] },
        { why: ['key_null id', 'key_null extra'] },
      ])
    }
    await place.session.run('TRUNCATE t')
    expect(await place.load('nulls', text)).toMatchObject({ inserted: 3, rejected: 0, duplicates: 2 })
    const next = csv('id,jour,seen,v,extra', [
      [1, '2024-01-01', '2024-05-04', 'f', null],
      [null, '2024-02-01', '2024-05-02', 'older', null],
      [null, '2024-02-01', '2024-05-01', 'another', 'x'],
    ])
    expect(await place.load('nulls', next)).toMatchObject({
      inserted: 1,
      updated: 1,
      unchanged: 1,
      rejected: 0,
    })
    expect((await place.rows('SELECT v FROM t ORDER BY id, extra')).map(({ v }) => v)).toEqual([
      'c',
      'f',
      'another',
      'e',
    ])
    // And tied: the one that stands later.
    const tied = csv('id,jour,seen,v,extra', [
      [7, '2024-09-01', '2024-05-04', 'one', null],
      [7, '2024-09-01', '2024-05-04', 'other', null],
    ])
    expect(await place.load('nulls', tied)).toMatchObject({ inserted: 1, duplicates: 1 })
    expect(await place.rows('SELECT v FROM t WHERE id = 7')).toEqual([{ v: 'other' }])
  })
})
