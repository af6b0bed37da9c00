import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { servers } from '../support/servers.ts'
import { csv, leftovers, loadingPlace, loadTemplate } from './loading.ts'

const datasets = {
  measure: {
    target: 'public.measure',
    key: ['station', 'jour'],
    columns: {
      station: 'text',
      jour: 'date',
      value: 'numeric',
      label: { type: 'text', required: true },
      kind: 'text',
      source: 'text',
      pair: 'int',
    },
    partition: {
      key: 'jour',
      kind: 'date',
      grain: 'month',
      from: '2024-01-01',
      ceiling: '2025-01-01',
      premake: 0,
    },
    references: {
      kind: { table: 'public.kind', column: 'code', on_missing: 'reject' },
      source: { table: 'public.source', column: 'code', on_missing: 'set_null' },
    },
  },
}

const tables = `
  SET search_path = public;
  CREATE TABLE kind (code text);
  CREATE TABLE source (code text);
  CREATE TABLE pair (id int PRIMARY KEY);
  INSERT INTO kind VALUES ('k');
  INSERT INTO source VALUES ('s');
  INSERT INTO pair VALUES (1);
  CREATE TABLE measure (station varchar(3), jour date NOT NULL, value numeric(6,2) CHECK (value < 1000), label text, kind text, source text,
    pair int REFERENCES pair, CONSTRAINT calm CHECK (label <> 'storm' OR value > 0), PRIMARY KEY (station, jour)) PARTITION BY RANGE (jour)`

const header = 'station,jour,value,label,kind,source,pair'
const good = (n: number) =>
  `S${n % 99},2024-0${1 + (n % 9)}-${String(1 + (n % 28)).padStart(2, '0')},${n % 900},l,k,s,1`

/** Each with the reasons that it must be refused for: kind and column, or constraint. */
const bad: [Buffer, string[]][] = [
  [text('S1,2024-01-40,1,l,k,s,1'), ['type jour']],
  [
    text('LONG,2024-13-01,x,,k,s,y'),
    ['type station', 'type jour', 'type value', 'type pair', 'not_null label'],
  ],
  [text('S1,2024-01-01,10000,l,k,s,1'), ['type value']],
  [text('S1,2024-01-01,1000,l,k,s,1'), ['check measure_value_check']],
  [text('S1,2024-01-01,-1,storm,k,s,1'), ['check calm']],
  [text(',2024-01-01,1,l,k,s,1'), ['key_null station']],
  [text('S1,,1,l,k,s,1'), ['key_null jour']],
  [text('S1,2023-12-31,1,l,k,s,1'), ['no_leaf jour']],
  [text('S1,2025-01-01,1,l,k,s,1'), ['no_leaf jour']],
  [text('S1,2024-01-01,1,l,other,s,1'), ['reference kind']],
  [text('S1,2024-01-01,1,l,k,s,2'), ['reference pair']],
  [text('S1,2024-01-01,1,l,other,nothing,2'), ['reference kind', 'reference pair']],
  [Buffer.from('S1,2024-01-01,1,caf\xe9,k,s,1', 'latin1'), ['encoding label']],
  [text('S1,2024-01-01,1,l,k,s'), ['columns pair']],
  [text('S1,2024-01-01,1,l,k,s,1,8'), ['columns']],
  [text('S1,2024-01-01,1,l\0l,k,s,1'), ['nul label']],
  [text('S1,2024-01-01,x,"two\nlines, ""quoted""",k,s,1'), ['type value']],
]
const open: [Buffer, string[]] = [
  text('S1,2024-01-01,1,"never closed,k,s,1\nS1,2024-01-01,1,l,k,s,1\n'),
  ['quote'],
]

function text(line: string): Buffer {
  return Buffer.from(line)
}

interface Placed {
  line: number
  byte_offset: number
  record: number
  original: string
  why: string[]
}

