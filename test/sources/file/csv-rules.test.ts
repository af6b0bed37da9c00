import { expect, test } from 'vitest'
import type { DwhError } from '../../../src/errors.ts'
import type { Batch, ReadOptions } from '../../../src/sources/file/reader.ts'
import { inputFolder, readAll } from './inputs.ts'

async function read(content: Buffer | string, options: ReadOptions = {}, name = 'a.csv') {
  await using folder = inputFolder()
  const input = await folder.put(name, content)
  return await readAll(input, options)
}

const refusal = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) }) as DwhError

test('the delimiter is guessed from what stands outside quotes, and a file of one column needs none', async () => {
  const guessed = async (text: string, name = 'a.csv') => (await read(text, {}, name)).columns
  expect(await guessed('a;b\n1,5;2,5\n')).toEqual(['a', 'b'])
  expect(await guessed('a\tb\n1\t2\n')).toEqual(['a', 'b'])
  expect(await guessed('a|b,c|d\n1|2|3\n')).toEqual(['a', 'b,c', 'd'])
  expect(await guessed('"a,b,c";d\n"1,2,3";4\n')).toEqual(['a,b,c', 'd'])
  expect(await guessed('station\nS1\nS2\n')).toEqual(['station'])
  expect(await guessed('a,b\n1,2\n', 'a.tsv')).toEqual(['a,b'])
})

test('a blank line is nothing, but a record of a file with one column', async () => {
  const many = await read('a,b\n\n1,2\n\n3,4\n\n')
  expect(many.records).toMatchObject([
    { line: 3, offset: 5, fields: ['1', '2'] },
    { line: 5, offset: 10, fields: ['3', '4'] },
  ])
  expect(many.batches).toMatchObject([{ raw: undefined }])
  const one = await read('a\n1\n\n2\n')
  expect(one.records).toMatchObject([{ fields: ['1'] }, { line: 3, fields: [null] }, { fields: ['2'] }])
  expect(one.batches).toMatchObject([{ raw: Buffer.from('1\n\n2\n') }])
})

test('what COPY would refuse or take otherwise is not sent as it stands', async () => {
  const raw = async (text: string, options: ReadOptions = {}) =>
    (await read(`a,b\n${text}`, options)).batches.map((batch) => batch.raw?.toString())
  expect(await raw('1,2\n3,4')).toEqual(['1,2\n3,4'])
  expect(await raw('"1\r\n\n","2"\n3,4\n')).toEqual(['"1\r\n\n","2"\n3,4\n'])
  expect(await raw('1,2\r\n3,4\n')).toEqual([undefined])
  expect(await raw('1,2\n\\.\n')).toEqual([undefined])
  expect(await raw('1,\\.\n\\.,2\n')).toEqual(['1,\\.\n\\.,2\n'])
  expect(await raw('1,\0\n')).toEqual([undefined])
  expect(await raw('1,"2\n')).toEqual([undefined])
  // COPY keeps to the line end of the first record that it was sent.
  expect(await raw('1,2\n3,4\r\n5,6\n', { batchBytes: 5 })).toEqual(['1,2\n', undefined, '5,6\n'])
})

test('a record that is none says why', async () => {
  const latin = Buffer.from('a,b\n1,é\n', 'latin1')
  const { records } = await read(
    Buffer.concat([Buffer.from('a,b\n1\n1,2,3\n1,x\0y\n'), latin.subarray(4), Buffer.from('1,"open')]),
  )
  expect(
    records.map(({ line, problem, original }) => [line, problem?.kind, problem?.column, `${original}`]),
  ).toEqual([
    [2, 'columns', 'b', '1'],
    [3, 'columns', undefined, '1,2,3'],
    [4, 'nul', 'b', '1,x\0y'],
    [5, 'encoding', 'b', '1,\ufffd'],
    [6, 'quote', undefined, '1,"open'],
  ])
})

