import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetReadObjects, type SchemaElement } from 'hyparquet'
import { asyncBufferFromFile } from 'hyparquet/src/node.js'
import { compressors } from 'hyparquet-compressors'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, test } from 'vitest'
import { packageRoot } from '../../../src/package.ts'
import { quietWork } from '../../support/work.ts'
import { inputFolder, readAll } from './inputs.ts'

type Column = Omit<SchemaElement, 'name'>

const timestamp = (unit: 'MILLIS' | 'MICROS' | 'NANOS', isAdjustedToUTC: boolean): Column => ({
  type: 'INT64',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit },
})

/** A column of each type: what is written and the text that PostgreSQL is to read. */
const types: [Column, values: unknown[], texts: (string | null)[]][] = [
  [{ type: 'BOOLEAN' }, [true, false, null], ['true', 'false', null]],
  [{ type: 'INT32' }, [-1, 2147483647, null], ['-1', '2147483647', null]],
  [
    { type: 'INT64' },
    [9007199254740993n, -9223372036854775808n, null],
    ['9007199254740993', '-9223372036854775808', null],
  ],
  [
    { type: 'INT64', converted_type: 'UINT_64' },
    [18446744073709551615n, 1n, null],
    ['18446744073709551615', '1', null],
  ],
  [{ type: 'DOUBLE' }, [0.1, -0, Number.NaN], ['0.1', '-0', 'NaN']],
  [
    { type: 'FLOAT' },
    [Math.fround(0.1), 16777216, Number.NEGATIVE_INFINITY],
    ['0.1', '16777216', '-Infinity'],
  ],
  [{ type: 'BYTE_ARRAY', converted_type: 'UTF8' }, ['é€😀', '', null], ['é€😀', '', null]],
  [{ type: 'BYTE_ARRAY' }, [Uint8Array.of(0, 255), Uint8Array.of(), null], ['\\x00ff', '\\x', null]],
  [
    { type: 'INT32', converted_type: 'DECIMAL', precision: 9, scale: 2 },
    [1n, -123456789n, null],
    ['0.01', '-1234567.89', null],
  ],
  [
    { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, converted_type: 'DECIMAL', precision: 38, scale: 10 },
    [12345678901234567890123456789012345678n, -1n, null],
    ['1234567890123456789012345678.9012345678', '-0.0000000001', null],
  ],
  [
    { type: 'INT32', converted_type: 'DATE' },
    [0, -1, 2_932_897],
    ['1970-01-01', '1969-12-31', '10000-01-01'],
  ],
  [
    { type: 'INT32', converted_type: 'DATE' },
    [-719_529, -735_160, null],
    ['0002-12-31 BC', '0044-03-15 BC', null],
  ],
  [
    timestamp('MICROS', false),
    [1n, -1n, null],
    ['1970-01-01 00:00:00.000001', '1969-12-31 23:59:59.999999', null],
  ],
  [
    timestamp('MICROS', true),
    [1_700_000_000_123_456n, 0n, null],
    ['2023-11-14 22:13:20.123456+00', '1970-01-01 00:00:00+00', null],
  ],
  [
    timestamp('NANOS', true),
    [1_700_000_000_123_456_789n, 0n, null],
    ['2023-11-14 22:13:20.123456789+00', '1970-01-01 00:00:00+00', null],
  ],
  [
    { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
    [1500n, -1n, null],
    ['1970-01-01 00:00:01.5+00', '1969-12-31 23:59:59.999+00', null],
  ],
  [
    { type: 'INT32', converted_type: 'TIME_MILLIS' },
    [86_399_999, 0, null],
    ['23:59:59.999', '00:00:00', null],
  ],
  [
    { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
    ['00112233-4455-6677-8899-aabbccddeeff', null, null],
    ['00112233-4455-6677-8899-aabbccddeeff', null, null],
  ],
  [{ type: 'BYTE_ARRAY', converted_type: 'JSON' }, [{ a: [1] }, 'x', null], ['{"a":[1]}', '"x"', null]],
]

test('values of every type become text that loses nothing', async () => {
  await using folder = inputFolder()
  const columns = types.map(([, data], index) => ({ name: `c${index}`, data: data as never[] }))
  const schema: SchemaElement[] = [
    { name: 'root', num_children: types.length },
    ...types.map(([column], index) => ({
      ...column,
      name: `c${index}`,
      repetition_type: 'OPTIONAL' as const,
    })),
  ]
  const content = Buffer.from(parquetWriteBuffer({ columnData: columns, schema, rowGroupSize: 2 }))
  const input = await folder.put('a.parquet', content)
  const { records } = await readAll(input)
  expect(records.map(({ line, offset, problem }) => [line, offset, problem])).toEqual([
    [1, 0, undefined],
    [2, 1, undefined],
    [3, 2, undefined],
  ])
  const read = types.map((_, index) => records.map(({ fields }) => fields[index]))
  expect(read).toEqual(types.map(([, , texts]) => texts))
  expect(JSON.parse(`${records[0]?.original}`)).toMatchObject({ c2: '9007199254740993' })
})

test('lists, maps and structs become JSON whose numbers are exact', async () => {
  await using folder = inputFolder()
  const schema: SchemaElement[] = [
    { name: 'root', num_children: 2 },
    { name: 'list', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    {
      name: 'element',
      repetition_type: 'OPTIONAL',
      type: 'INT64',
      converted_type: 'DECIMAL',
      precision: 18,
      scale: 2,
    },
    { name: 'struct', repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'n', repetition_type: 'OPTIONAL', type: 'INT64' },
    { name: 'at', repetition_type: 'OPTIONAL', type: 'INT32', converted_type: 'DATE' },
  ]
  const columnData = [
    { name: 'list', data: [[123456789012345678n, null], null] },
    { name: 'struct', data: [{ n: 9007199254740993n, at: 1 }, null] },
  ]
  const input = await folder.put('a.parquet', Buffer.from(parquetWriteBuffer({ columnData, schema })))
  const { records, columns } = await readAll(input)
  expect(columns).toEqual(['list', 'struct'])
  expect(records.map(({ fields }) => fields)).toEqual([
    ['[1234567890123456.78,null]', '{"n":9007199254740993,"at":"1970-01-02"}'],
    [null, null],
  ])
})

test('Parquet in a gzip is put aside while it is read; what is cut or renamed is refused', async () => {
  await using folder = inputFolder()
  const data = Array.from({ length: 5000 }, (_, n) => `row ${n}`)
  const content = Buffer.from(
    parquetWriteBuffer({ columnData: [{ name: 'a', data, type: 'STRING' }], rowGroupSize: 1000 }),
  )
  const input = await folder.put('a.gz', gzipSync(content))
  const { records, batches } = await readAll(input, { batchBytes: 2000 })
  expect(records.map(({ fields }) => fields[0])).toEqual(data)
  expect(batches.length).toBeGreaterThan(5)
  expect(readdirSync(folder.path)).toEqual(['a.gz'])
  await expect(readAll(await folder.put('a.parquet', content.subarray(0, -9)))).rejects.toMatchObject({
    code: 'INPUT_BROKEN',
    message: expect.stringMatching(/^a\.parquet cannot be read as Parquet: /),
  })
  await expect(readAll(await folder.put('b', content), { format: 'csv' })).rejects.toMatchObject({
    code: 'USAGE',
  })
  const spoiled = Buffer.from(content)
  spoiled.fill(0xff, 10, 2000)
  await expect(readAll(await folder.put('a.parquet', spoiled))).rejects.toMatchObject({
    code: 'INPUT_BROKEN',
  })
})

test('the flights are read like an independent reader reads them', async () => {
  await using folder = inputFolder()
  const path = join(packageRoot, 'node_modules/vega-datasets/data/flights-3m.parquet')
  const [input] = await folder.find([path])
  await using reader = await (input as NonNullable<typeof input>).open({})
  const { rows, records: sampled } = await reader.sample()
  expect(rows).toBe(3_000_000)
  expect(sampled.length).toBeGreaterThanOrEqual(1000)
  const file = await asyncBufferFromFile(path)
  const [rowStart, rowEnd] = [100, 600]
  const expected = await parquetReadObjects({ file, compressors, rowStart, rowEnd })
  for await (const batch of reader.batches(quietWork())) {
    const read = batch.records().toArray().slice(rowStart, rowEnd)
    const shown = (value: unknown) => (value instanceof Date ? value.getTime() : String(value))
    const ours = (text: string | null | undefined, theirs: unknown) =>
      theirs instanceof Date ? Date.parse(`${text}Z`.replace('+00Z', 'Z')) : text
    expect(
      read.map(({ fields }, row) =>
        reader.columns.map((name, index) => ours(fields[index], expected[row]?.[name])),
      ),
    ).toEqual(expected.map((row) => reader.columns.map((name) => shown(row[name]))))
    break
  }
})