/** A file of records, `gap` good ones before each bad one, and where the bad ones stand. */
function fileOf(
  records: [Buffer, string[]][],
  gap: number,
  lineEnd = '\n',
): { content: Buffer; expected: Placed[]; goods: number } {
  const parts = [Buffer.from(header + lineEnd)]
  const expected: Placed[] = []
  let [offset, line, record, goods] = [parts[0]?.length ?? 0, 2, 1, 0]
  const put = (bytes: Buffer) => {
    const whole = Buffer.concat([bytes, Buffer.from(lineEnd)])
    parts.push(whole)
    offset += whole.length
    line += bytes.toString('latin1').split('\n').length
    record++
  }
  for (const [bytes, why] of records) {
    for (let n = 0; n < gap; n++) put(Buffer.from(good(goods++)))
    expected.push({ line, byte_offset: offset, record, original: bytes.toString('latin1'), why })
    put(bytes)
  }
  return { content: Buffer.concat(parts), expected, goods }
}

async function kept(session: Session, load: number): Promise<Placed[]> {
  const rows = await session.rows<Omit<Placed, 'original'> & { original: Buffer }>(
    `SELECT line::int, byte_offset::int, record::int, original,
            ARRAY(SELECT concat_ws(' ', r ->> 'kind', coalesce(r ->> 'column', r ->> 'constraint'))
                    FROM jsonb_array_elements(reasons) WITH ORDINALITY AS a (r, n) ORDER BY n) AS why
       FROM dwh.rejects WHERE load = $1 ORDER BY record`,
    [load],
  )
  return rows.map((row) => ({ ...row, original: row.original.toString('latin1') }))
}

/** All that a load that failed must not have changed. */
const everything = (session: Session) =>
  session.rows(
    `SELECT (SELECT array_agg(c.oid::bigint ORDER BY c.oid) FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace) AS relations,
            (SELECT array_agg(k.oid::bigint ORDER BY k.oid) FROM pg_constraint AS k) AS constraints,
            (SELECT count(*) FROM measure) AS rows, (SELECT count(*) FROM pg_attribute WHERE attrelid >= 16384) AS columns`,
  )

