import { expect, test, vi } from 'vitest'
import { binaryCopyStatement, copyStatement } from '../../src/load/send/encode.ts'
import { simpleValue } from '../../src/load/send/simple-values.ts'
import type { Session } from '../../src/postgres/session.ts'
import { sql } from '../../src/postgres/sql-files.ts'
import {
  type BinaryColumn,
  type BinaryKind,
  binaryHeader,
  binaryTrailer,
} from '../../src/sources/file/binary.ts'
import { encodingOf } from '../../src/sources/file/encoding.ts'
import { JsonBatch } from '../../src/sources/file/json-batch.ts'
import { JsonScanner } from '../../src/sources/file/json-scan.ts'
import { JsonTemplate } from '../../src/sources/file/json-template.ts'
import { Scratch } from '../../src/sources/file/scratch.ts'
import { freshDatabase } from '../support/database.ts'
import { fc } from '../support/random.ts'
import { servers } from '../support/servers.ts'

/** What is made of a column of texts of the same name. */
const made: Record<string, { type: string; base: string; expression?: string }> = {
  txt: { type: 'text', base: 'text' },
  short: { type: 'varchar(3)', base: 'varchar' },
  i2: { type: 'smallint', base: 'int2' },
  i4: { type: 'integer', base: 'int4' },
  i8: { type: 'bigint', base: 'int8' },
  f8: { type: 'double precision', base: 'float8' },
  yes: { type: 'boolean', base: 'bool' },
  day: { type: 'date', base: 'date' },
  plain: { type: 'timestamp', base: 'timestamp' },
  zoned: { type: 'timestamptz', base: 'timestamptz' },
  epoch: { type: 'timestamptz', base: 'timestamptz', expression: 'to_timestamp(epoch::bigint / 1000.0)' },
  nothing: { type: 'text', base: 'text', expression: 'NULL' },
  theme: { type: 'text', base: 'text', expression: "'it''s, \"été\"'" },
}
const names = Object.keys(made)

const digits = (max: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max })
const numbers = fc.oneof(
  fc.tuple(fc.constantFrom('', '-'), digits(19)).map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('', '-'), digits(12), fc.constantFrom('.'), digits(12))
    .map((parts) => parts.join('')),
  fc.double().map(String),
  fc.double({ min: -1000, max: 1000, noNaN: true }).map((value) => value.toFixed(5)),
  fc.integer({ min: -5e9, max: 5e9 }).map(String),
  fc.maxSafeInteger().map(String),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '-0.0',
    '1e400',
    '-1e400',
    '1e-400',
    '4.9e-324',
    '1E+2',
    '1e5',
    '01',
    '1.',
    '.5',
    '+1',
  ),
  fc.constantFrom(
    '9007199254740993',
    '0.1000000000000000055511151231257827',
    '32768',
    '-32768',
    '2147483648',
    '4294967295999',
  ),
)
const times = fc
  .tuple(
    fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
    fc.constantFrom('', 'Z', '+02', '-0330', '+05:45', '+15', 'z', ' Z', ' BC'),
    fc.constantFrom('', '.1', '.123456', '.1234567', '.', '.000001'),
    fc.constantFrom('T', ' ', 't'),
    fc.nat({ max: 19 }),
  )
  .map(([date, zone, fraction, separator, cut]) => {
    const text = date.toISOString().replace('T', separator)
    return cut < 3 ? text.slice(0, 10) : text.slice(0, cut < 5 ? 13 + cut : 19) + fraction + zone
  })
