import { readFileSync } from 'node:fs'
import { DwhError } from '../errors.ts'
import { caret } from '../postgres/caret.ts'
import type { Statement } from '../postgres/sql-files.ts'
import { scriptStatements } from '../postgres/statements.ts'

/** Of a migration; see files.ts. */
interface File {
  name: string
  path: string
}

/**
 * Refuses what would make "one migration, one transaction" a lie: statements that begin or end transactions, which commit
 * half a migration and run the rest outside of everything; and COPY from or to a client that is not there.
 *
 * @throws DwhError MIGRATION_FAILED with file, line and caret
 */
export function refuseStatements(file: File, statements: string[]): void {
  for (const text of statements) {
    for (const { start, words } of scriptStatements(text)) {
      const refusal = refusalOf(words)
      if (!refusal) continue
      const position = [...text.slice(0, start)].length + 1
      throw new DwhError(
        'MIGRATION_FAILED',
        `${file.name}: ${refusal.why}; nothing was changed\n${caret(statementInFile(file, text), position)}`,
        { hint: refusal.hint },
      )
    }
  }
}

function refusalOf(words: string[]): { why: string; hint: string } | undefined {
  const [first, second] = words
  const begins = first === 'BEGIN' || (first === 'START' && second === 'TRANSACTION')
  const ends =
    ['COMMIT', 'END', 'ABORT'].includes(first ?? '') || (first === 'ROLLBACK' && !words.includes('TO'))
  const prepares = first === 'PREPARE' && second === 'TRANSACTION'
  if (begins || ends || prepares) {
    return {
      why: 'a migration is one transaction and cannot begin or end one itself',
      hint: 'take the statement out; what cannot run in a transaction goes into a TypeScript migration with pgm.noTransaction()',
    }
  }
  if (first === 'COPY' && (words.includes('STDIN') || words.includes('STDOUT'))) {
    return {
      why: 'a migration has no data beside it for COPY',
      hint: 'write the rows as INSERT … VALUES: pg_dump --inserts does',
    }
  }
  return undefined
}

/** The whole file and where the statement begins in it; SQL that code produced has no place and stands for itself. */
export function statementInFile({ path }: Pick<File, 'path'>, text: string): Statement {
  const whole = withoutMark(readFileSync(path, 'utf8'))
  const offset = text === '' ? -1 : whole.indexOf(text.replace(/;$/, ''))
  return offset < 0 ? { text, file: `SQL of ${path}` } : { text: whole, file: path, offset }
}

/** The byte order mark that editors of Windows put before UTF-8 is no SQL; psql drops it too. */
export const withoutMark = (text: string) => text.replace(/^\uFEFF/, '')