test('other encodings are read by any of their names, and two bytes a character are refused', async () => {
  const text = 'nom;lieu\nHélène;Besançon\n'
  for (const encoding of ['latin1', 'ISO-8859-1', 'windows-1252', 'cp1252', 'WIN1252', 'iso8859-15']) {
    const { records } = await read(Buffer.from(text, 'latin1'), { encoding })
    expect(records).toMatchObject([{ fields: ['Hélène', 'Besançon'] }])
  }
  const { records } = await read(Buffer.from('a;b\n\x80;\x81\n', 'latin1'), { encoding: 'cp1252' })
  expect(records).toMatchObject([{ problem: { kind: 'encoding', column: 'b' } }])
  await expect(read(text, { encoding: 'utf-16' })).rejects.toEqual(
    refusal('USAGE', 'the encoding utf-16 is not read'),
  )
  await expect(read(Buffer.from(`\ufeff${text}`, 'utf16le'))).rejects.toEqual(
    refusal('INPUT_BROKEN', 'UTF-16'),
  )
})

test('a header names each column once, unless the user names them', async () => {
  expect((await read(' a ,"b c"\n1,2\n')).columns).toEqual(['a', 'b c'])
  expect((await read('a,a\n1,2\n', { columns: ['x', 'y'] })).columns).toEqual(['x', 'y'])
  const headless = await read('1,2\n3,4\n', { header: false, columns: ['x', 'y'] })
  expect(headless.records).toMatchObject([
    { line: 1, offset: 0 },
    { line: 2, offset: 4 },
  ])
  await expect(read('a,b,a\n')).rejects.toEqual(refusal('INPUT_BROKEN', 'line 1, names "a" twice'))
  await expect(read('\n\na,,b\n')).rejects.toEqual(
    refusal('INPUT_BROKEN', 'line 3, has no name for column 2'),
  )
  await expect(read('')).rejects.toEqual(refusal('INPUT_BROKEN', 'is empty'))
  await expect(read('a,b\n', { columns: ['x'] })).rejects.toEqual(
    refusal('USAGE', '1 columns are named, .* has 2'),
  )
  await expect(read('1,2\n', { header: false })).rejects.toEqual(
    refusal('USAGE', 'its columns must be named'),
  )
  await expect(read('a,b\n', { delimiter: '"' })).rejects.toEqual(refusal('USAGE', 'must differ'))
  await expect(read('a,b\n', { delimiter: '::' })).rejects.toEqual(refusal('USAGE', 'one ASCII character'))
})

test('a record longer than the limit is refused, with its line and its offset', async () => {
  const text = `a,b\n1,2\n3,"${'x'.repeat(5000)}"\n`
  await expect(read(text, { batchBytes: 64, longestRecord: 1000 })).rejects.toEqual(
    refusal('INPUT_BROKEN', 'a.csv has a record of more than 1000 bytes on line 3, at byte 8'),
  )
  expect((await read(text, { batchBytes: 64, longestRecord: 6000 })).records).toHaveLength(2)
})

test('a batch that is disposed of has given its memory back', async () => {
  const { batches } = await read('a,b\n1,2\n3,4\n')
  const batch = batches[0] as Batch
  expect(batch.raw?.toString()).toBe('1,2\n3,4\n')
  batch[Symbol.dispose]()
  batch[Symbol.dispose]()
  expect(batch.raw).toHaveLength(0)
})

test('a sample has records from all over a file, and guesses its rows', async () => {
  await using folder = inputFolder()
  const rows = Array.from({ length: 100_000 }, (_, n) => `${n},station ${n},"${'x'.repeat(n % 30)}"`)
  const input = await folder.put('a.csv', `n,name,text\n${rows.join('\n')}\n`)
  await using reader = await input.open({})
  const { records, rows: guessed } = await reader.sample()
  const numbers = records.map(({ fields }) => Number(fields[0]))
  expect(Math.abs(guessed - 100_000)).toBeLessThan(5000)
  expect(numbers[0]).toBe(0)
  expect(numbers.at(-1)).toBeGreaterThan(95_000)
  expect(records.every(({ fields }) => fields[1] === `station ${fields[0]}`)).toBe(true)
})
