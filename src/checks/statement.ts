import { readFileSync } from 'node:fs'
import { DwhError } from '../errors.ts'
import { caret } from '../postgres/caret.ts'
import type { Statement } from '../postgres/sql-files.ts'
import { scriptStatements } from '../postgres/statements.ts'
import { fileForPeople } from '../warehouse/files.ts'
import { didYouMean } from '../warehouse/nearest.ts'
import type { Check } from './check.ts'
import { type Filled, fillPlaceholders, placeholdersOf } from './placeholders.ts'
import { type CheckedDays, placeholderMeanings, placeholderValues } from './values.ts'

/** The SQL of a check with its values, and the file that it stands in. */
export interface CheckStatement {
  filled: Filled
  file: Required<Pick<Statement, 'text' | 'file'>>
}

/**
 * Reads the SQL of a check: one query, with `:names` in it.
 *
 * @throws DwhError CONFIG_INVALID with file, line and caret
 */
export function readCheck({ path, dataset }: Check, days: CheckedDays): CheckStatement {
  const text = readText(path)
  const file = { text, file: fileForPeople(path) }
  const known = Object.keys(placeholderMeanings)
  const unknown = placeholdersOf(text).find(({ name }) => !known.includes(name))
  if (unknown) {
    throw refused(
      file,
      unknown.start,
      `:${unknown.name} stands for nothing${didYouMean(unknown.name, known)}`,
      `known are ${known.map((name) => `:${name}`).join(', ')}`,
    )
  }
  const [query, another] = scriptStatements(text)
  if (!query)
    throw refused(file, 0, 'there is no query in it', 'write one SELECT that returns the offending rows')
  // What follows a semicolon would be outside of the cursor, and may be outside of the transaction.
  if (another) {
    throw refused(
      file,
      another.start,
      'a second statement begins here',
      'a check is one SELECT; use WITH to name its parts',
    )
  }
  return { filled: fillPlaceholders(text.slice(0, query.end), placeholderValues(dataset, days)), file }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (cause) {
    throw new DwhError(
      'CONFIG_MISSING',
      `${fileForPeople(path)} cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
}

function refused(file: Statement, at: number, why: string, hint: string): DwhError {
  const position = [...file.text.slice(0, at)].length + 1
  return new DwhError('CONFIG_INVALID', `${why}\n${caret(file, position)}`, { hint })
}