const odd = fc.constantFrom(
  'null',
  'true',
  'false',
  '""',
  '"t"',
  '"1"',
  '{}',
  '[1.50]',
  '"\\u00e9"',
  '"\\u0000"',
  '"\\ud800"',
  '"a\tb"',
  '"a,\\"b"',
)
const moments = fc.constantFrom(
  '2023-02-29',
  '2000-02-29',
  '1900-02-29',
  '2024-13-01',
  '2024-00-10',
  '2024-01-01T24:00:00Z',
  '2024-06-30T23:59:60Z',
  '2024-1-1',
  '20240101',
  'infinity',
  '0000-01-01',
  '1700-01-01T00:00:00.000001Z',
)
const values = fc.oneof(
  { weight: 4, arbitrary: numbers },
  fc.oneof(numbers, times, moments).map((text) => JSON.stringify(text)),
  fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => JSON.stringify(text)),
  odd,
)
/** What a column is likely to have, so that most rows are in order. */
const likely: Record<string, fc.Arbitrary<string>> = {
  txt: fc.oneof(values, fc.constantFrom('"abc"', 'null')),
  i2: fc.integer({ min: -33_000, max: 33_000 }).map(String),
  i4: fc.integer({ min: -(2 ** 31), max: 2 ** 31 }).map(String),
  i8: fc.maxSafeInteger().map(String),
  f8: numbers,
  yes: fc.constantFrom('true', 'false', 'null', '1', '"0"', '"true"'),
  day: fc.oneof(times, moments).map((text) => JSON.stringify(text.slice(0, 10))),
  plain: times.map((text) => JSON.stringify(text)),
  zoned: times.map((text) => JSON.stringify(text)),
  epoch: fc
    .oneof(
      fc.integer({ min: -(2 ** 32) * 1000 - 5, max: 2 ** 32 * 1000 + 5 }),
      fc.integer({ min: 0, max: 2e12 }),
    )
    .map(String),
}

const safe: Record<string, string> = {
  ...{
    txt: '"abc"',
    short: '"é   "',
    i2: '-7',
    i4: '70000',
    i8: '-123456789012345',
    f8: '-1.25',
    yes: 'true',
  },
  ...{ day: '"2024-02-29"', plain: '"2024-02-29T23:59:59"', zoned: '"1969-12-31 23:59:59.5-01:30"' },
  epoch: '1704067200123',
}

type Member = [name: string, value: string]
/** What a record may be beside usual: most are that, so that they have a template. */
const twists: ((members: Member[]) => Member[])[] = [
  ...Array.from({ length: 12 }, () => (members: Member[]) => members),
  (members) => members.toReversed(),
  (members) => members.slice(1),
  (members) => [...members, ['i4', '7']],
  (members) => [['i4', '7'], ...members],
  (members) => members.map(([name, one]) => [name === 'yes' ? 'ye\\u0073' : name, one]),
  (members) => [...members, ['nobody', '{"i4": [7, "}"]}']],
]

/** A record of which one value is of interest, for one that is not certain makes the whole go another way. */
const records = fc
  .tuple(
    fc.constantFrom(...Object.keys(likely)),
    fc.constantFrom(...twists),
    fc.constantFrom('', '', '', ' '),
  )
  .chain(([name, twist, space]) =>
    fc.oneof(likely[name] as fc.Arbitrary<string>, values).map((value) => {
      const members = twist(Object.entries({ ...safe, [name]: value }))
      return `{${members.map(([name, one]) => `"${name}":${space}${one}`)}}`
    }),
  )

function columnsOf(given: string[]): BinaryColumn[] {
  return given.map((name) => {
    const { base, expression } = made[name] as (typeof made)[string]
    const column = { base, is_domain: false } as Parameters<typeof simpleValue>[0]['column']
    const from = expression === undefined ? { input: names.indexOf(name) } : { expression }
    return simpleValue({ column, from }, names) as BinaryColumn
  })
}

/** Of the records that are written in binary, both what is written and the texts that PostgreSQL would read. */
function bothWays(texts: string[], given: string[]) {
  const format = {
    columns: names,
    encoding: encodingOf('UTF8'),
    chosen: true,
    scanner: new JsonScanner(names, true),
    template: new JsonTemplate(names),
  }
  const [row, text, rows, lines] = [new Scratch(), new Scratch(), new Scratch(), new Scratch()]
  rows.copy(binaryHeader, 0, binaryHeader.length)
  let taken = 0
  for (const [n, one] of texts.entries()) {
    const bytes = Buffer.from(one)
    const position = { number: 0, firstRecord: n, count: 1, line: 1, offset: 0, bytesRead: 0 }
    const batch = new JsonBatch(bytes, [{ start: 0, end: bytes.length, line: 0 }], position, format)
    if (!batch.encode(columnsOf(given), true, row.clear())) continue
    rows.copy(row.filled, binaryHeader.length, row.length - binaryTrailer.length)
    expect(batch.write(names.keys().toArray(), true, text.clear()), one).toEqual([])
    lines.copy(text.filled, 0, text.length)
    taken++
  }
  rows.copy(binaryTrailer, 0, binaryTrailer.length)
  return { rows: rows.filled, lines: lines.filled, taken }
}

