import { describe, expect, test } from 'vitest'
import {
  comment,
  dollarQuoted,
  fitName,
  ident,
  identList,
  literal,
  parseRelation,
  relation,
  shown,
} from '../../src/postgres/identifiers.ts'
import { fc } from '../support/random.ts'
import { servers } from '../support/servers.ts'

/** Any name that PostgreSQL takes, with what makes quoting hard more often than chance would. */
const hard = fc.constantFrom(
  '"',
  "'",
  '\\',
  '$',
  '$$',
  '$dwh$',
  '$dwh1$',
  '\n',
  '\t',
  ' ',
  '.',
  '-',
  '%',
  ';',
  '--',
  'É',
  '日',
  '😀',
)
const piece = fc.oneof(hard, fc.string({ unit: 'grapheme', maxLength: 4 }))
const anyText = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('').replaceAll('\0', ''))
const anyName = anyText.filter((name) => name !== '' && Buffer.byteLength(name) <= 63)

describe.each(servers)('on $name', (server) => {
  test('quoted names, literals and dollar quotes come back as they were', async () => {
    await using session = await server.open()
    const property = fc.asyncProperty(anyName, anyText, async (name, text) => {
      const row = await session.one(
        `SELECT quote_ident(${literal(name)}) IN (${literal(name)}, ${literal(ident(name))}) AS same,
                ${literal(text)} AS text, ${dollarQuoted(text)} AS dollars, 1 AS ${ident(name)}`,
      )
      expect(row).toMatchObject({ same: true, text, dollars: text })
      expect(Object.keys(row)).toContain(name)
    })
    await fc.assert(property, { numRuns: 200 })
  })

  test('relation names are read as PostgreSQL reads them', async () => {
    await using session = await server.open()
    const texts = [
      't',
      'T',
      's.T',
      '"T"',
      's."T"',
      '"s.1"."t"" 2"',
      'ÉTÉ',
      'Œuvre.ÀB',
      '"two\nlines"',
      'a$b',
      '_x',
      "it's",
    ]
    for (const text of texts) {
      const { schema, name } = parseRelation(text)
      const { parts } = await session.one<{ parts: string[] }>('SELECT parse_ident($1, false) AS parts', [
        text.replace("it's", '"it\'s"'),
      ])
      expect(parts.length === 1 ? ['public', ...parts] : parts, text).toEqual([schema, name])
    }
  })

  test('a cut name is one that PostgreSQL keeps whole', async () => {
    await using session = await server.open()
    const property = fc.asyncProperty(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 }),
      async (base) => {
        const name = fitName(base.replaceAll('\0', 'x'), '_suffix')
        const { kept } = await session.one<{ kept: string }>('SELECT $1::name::text AS kept', [name])
        expect(kept).toBe(name)
      },
    )
    await fc.assert(property, { numRuns: 100 })
  })
})

test('what is quoted is parsed back', () => {
  fc.assert(
    fc.property(anyName, anyName, (schema, name) => {
      expect(parseRelation(relation({ schema, name }))).toEqual({ schema, name })
      expect(parseRelation(shown({ schema, name }))).toEqual({ schema, name })
    }),
  )
})

test.each([
  '',
  '.',
  'a.',
  '.a',
  'a.b.c',
  'a b',
  '"',
  '""',
  '"a',
  'a"b"',
  'a\0',
  '"a\0"',
  'x'.repeat(64),
  `"${'é'.repeat(32)}"`,
])('%j is no relation name', (text) => {
  expect(() => parseRelation(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('a comment ends where its line ends, whatever a name holds', () => {
  expect(comment('a\r\nDROP TABLE b;\rc')).toBe('-- a DROP TABLE b; c')
})

test('an empty name, or one with a NUL, is refused', () => {
  expect(() => ident('')).toThrow(expect.objectContaining({ code: 'USAGE' }))
  expect(() => identList(['a', 'b\0'])).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('names are shown quoted only where they must be', () => {
  expect(shown({ schema: 'public', name: 'facts_2024' })).toBe('public.facts_2024')
  expect(shown({ schema: 'Public', name: 'a-b' })).toBe('"Public"."a-b"')
})

test('numbers and NULL stand as they are', () => {
  expect([literal(1), literal(-5), literal(null), literal("it's"), literal('back\\slash')]).toEqual([
    '1',
    '-5',
    'NULL',
    `'it''s'`,
    ` E'back\\\\slash'`,
  ])
})

describe('fitName', () => {
  test('leaves alone what fits, and cuts to whole characters, with a mark of the whole, what does not', () => {
    expect(fitName('facts', '_2024')).toBe('facts_2024')
    expect(fitName('x'.repeat(58), '_2024')).toBe(`${'x'.repeat(58)}_2024`)
    expect(fitName('x'.repeat(59), '_2024')).toMatch(/^x{51}~[0-9a-f]{6}_2024$/)
    expect(fitName('日'.repeat(30), '_2024')).toMatch(/^日{17}~[0-9a-f]{6}_2024$/)
  })

  test('keeps the suffix, and keeps different names apart', () => {
    const long = fc.string({ unit: 'grapheme', minLength: 30, maxLength: 90 })
    fc.assert(
      fc.property(long, long, fc.string({ unit: 'grapheme-ascii', maxLength: 30 }), (one, other, suffix) => {
        const [first, second] = [fitName(one, suffix), fitName(other, suffix)]
        expect(first.endsWith(suffix)).toBe(true)
        expect(Buffer.byteLength(first)).toBeLessThanOrEqual(63)
        expect(first === second).toBe(one === other)
      }),
    )
  })
})