describe.each(servers)('rejects of loads on $name', (server) => {
  const template = loadTemplate(server, tables)

  test('every kind of fault is told with its place and its bytes, whatever the strategy', async () => {
    await using place = await loadingPlace(server, template, datasets)
    for (const [strategy, lineEnd] of [
      ['aside', '\r\n'],
      ['merge', '\n'],
      ['append', '\n'],
    ] as const) {
      await place.session.run('TRUNCATE measure')
      const { content, expected, goods } = fileOf([...bad, open], 3, lineEnd)
      const last = expected.at(-1) as Placed
      last.original = content.subarray(last.byte_offset).toString('latin1')
      const loaded = await place.load('measure', content, { strategy, again: true, budget: { share: 1 } })
      expect(loaded, strategy).toMatchObject({
        records: goods + expected.length,
        rejected: expected.length,
        inserted: goods,
      })
      expect(await kept(place.session, loaded.load), strategy).toEqual(expected)
    }
    // Without a value of the other table a row is kept, and says nothing about it.
    expect(await place.load('measure', `${header}\nS1,2024-12-01,1,l,,other,\n`)).toMatchObject({
      inserted: 1,
      rejected: 0,
    })
    expect(await place.rows(`SELECT kind, source, pair FROM measure WHERE jour = '2024-12-01'`)).toEqual([
      { kind: null, source: null, pair: null },
    ])
  })

  test('in a file of several batches too, where nothing but the first of them was expected', async () => {
    const { references: _, ...bare } = datasets.measure
    await using place = await loadingPlace(server, template, { measure: bare })
    await place.session.run('ALTER TABLE measure DROP CONSTRAINT measure_pair_fkey')
    const some = bad.filter(([, why]) => !why.join().includes('reference'))
    // Without foreign keys the bytes of the file go as they stand, until a batch cannot.
    const { content, expected, goods } = fileOf(some, 500)
    const reading = { batchBytes: 32 * 1024 }
    expect(content.length / reading.batchBytes).toBeGreaterThan(5)
    const loaded = await place.load('measure', content, { reading, budget: { share: 0.01 } })
    expect(loaded).toMatchObject({ records: goods + expected.length, rejected: expected.length })
    expect(loaded.inserted + loaded.duplicates).toBe(goods)
    expect(await kept(place.session, loaded.load)).toEqual(expected)
  })

  test('a file with too many rejects changes nothing', async () => {
    await using place = await loadingPlace(server, template, datasets)
    await place.load('measure', `${header}\nS1,2024-12-31,1,l,k,s,1\n`)
    const { content } = fileOf([bad[0], bad[1], bad[2]] as typeof bad, 3)
    const before = await everything(place.session)
    const refused = (
      budget: { records: number } | { share: number },
      strategy?: 'append' | 'merge' | 'aside',
    ) => place.refusal('measure', content, { budget, strategy })
    for (const strategy of ['aside', 'merge', 'append'] as const) {
      expect(await refused({ records: 2 }, strategy)).toMatchObject({
        code: 'REJECTS_TOO_MANY',
        message: '3 records were refused and 2 are allowed; nothing of the file was loaded',
      })
      expect(await refused({ share: 0.24 }, strategy)).toMatchObject({
        message: '3 of 12 records were refused and 24 % are allowed; nothing of the file was loaded',
      })
      expect(await everything(place.session)).toEqual(before)
    }
    // The rejects of a load that failed are there to be looked at.
    expect(await kept(place.session, 2)).toHaveLength(3)
    expect(await leftovers(place.session)).toEqual([])
    place.put('a.csv', content)
    const failed = await place.command('measure', 'a.csv', '--max-rejects', '20%')
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/dwh rejects list --load 8\b/) })
    expect(await place.load('measure', content, { budget: { share: 0.25 } })).toMatchObject({
      rejected: 3,
      inserted: 9,
    })
  })

  test('a content is loaded once, whatever its name is, until it is read in another way', async () => {
    await using place = await loadingPlace(server, template, datasets)
    const content = csv(header, [['S1', '2024-01-01', 1, 'l', 'k', 's', 1]])
    for (const name of ['a.csv', 'b.csv']) place.put(name, content)
    place.put('c.csv', content.replace(',l,k', ',m,k'))
    expect(await place.command('measure', 'a.csv')).toMatchObject({
      code: 0,
      results: [{ state: 'loaded', load: 1 }],
    })
    const before = await everything(place.session)
    expect(await place.command('measure', 'b.csv')).toMatchObject({
      code: 0,
      results: [{ file: 'b.csv', state: 'already loaded', load: 1 }],
      stderr: expect.stringMatching(
        /b\.csv {2}was loaded already by run 1 \(load 1\): it is left out\n\n?nothing to do; --again loads them once more/,
      ),
    })
    expect(await everything(place.session)).toEqual(before)
    expect(await place.command('measure', 'b.csv', 'c.csv', 'a.csv')).toMatchObject({
      code: 0,
      results: [
        { file: 'b.csv', state: 'already loaded' },
        { file: 'c.csv', state: 'loaded', updated: 1 },
        { file: 'a.csv', state: 'already loaded' },
      ],
    })
    expect(await place.load('measure', content, { again: true })).toMatchObject({ updated: 1, inserted: 0 })
    expect(await place.rows('SELECT load::int, superseded_by::int FROM dwh.loads WHERE load = 1')).toEqual([
      { load: 1, superseded_by: 3 },
    ])
    expect(
      await place.load('measure', content, { reading: { delimiter: ',', nullText: 'x' } }),
    ).toMatchObject({ unchanged: 1 })
    expect(await place.load('measure', content, { decimalComma: true })).toMatchObject({ unchanged: 1 })
    const reading = { header: false, columns: header.split(',') }
    expect(await place.load('measure', content, { reading, budget: { share: 0.5 } })).toMatchObject({
      records: 2,
    })
  })
})
