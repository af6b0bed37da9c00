import { expect, test } from 'vitest'
import type { ReadOptions } from '../../../src/sources/file/reader.ts'
import { fc } from '../../support/random.ts'
import { inputFolder, readAll } from './inputs.ts'

async function read(content: Buffer | string, options: ReadOptions = {}, name = 'a.json') {
  await using folder = inputFolder()
  return await readAll(await folder.put(name, content), options)
}

const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'été')
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    ' ',
    '\n',
    '\t',
    'é',
    '€',
    '😀',
    '1',
    '.',
    '0',
    'e',
  ),
  maxLength: 12,
})
const scalar = fc.oneof(
  text,
  fc.integer(),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.boolean(),
  fc.constant(null),
)
const value = fc.oneof(
  { weight: 5, arbitrary: scalar },
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(key, scalar, { maxKeys: 3 }),
)
const object = fc
  .array(fc.tuple(key, value), { maxLength: 6 })
  .map((entries) => JSON.parse(JSON.stringify(Object.fromEntries(entries))))

const expectedText = (value: unknown) =>
  value === null || value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value)

test.each([
  {
    format: 'ndjson',
    write: (objects: object[], end: string) => objects.map((one) => JSON.stringify(one)).join(end),
  },
  {
    format: 'json',
    write: (objects: object[], end: string) =>
      `[${end}${objects.map((one) => JSON.stringify(one)).join(`${end},`)}${end}]`,
  },
  { format: 'json', write: (objects: object[], end: string) => JSON.stringify(objects, null, end.length) },
])('any objects in $format come back with their keys and offsets', async ({ format, write }) => {
  await using folder = inputFolder()
  const property = fc.asyncProperty(
    fc.array(object, { maxLength: 20 }),
    fc.constantFrom('\n', '\r\n', '\n\n \n'),
    fc.integer({ min: 1, max: 200 }),
    async (objects, end, batchBytes) => {
      const content = Buffer.from(write(objects, end))
      const { columns, records, batches } = await readAll(await folder.put(`a.${format}`, content), {
        batchBytes,
        format: format as 'json',
      })
      expect(columns).toEqual([...new Set(objects.flatMap(Object.keys))])
      expect(records.map(({ fields, problem }) => ({ fields, problem }))).toEqual(
        objects.map((one) => ({
          fields: columns.map((column) =>
            expectedText(Object.hasOwn(one, column) ? (one as Record<string, unknown>)[column] : null),
          ),
        })),
      )
      for (const [index, { line, offset, original }] of records.entries()) {
        expect(JSON.parse(`${original}`)).toEqual(objects[index])
        expect(content.subarray(offset, offset + original.length)).toEqual(original)
        expect(line).toBe(content.subarray(0, offset).toString('latin1').split('\n').length)
      }
      let first = 1
      for (const batch of batches) {
        expect(batch.firstRecord).toBe(first)
        first += batch.records().toArray().length
      }
      expect(first).toBe(objects.length + 1)
    },
  )
  await fc.assert(property, { numRuns: 150 })
})

test('numbers arrive as they are written, nested ones too', async () => {
  const numbers = [
    '9007199254740993',
    '-0',
    '1.0',
    '1.10',
    '1e400',
    '0.1234567890123456789',
    '0.0000001',
    '1E5',
    '123456789012.345',
    '5',
    '-1.5',
    '100',
    '1234567890.1234560',
  ]
  const { records } = await read(
    numbers.map((number) => `{"n":${number},"in":{"list":[${number}, "1.0"]}}`).join('\n'),
  )
  expect(records.map(({ fields }) => fields)).toEqual(
    numbers.map((number) => [number, `{"list":[${number},"1.0"]}`]),
  )
})

test('of a key that comes twice the last one counts, as it is written, as PostgreSQL takes it', async () => {
  const records = [
    '{"n":1.0,"n":1}',
    '{"n":10000000000000000001,"n":10000000000000000002}',
    '{"n":2.0,"n" :2}',
    '{"n":3,"x\\"n":3.0}',
    '{"x\\"n":4.0,"n":4}',
    '{"n":5,"x\\"n":"n"}',
    '{"n":{"a":1.0},"n":{"a":1}}',
    '{"n":6,"n":null}',
  ]
  const found = await read(records.join('\n'), {}, 'a.ndjson')
  expect(found.records.map(({ fields: [n] }) => n)).toEqual([
    '1',
    '10000000000000000002',
    '2',
    '3',
    '4',
    '5',
    '{"a":1}',
    null,
  ])
})

test('what is no object is a record with a problem, and so are keys and characters that have no place', async () => {
  const lines = [
    '{"a":1}',
    '{"a":',
    '[1]',
    '7',
    '{"a":"\\u0000"}',
    '{"a":"\\ud800"}',
    '{"a":1,"b":2}',
    '{}',
    '{"a":"x"}',
    '{"a":"y"}',
    '{"a":"z"}',
  ]
  const { records } = await read(lines.join('\n'), { columns: ['a'] }, 'a.ndjson')
  expect(records.map(({ problem, line }) => problem && [line, problem.kind])).toEqual([
    undefined,
    [2, 'json'],
    [3, 'json'],
    [4, 'json'],
    [5, 'nul'],
    [6, 'encoding'],
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  const late = `${'{"a":1}\n'.repeat(1000)}{"b":2}\n`
  expect((await read(late, {}, 'a.ndjson')).records.at(-1)).toMatchObject({
    line: 1001,
    problem: { kind: 'columns', column: 'b' },
  })
  const latin = Buffer.concat([Buffer.from('{"a":1}\n'), Buffer.from('{"a":"é"}\n', 'latin1')])
  expect((await read(latin)).records).toMatchObject([{ fields: ['1'] }, { problem: { kind: 'encoding' } }])
  expect((await read(latin, { encoding: 'latin1' })).records).toMatchObject([{}, { fields: ['é'] }])
})

test('an envelope, a document over several lines and a broken array are refused', async () => {
  const refused = (message: string) => ({ code: 'INPUT_BROKEN', message: expect.stringMatching(message) })
  await expect(read('{"count":2,"data":[{"a":1},{"a":2}]}')).rejects.toMatchObject({
    ...refused('is one object, whose data holds the records'),
    hint: expect.stringMatching(/jq -c '\.data\[\]'/),
  })
  await expect(read(JSON.stringify({ data: [{ a: 1 }] }, null, 2))).rejects.toMatchObject(
    refused('neither an array of objects nor one object a line'),
  )
  await expect(read('[{"a":1},{"a":2}')).rejects.toMatchObject(
    refused('cut before its closing bracket, at byte 16'),
  )
  await expect(read('[{"a":1},{"a":"2}]')).rejects.toMatchObject(refused('cut before its closing bracket'))
  await expect(read('[{"a":1} {"a":2}]')).rejects.toMatchObject(refused('a comma is missing, at byte 9'))
  await expect(read('[{"a":1}] x')).rejects.toMatchObject(
    refused('goes on after its closing bracket, at byte 10'),
  )
  await expect(read('[1,2]')).rejects.toMatchObject(refused('2 of its first 2 elements are no objects'))
})

test('no objects are no records', async () => {
  for (const [content, name] of [
    ['[]', 'a.json'],
    ['', 'a.ndjson'],
    ['\n\n', 'a.jsonl'],
  ] as const)
    expect(await read(content, {}, name)).toEqual({ columns: [], batches: [], records: [] })
})