async function differing(session: Session, texts: string[]): Promise<{ taken: number; rows: unknown[] }> {
  const { rows, lines, taken } = bothWays(texts, names)
  const types = names.map((name) => `${name} ${made[name]?.type}`).join(', ')
  await session.run(`
    DROP TABLE IF EXISTS texts, typed, computed;
    CREATE TEMP TABLE texts (place bigint, ${names.map((name) => `${name} text`).join(', ')});
    CREATE TEMP TABLE typed (place bigint, ${types}); CREATE TEMP TABLE computed (LIKE typed)`)
  expect(await session.copyIn(binaryCopyStatement('typed', ['place', ...names]), rows)).toBe(taken)
  await session.copyIn(copyStatement('texts', ['place', ...names]), lines)
  const computed = names.map(
    (name) => `(${made[name]?.expression ?? name})::${made[name]?.type.replace('(3)', '')}`,
  )
  await session.run(`INSERT INTO computed SELECT place, ${computed.join(', ')} FROM texts`)
  const read = (table: string) => `SELECT t::text AS row FROM ${table} AS t`
  return {
    taken,
    rows: await session.rows(
      `(${read('typed')} EXCEPT ${read('computed')}) UNION ALL (${read('computed')} EXCEPT ${read('typed')})`,
    ),
  }
}

test.for(servers)('on $name what is written in binary is what it makes of the texts', async (server) => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run(
    "SET TimeZone = 'America/St_Johns'; SET DateStyle = 'SQL, DMY'; SET extra_float_digits = 3",
  )
  let all = 0
  await fc.assert(
    fc.asyncProperty(fc.array(records, { minLength: 500, maxLength: 500 }), async (texts) => {
      const { taken, rows } = await differing(session, texts)
      expect(rows).toEqual([])
      all += taken
    }),
    { numRuns: 3, endOnFailure: true },
  )
  expect(all).toBeGreaterThan(300)
  expect(await session.one(sql('load/expressions_are_plain'))).toEqual({ plain: true })
  await session.run(
    'CREATE FUNCTION public.to_timestamp(numeric) RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() $$; SET search_path = public',
  )
  expect(await session.one(sql('load/expressions_are_plain'))).toEqual({ plain: false })
})

test('only what is certainly as simple as it looks is not left to PostgreSQL', () => {
  const input = ['a', 'user', 'A b', 'null']
  const value = (expression: string, base = 'timestamptz', is_domain = false) =>
    simpleValue(
      { column: { base, is_domain } as Parameters<typeof simpleValue>[0]['column'], from: { expression } },
      input,
    )
  const epoch = (input: number) => ({ input, kind: 'epoch_ms' satisfies BinaryKind })
  expect(value(' to_timestamp( A::BIGINT/1000.0 )')).toEqual(epoch(0))
  expect(value('to_timestamp("user"::int8 / 1000.0)')).toEqual(epoch(1))
  expect(value('to_timestamp("A b"::bigint / 1000.0)')).toEqual(epoch(2))
  expect(value('null', 'int4')).toEqual({ constant: null })
  expect(value("'a''b'", 'varchar')).toEqual({ constant: Buffer.from("a'b") })
  for (const other of ['user', 'null', 'b', '"a"."b"', 'current_date'])
    expect(value(`to_timestamp(${other}::bigint / 1000.0)`)).toBeUndefined()
  for (const other of [
    'to_timestamp(a::bigint / 1000)',
    'to_timestamp(a::float8 / 1000.0)',
    'pg_temp.to_timestamp(a::bigint / 1000.0)',
    "'2024-01-01'",
    "'a' || 'b'",
    "E'a'",
    "'\\'",
  ])
    expect(value(other), other).toBeUndefined()
  expect(value('to_timestamp(a::bigint / 1000.0)', 'date')).toBeUndefined()
  expect([value('NULL', 'int4', true), value('NULL', 'numeric'), value('NULL', 'constructor')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

vi.setConfig({ testTimeout: 60_000 })
