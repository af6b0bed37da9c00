import { expect, test } from 'vitest'
import { JsonTemplate } from '../../../src/sources/file/json-template.ts'
import { RecordCutter } from '../../../src/sources/http/record-cutter.ts'
import { fc } from '../../support/random.ts'

const values = fc.oneof(
  fc.constantFrom(
    '1',
    '-0',
    '1.50',
    '1e400',
    '12345678901234567890',
    'null',
    'true',
    'false',
    '""',
    '"a,b"',
    '"été"',
  ),
  fc.constantFrom('"}"', '"{"', '"],["', '"\\""', '"\\\\"', '"\\u0000"', '"\\ud800"', '"a\nb"', '"\r"', '"'),
  fc.constantFrom(
    '{}',
    '[]',
    '{"a":{"b":["}"]}}',
    '01',
    '+1',
    'nul',
    '1 2',
    '',
    '\n1',
    '\r\n"x"',
    '1,"a":2',
    '}',
    ']',
  ),
)
const usual = fc.constantFrom('1', '"abc"', 'null', '-1.5', '"Valeur mesurée"')
/** Mostly records of the same keys with simple values, some with one that is odd. */
const records = fc
  .tuple(
    fc.array(usual, { minLength: 4, maxLength: 4 }),
    fc.option(values, { freq: 4 }),
    fc.nat({ max: 3 }),
    fc.nat({ max: 9 }),
  )
  .map(([simple, odd, where, shape]) => {
    const members = ['a', 'b', 'été', 'd.*(']
      .map((key, n) => `"${key}":${odd !== null && n === where ? odd : simple[n]}`)
      .filter((_, n) => shape !== 0 || n !== where)
    return `{${members.join(shape === 1 ? ', ' : ',')}}`
  })
const documents = fc
  .tuple(
    fc.constantFrom('', '', '', '\uFEFF', ' \r\n'),
    fc.array(records, { maxLength: 60 }),
    fc.constantFrom(',', ',', ',\r\n  ', '\n,'),
    fc.constantFrom(']}', ']}', ']', ',{}]}', ']}}'),
  )
  .map(([mark, all, comma, end]) => `${mark}{"count":${all.length},"data":[${all.join(comma)}${end}`)

/** Never learned anything: every byte is looked at. */
const ignorant = { isLearned: false, wantsLesson: false } as JsonTemplate

function cut(document: Buffer, sizes: number[], template: JsonTemplate) {
  const cutter = new RecordCutter(['data'], template)
  const lines: Buffer[] = []
  try {
    for (let at = 0, n = 0; at < document.length; n++) {
      const size = sizes[n % sizes.length] as number
      // What is pushed is changed.
      for (const piece of cutter.push(Buffer.from(document.subarray(at, at + size))))
        lines.push(Buffer.from(piece))
      at += size
    }
    return {
      lines: String(Buffer.concat(lines)),
      records: cutter.records,
      envelope: cutter.end(),
      found: cutter.found,
    }
  } catch (error) {
    return { error: (error as Error).message, lines: String(Buffer.concat(lines)), records: cutter.records }
  }
}

test('a page is cut into the same lines whether records look like those before or every byte is looked at', () => {
  // One for all pages, as a source has it.
  const template = new JsonTemplate([])
  let usual = 0
  const endOf = template.endOf.bind(template)
  template.endOf = (text, from) => {
    const end = endOf(text, from)
    if (end >= 0) usual++
    return end
  }
  fc.assert(
    fc.property(
      documents,
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }),
      (text, sizes) => {
        const document = Buffer.from(text)
        expect(cut(document, sizes, template)).toEqual(cut(document, sizes, ignorant))
        const fresh = new JsonTemplate([])
        expect(cut(document, sizes, fresh)).toEqual(cut(document, sizes, ignorant))
      },
    ),
    { numRuns: 500 },
  )
  expect(usual).toBeGreaterThan(20)
})
