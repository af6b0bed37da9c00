import { expect, test, vi } from 'vitest'
import { line } from '../../../src/sources/file/plain-csv.ts'
import type { PlacedRecord, ReadOptions } from '../../../src/sources/file/reader.ts'
import { Scratch } from '../../../src/sources/file/scratch.ts'
import { fc } from '../../support/random.ts'
import { quietWork } from '../../support/work.ts'
import { inputFolder, readAll } from './inputs.ts'

/** What stands for a value in a text: of numbers, words and strings many spellings, some of which are no JSON. */
const values = fc.oneof(
  fc.constantFrom('null', 'true', 'false', '0', '-0', '1.50', '1e5', '1E+2', '12345678901234567890', '0.10'),
  fc.constantFrom('01', '1.', '.5', '+1', 'nul', 'True', 'NaN', '1e', '-', '', '0x1', '1 2', '"a', "'a'"),
  fc.constantFrom('""', '"a,b"', '"été"', '"\\u00e9"', '"a\\"b"', '"\\\\"', '"\\n"', '"\\."', '"a\\/b"'),
  fc.constantFrom('"\\u0000"', '"\\ud800"', '"\\x"', '"\\u12"', '"a\tb"', '"\u0001"', '"\u007f"', '" {}[]:"'),
  fc.constantFrom('{}', '[]', '[1, "}"]', '{"a": {"b": "]"}}', '{"a":1,}', '[1.50]', '{"a":'),
  fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => JSON.stringify(text)),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
)
const names = fc.constantFrom('"a"', '"b"', '"c"', '"été"', '"x"', '"y"', '"__proto__"', '"\\u0061"', 'a')
const gap = fc.constantFrom('', '', '', ' ', '\t')

/** Mostly objects with the same keys in the same order, as rows of an API are; some lack keys, have others or are broken. */
const usual = fc
  .tuple(fc.array(values, { minLength: 4, maxLength: 4 }), fc.subarray([0, 1, 2, 3], { minLength: 2 }), gap)
  .map(([all, kept, space]) => {
    const members = kept.map((n) => `${space}"${'abxé'[n] === 'é' ? 'été' : 'abxé'[n]}":${space}${all[n]}`)
    return `{${members.join(`${space},`)}${space}}`
  })
const odd = fc
  .tuple(
    fc.array(fc.tuple(names, values), { maxLength: 5 }),
    fc.constantFrom('}', '}', '}', ',}', '', '}}', '} 1'),
  )
  .map(([members, end]) => `{${members.map((pair) => pair.join(':')).join(',')}${end}`)
const texts = fc.oneof({ weight: 6, arbitrary: usual }, odd, values)

/** Beyond the first thousand records keys may come that are no columns. */
const firstRecords = '{"a":1,"b":"","x":null,"été":"é"}\n'.repeat(1000)

/** A batch as it writes its records by itself, and as each of them is parsed. */
async function bothWays(content: Buffer, options: ReadOptions, inputs: number[], isPlaced: boolean) {
  await using folder = inputFolder()
  const input = await folder.put('a.ndjson', content)
  await using reader = await input.open({ format: 'ndjson', batchBytes: 2000, ...options })
  const into = new Scratch()
  const broken: PlacedRecord[] = []
  const problems: PlacedRecord[] = []
  let parsed = ''
  for await (const batch of reader.batches(quietWork())) {
    broken.push(...(batch.write?.(inputs, isPlaced, into) ?? []))
    let place = batch.firstRecord
    for (const record of batch.records()) {
      if (record.problem) problems.push({ place, record })
      else parsed += line(record.fields, inputs, isPlaced ? place : undefined)
      place++
    }
  }
  const fieldsOf = async (text: string | Buffer) => {
    const csv = await folder.put('a.csv', text)
    const columns = ['place', ...inputs.map(String)].slice(isPlaced ? 0 : 1)
    const { records } = await readAll(csv, { format: 'csv', header: false, columns })
    return records.map(({ fields }) => fields)
  }
  return { written: await fieldsOf(into.filled), parsed: await fieldsOf(parsed), broken, problems }
}

test('what a batch of JSON writes without parsing it is what its records say', async () => {
  let seen = 0
  const property = fc.asyncProperty(
    fc.array(texts, { minLength: 1, maxLength: 60 }),
    fc.boolean(),
    fc.subarray([0, 1, 2, 3], { minLength: 2 }),
    fc.boolean(),
    fc.constantFrom(undefined, undefined, 'latin1'),
    async (lines, isChosen, inputs, isPlaced, encoding) => {
      const text =
        (isChosen ? '' : firstRecords) + lines.map((one) => `${one.replaceAll('\n', ' ')}\n`).join('')
      const bytes = Buffer.from(text)
      // Some bytes that are no UTF-8.
      const content =
        lines.length % 9 === 0 ? Buffer.concat([bytes, Buffer.from('{"a":"\xe9"}\n', 'latin1')]) : bytes
      const options = { encoding, columns: isChosen ? ['a', 'b', 'été', 'x'] : undefined }
      const { written, parsed, broken, problems } = await bothWays(content, options, inputs, isPlaced)
      expect(broken).toEqual(problems)
      expect(written).toEqual(parsed)
      seen += problems.length > 0 && written.length > 0 ? 1 : 0
    },
  )
  await fc.assert(property, { numRuns: 120 })
  expect(seen).toBeGreaterThan(12)
})

test('records in order are not parsed, and those with other keys only until these are known', async () => {
  const rows = Array.from({ length: 400 }, (_, n) =>
    JSON.stringify({
      a: n,
      ...(n % 3 === 0 && { b: `"${n}",` }),
      ...(n % 5 === 0 && { z: [{ n }] }),
      c: 'é',
    }),
  )
  const parse = vi.spyOn(JSON, 'parse')
  await using folder = inputFolder()
  await using reader = await (await folder.put('a.ndjson', rows.join('\n'))).open({
    columns: ['a', 'b', 'c'],
  })
  const into = new Scratch()
  for await (const batch of reader.batches(quietWork()))
    expect(batch.write?.([2, 0, 1], true, into)).toEqual([])
  // The first one has to be parsed.
  expect(into.filled.toString().split('\n').slice(0, 4)).toEqual([
    '1,é,0,"""0"","',
    '2,"é",1,',
    '3,"é",2,',
    '4,"é",3,"""3"","',
  ])
  // Of escapes and of what is passed over only the values are.
  const whole = parse.mock.calls.filter(([text]) => text.startsWith('{"a"'))
  parse.mockRestore()
  expect(whole.length).toBeLessThan(10)
})
