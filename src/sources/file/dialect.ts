import { isAscii } from 'node:buffer'
import { DwhError } from '../../errors.ts'
import type { Encoding } from './encoding.ts'
import type { Dialect, ReadOptions } from './reader.ts'

/** What all batches of a file have in common. */
export interface CsvFormat {
  columns: string[]
  dialect: Dialect
  encoding: Encoding
}

/** In the order in which a tie is decided. */
const usualDelimiters = [',', ';', '\t', '|']

/**
 * How a file is written: as the user says, the delimiter by its first lines unless told.
 *
 * @param start the first bytes of the text, each as one character
 * @throws DwhError USAGE for characters that cannot be told apart
 */
export function dialectOf(start: string, options: ReadOptions, encoding: string): Dialect {
  const quote = options.quote ?? '"'
  const dialect = {
    delimiter: options.delimiter ?? (options.format === 'tsv' ? '\t' : guessDelimiter(start, quote)),
    quote,
    escape: options.escape ?? quote,
    nullText: options.nullText ?? '',
    encoding,
  }
  refuseAmbiguous(dialect)
  return dialect
}

/** The rules of COPY, which is told the same. */
function refuseAmbiguous(dialect: Dialect): void {
  const { delimiter, quote, nullText } = dialect
  for (const name of ['delimiter', 'quote', 'escape'] as const) {
    const character = dialect[name]
    if (character.length !== 1 || character >= '\x80' || '\0\r\n'.includes(character))
      throw new DwhError(
        'USAGE',
        `the ${name} must be one ASCII character and no line end, not ${JSON.stringify(character)}`,
      )
  }
  if (delimiter === quote || delimiter === dialect.escape)
    throw new DwhError(
      'USAGE',
      `the delimiter ${delimiter} must differ from the quote and the escape character`,
    )
  if (!isAscii(Buffer.from(nullText)))
    throw new DwhError('USAGE', `the text of NULL must be ASCII, not ${JSON.stringify(nullText)}`)
  for (const character of [delimiter, quote, '\r', '\n']) {
    if (nullText.includes(character))
      throw new DwhError(
        'USAGE',
        `the text of NULL, ${JSON.stringify(nullText)}, must not contain ${JSON.stringify(character)}`,
      )
  }
}

/**
 * The usual delimiter that cuts the first lines into the same number of fields, and into the most; lines of one column have
 * none, which a comma serves as well as another.
 */
function guessDelimiter(start: string, quote: string): string {
  const unquoted = start.split(quote).filter((_, number) => number % 2 === 0)
  const lines = unquoted
    .join('')
    .split(/\r\n|\r|\n/)
    .filter((line) => line !== '')
    .slice(0, 20)
  // Its end may not have been read.
  if (lines.length > 2) lines.pop()
  let best = { delimiter: ',', score: 0 }
  for (const delimiter of usualDelimiters) {
    const counts = lines.map((line) => line.split(delimiter).length - 1)
    const first = counts[0] ?? 0
    const agreeing = counts.filter((count) => count === first).length
    const score = first * (agreeing / lines.length) ** 2
    if (first > 0 && score > best.score) best = { delimiter, score }
  }
  return best.delimiter
}
