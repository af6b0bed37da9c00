import { expect, test } from 'vitest'
import { scriptStatements } from '../../src/postgres/statements.ts'
import { fc } from '../support/random.ts'

const words = (script: string) => scriptStatements(script).map((statement) => statement.words.join(' '))

test('a script comes apart at its own semicolons and nowhere else', () => {
  expect(words(`SELECT ';', E'\\';', "a;b", $$;$$, $x$ ; $$ ; $x$; /* ; /* ; */ ; */ COMMIT -- ;`)).toEqual([
    'SELECT',
    'COMMIT',
  ])
  expect(words('CREATE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2); ;; END')).toEqual([
    'CREATE RULE R AS ON UPDATE TO T DO SELECT SELECT',
    'END',
  ])
  expect(words('BEGIN ATOMIC SELECT CASE WHEN a THEN b END; SELECT 1; END; COMMIT')).toEqual([
    'BEGIN ATOMIC SELECT CASE WHEN A THEN B END SELECT END',
    'COMMIT',
  ])
  expect(words('')).toEqual([])
  expect(words('-- only a comment')).toEqual([])
})

test('where a statement begins and whether it ends', () => {
  expect(scriptStatements('/* é */ SELECT 1;\n  commit')).toEqual([
    { start: 8, end: 16, words: ['SELECT'], terminated: true },
    { start: 20, end: 26, words: ['COMMIT'], terminated: false },
  ])
  expect(scriptStatements('SELECT 1 -- ;')).toMatchObject([{ terminated: false }])
})

test('whatever is unfinished comes to an end, as does a string of megabytes', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(
          "'",
          '"',
          '$$',
          '$a$',
          '/*',
          '*/',
          '--',
          '\n',
          ';',
          "e'",
          '\\',
          '(',
          ')',
          'BEGIN ',
          'ATOMIC ',
          'END',
          'é',
        ),
      ),
      (parts) => {
        const script = parts.join('')
        for (const { start } of scriptStatements(script)) expect(start).toBeLessThan(script.length)
      },
    ),
  )
  expect(words(`SELECT '${"it''s ".repeat(1_000_000)}'; COMMIT`)).toEqual(['SELECT', 'COMMIT'])
})
