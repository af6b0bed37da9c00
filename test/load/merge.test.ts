import { describe, expect, test } from 'vitest'
import { fc } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const partition = { key: 'jour', kind: 'date', grain: 'month', from: '2024-01-01', premake: 0 }
const datasets = {
  aligned: { target: 'public.t', key: ['id', 'jour'], recency: 'seen', partition },
  numbered: { target: 'public.t', key: 'id', recency: 'seen', partition },
  placed: { target: 'public.t', key: 'id', partition },
  values: { target: 'public.values', key: 'id' },
}

const tables = `
  SET search_path = public;
  CREATE TABLE t (id int, jour date, seen int, v text, kept text DEFAULT 'default', n bigint GENERATED ALWAYS AS IDENTITY)
    PARTITION BY RANGE (jour);
  CREATE INDEX ON t (id);
  CREATE TABLE values (id int PRIMARY KEY, j json, jb jsonb, n numeric, a text[], f float8, x xml, p point, c char(5), b bytea, extra text DEFAULT 'e');`

describe.each(servers)('merge on $name', (server) => {
  const template = loadTemplate(server, tables)
  const rows = 'SELECT id, jour::text, seen, v, kept, tableoid::regclass::text AS leaf FROM t ORDER BY id'

  test('rows are inserted, updated where newer and different, moved where their leaf is another, and counted', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const { session } = place
    await place.load(
      'numbered',
      csv('id,jour,seen,v,kept', [
        [1, '2024-01-01', 5, 'same', 'x'],
        [2, '2024-01-01', 5, 'older', 'x'],
        [3, '2024-01-01', 5, 'newer', 'x'],
        [4, '2024-01-01', 5, 'moves', 'x'],
        [5, '2024-01-01', null, 'no age', 'x'],
        [6, '2024-01-02', 5, 'moves within its leaf', 'x'],
        [7, '2024-01-02', 5, 'moves without any other change', 'x'],
        [8, '2024-02-02', 5, 'older, would move', 'x'],
      ]),
    )
    place.put(
      'next.csv',
      csv('id,jour,seen,v', [
        [1, '2024-01-01', 5, 'same'],
        [2, '2024-01-01', 4, 'not taken'],
        [3, '2024-01-01', 6, 'taken'],
        [4, '2024-02-01', 6, 'moved'],
        [5, '2024-01-01', 1, 'has an age'],
        [6, '2024-01-03', 5, 'moved within its leaf'],
        [7, '2024-03-02', 5, 'moves without any other change'],
        [8, '2024-01-02', 4, 'not taken'],
        [9, '2024-04-02', 1, 'new'],
        [9, '2024-05-02', 0, 'older twin in another leaf'],
        [10, '2024-01-02', null, 'new'],
      ]),
    )
    const result = await place.command('numbered', 'next.csv')
    expect(result).toMatchObject({ code: 0 })
    expect(result.results).toMatchObject([
      {
        strategy: 'merge',
        records: 11,
        inserted: 2,
        updated: 3,
        moved: 2,
        unchanged: 3,
        duplicates: 1,
        rejected: 0,
      },
    ])
    expect((await place.rows(rows)).map((row) => Object.values(row).join(' '))).toEqual([
      '1 2024-01-01 5 same x t_2024_01',
      '2 2024-01-01 5 older x t_2024_01',
      '3 2024-01-01 6 taken x t_2024_01',
      '4 2024-02-01 6 moved x t_2024_02',
      '5 2024-01-01 1 has an age x t_2024_01',
      '6 2024-01-03 5 moved within its leaf x t_2024_01',
      '7 2024-03-02 5 moves without any other change x t_2024_03',
      '8 2024-02-02 5 older, would move x t_2024_02',
      '9 2024-04-02 1 new default t_2024_04',
      '10 2024-01-02  new default t_2024_01',
    ])
    expect(await place.rows('SELECT count(DISTINCT n)::int AS numbers FROM t')).toEqual([{ numbers: 10 }])
    expect(
      await place.rows(
        'SELECT inserted::int, updated::int, moved::int, unchanged::int, duplicates::int FROM dwh.loads WHERE load = 2',
      ),
    ).toEqual([{ inserted: 2, updated: 3, moved: 2, unchanged: 3, duplicates: 1 }])
    expect(await leftovers(session)).toEqual([])
  })

  test('a row that is the same in other words is unchanged, whatever type its columns have', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const header = 'id,j,jb,n,a,f,x,p,c,b'
    const row = (id: number, changes: object = {}) =>
      Object.values({
        id,
        j: '{"a": 1}',
        jb: '{"a": 1, "b": 2}',
        n: '1.0',
        a: '{a,NULL}',
        f: '0.1',
        x: '<a/>',
        p: '(1,2)',
        c: 'ab',
        b: '\\x00ff',
        ...changes,
      })
    const all = (changes: object[]) =>
      csv(
        header,
        changes.map((change, index) => row(index + 1, change)),
      )
    const nothing = Array.from({ length: 9 }, () => ({}))
    expect(await place.load('values', all(nothing))).toMatchObject({
      inserted: 9,
      plan: { strategy: 'merge' },
    })
    await place.session.run(`UPDATE values SET extra = 'mine'`)
    const same = {
      jb: '{"b":2,  "a":1}',
      f: '1e-1',
      a: '{"a",null}',
      c: 'ab   ',
      p: '( 1 , 2 )',
      b: '\\x00FF',
    }
    expect(await place.load('values', all(nothing.map(() => same)))).toMatchObject({
      inserted: 0,
      updated: 0,
      unchanged: 9,
    })
    const changes = [
      { j: '{"a":1}' },
      { jb: '{"a": 1}' },
      { n: '1.00' },
      { a: '{a}' },
      { f: '0.2' },
      { x: '<b/>' },
      { p: '(1,3)' },
      { c: '' },
      { b: null },
    ]
    expect(await place.load('values', all(changes))).toMatchObject({ inserted: 0, updated: 9, unchanged: 0 })
    expect(
      await place.rows('SELECT n::text, j::text, extra FROM values WHERE id IN (1, 3) ORDER BY id'),
    ).toEqual([
      { n: '1.0', j: '{"a":1}', extra: 'mine' },
      { n: '1.00', j: '{"a": 1}', extra: 'mine' },
    ])
  })

  test('rows go by the triggers that a user has on the table', async () => {
    await using place = await loadingPlace(server, template, datasets)
    await place.session.run(`
      CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := upper(NEW.v); RETURN NEW; END $$;
      CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION shout()`)
    const text = csv('id,jour,seen,v', [
      [1, '2024-01-01', 1, 'a'],
      [2, '2024-02-01', 1, 'b'],
    ])
    expect(await place.refusal('aligned', text, { strategy: 'aside' })).toMatchObject({
      code: 'USAGE',
      message: '--strategy aside: rows must go by trigger shout; nothing was changed',
    })
    expect(await place.load('aligned', text)).toMatchObject({
      inserted: 2,
      plan: { strategy: 'merge', why: 'the rows must go by trigger shout' },
    })
    expect(await place.load('aligned', `${text}2,2024-02-01,2,c\n`)).toMatchObject({
      updated: 2,
      unchanged: 0,
      duplicates: 1,
    })
    expect((await place.rows(rows)).map(({ v }) => v)).toEqual(['A', 'C'])
    // One that keeps rows away would lose them: the load says so, and nothing is changed.
    await place.session.run(`
      CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.id = 9 THEN NULL ELSE NEW END; END $$;
      CREATE TRIGGER swallow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION swallow()`)
    const swallowed = csv('id,jour,seen,v', [
      [8, '2024-01-01', 1, 'x'],
      [9, '2024-01-01', 1, 'y'],
    ])
    for (const strategy of ['merge', 'append'] as const)
      expect(await place.refusal('aligned', swallowed, { strategy })).toMatchObject({ code: 'PROOF_FAILED' })
    expect(await place.rows('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 2 }])
    expect(await leftovers(place.session)).toEqual([])
  })

  test('files of any rows, loaded one after the other in any way, leave what a model says', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const row = fc.record({
      id: fc.integer({ min: 1, max: 6 }),
      jour: fc.constantFrom('2024-01-01', '2024-01-02', '2024-02-01', '2024-03-01'),
      seen: fc.option(fc.integer({ min: 1, max: 3 })),
      v: fc.constantFrom('a', 'b', 'c'),
    })
    const step = fc.record({
      rows: fc.array(row, { minLength: 1, maxLength: 8 }),
      rule: fc.constantFrom('newest' as const, 'first' as const, 'skip' as const),
      strategy: fc.constantFrom(undefined, 'merge' as const, 'aside' as const),
    })
    const dataset = fc.constantFrom('aligned' as const, 'numbered' as const, 'placed' as const)
    await fc.assert(
      fc.asyncProperty(dataset, fc.array(step, { minLength: 1, maxLength: 4 }), async (name, steps) => {
        await place.session.run('DROP TABLE t')
        await place.session.run(tables.split(';')[1] as string)
        const model = new Model(name === 'aligned', name !== 'placed')
        for (const { rows, rule, strategy } of steps) {
          const expected = model.load(rows, rule)
          const text = csv(
            'id,jour,seen,v',
            rows.map(({ id, jour, seen, v }) => [id, jour, seen, v]),
          )
          const { inserted, updated, moved, unchanged, duplicates } = await place.load(name, text, {
            onDuplicate: rule,
            strategy,
            again: true,
          })
          expect({ inserted, updated, moved, unchanged, duplicates }).toEqual(expected)
          expect(await place.rows('SELECT id, jour::text, seen, v FROM t ORDER BY id, jour')).toEqual(
            model.rows(),
          )
        }
      }),
      { numRuns: 8 },
    )
    expect(await leftovers(place.session)).toEqual([])
  })
})

