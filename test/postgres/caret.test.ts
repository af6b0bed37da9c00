import { expect, test } from 'vitest'
import { caret } from '../../src/postgres/caret.ts'
import { servers } from '../support/servers.ts'

const lines = (statement: Parameters<typeof caret>[0], position: number) =>
  caret(statement, position).split('\n')

test('the line, the column and the caret are those of the spot', () => {
  expect(lines({ text: 'SELECT 1,\n  oops\nFROM t', file: 'a.sql' }, 13)).toEqual([
    'a.sql:2:3',
    '    oops',
    '    ^',
  ])
  expect(lines({ text: 'oops' }, 1)).toEqual(['statement:1:1', '  oops', '  ^'])
  expect(lines({ text: 'SELECT\r\n  oops\r\n' }, 11)).toEqual(['statement:2:3', '    oops', '    ^'])
})

test('tabs stay tabs, and wide characters take two columns', () => {
  expect(lines({ text: '\t\toops' }, 3)).toEqual(['statement:1:3', '  \t\toops', '  \t\t^'])
  expect(lines({ text: `'日本' oops` }, 6)).toEqual(['statement:1:6', `  '日本' oops`, '         ^'])
  expect(lines({ text: `'😀' oops` }, 5)).toEqual(['statement:1:5', `  '😀' oops`, '       ^'])
  expect(lines({ text: `'e\u0301' oops` }, 6)).toEqual(['statement:1:6', `  'e\u0301' oops`, '      ^'])
})

test('a statement within a file is shown where it stands in it', () => {
  const text = `const a = 1\npgm.sql(\`SELECT '😀',\n  oops\`)\n`
  const offset = text.indexOf('SELECT')
  expect(lines({ text, file: 'a.ts', offset }, 8)).toEqual([
    'a.ts:2:17',
    `  pgm.sql(\`SELECT '😀',`,
    '                  ^',
  ])
  expect(lines({ text, file: 'a.ts', offset }, 15)).toEqual(['a.ts:3:3', '    oops`)', '    ^'])
})

test.each(servers)('$name counts as we do', async (server) => {
  await using session = await server.open()
  const statement = { text: `SELECT 'été 日本 😀 e\u0301' AS "Ä",\n\t'😀' AS b, oops\n`, file: 'a.sql' }
  const message = await session.rows(statement).catch((error) => error.message)
  expect(message).toBe(`column "oops" does not exist\na.sql:2:12\n  \t'😀' AS b, oops\n  \t           ^`)
})