interface Row {
  id: number
  jour: string
  seen: number | null
  v: string
}

/** What must be in the table, and what a load must say of it. */
class Model {
  readonly #byDay: boolean
  readonly #byAge: boolean
  #table = new Map<string, Row>()

  constructor(byDay: boolean, byAge: boolean) {
    this.#byDay = byDay
    this.#byAge = byAge
  }

  rows(): Row[] {
    return [...this.#table.values()].toSorted((a, b) => a.id - b.id || (a.jour < b.jour ? -1 : 1))
  }

  load(file: Row[], rule: 'newest' | 'first' | 'skip') {
    const kept = new Map<string, Row>()
    for (const row of file) {
      const other = kept.get(this.#key(row))
      if (!other || (rule !== 'first' && this.#age(row) >= this.#age(other))) kept.set(this.#key(row), row)
    }
    const counts = { inserted: 0, updated: 0, moved: 0, unchanged: 0, duplicates: file.length - kept.size }
    for (const [key, row] of kept) {
      const there = this.#table.get(key)
      if (there && (rule !== 'newest' || !this.#replaces(row, there))) counts.unchanged++
      else {
        if (!there) counts.inserted++
        else if (there.jour.slice(0, 7) === row.jour.slice(0, 7)) counts.updated++
        else counts.moved++
        this.#table.set(key, row)
      }
    }
    return counts
  }

  #key({ id, jour }: Row): string {
    return this.#byDay ? `${id} ${jour}` : `${id}`
  }

  #age({ seen }: Row): number {
    return this.#byAge ? (seen ?? 0) : 0
  }

  #replaces(row: Row, there: Row): boolean {
    return this.#age(row) >= this.#age(there) && JSON.stringify(row) !== JSON.stringify(there)
  }
}
