import type { ReadOptions } from '../../src/sources/file/reader.ts'
import { fc } from '../support/random.ts'

/** A text that may be csv, and how it is said to be written. */
export interface CsvText {
  /** Each character is one byte. */
  text: string
  mark: boolean
  header: boolean
  columns: string[]
  dialect: { delimiter: string; quote: string; escape: string; nullText: string; encoding: string }
  batchBytes: number
}

/** Longer than what readers look at in one piece. */
const longText = 150_000

/** Names of the most columns that a text has. */
export const columnNames = ['c1', 'c2', 'c3', 'c4']

/** Unicode as the bytes of UTF-8, each one character. */
export const bytesOf = (text: string) => Buffer.from(text).toString('latin1')

const dialects = fc
  .record({
    delimiter: fc.constantFrom(',', ',', ';', '\t', '|', ' ', 'x', '\x01'),
    quote: fc.constantFrom('"', '"', "'", '$'),
    escape: fc.constantFrom('same', 'same', '\\', '~'),
    nullText: fc.constantFrom('', '', 'NULL', '\\N', 'a', '.', '\\.'),
    encoding: fc.constantFrom('UTF8', 'UTF8', 'LATIN1', 'WIN1252', 'LATIN9', 'WIN1251', 'KOI8R'),
  })
  .map((dialect) => ({ ...dialect, escape: dialect.escape === 'same' ? dialect.quote : dialect.escape }))

type DialectOf = CsvText['dialect']

const letters = ['a', 'b', 'NULL', '.', '0', bytesOf('é'), bytesOf('€'), bytesOf('😀'), bytesOf('\ufeff')]
const rarities = ['\0', '\xe9', '\x81', '\xff', '\v', '\x85']

/** Any signs in any order: seldom csv, and then of a kind that nobody thinks of. */
function soup({ delimiter, quote, escape: escaping, nullText }: DialectOf) {
  const signs = [delimiter, quote, escaping, nullText, '\\', '\\.', '\n', '\r', '\r\n', `${quote}${quote}`]
  const sign = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...signs) },
    { weight: 8, arbitrary: fc.constantFrom(...letters) },
    { weight: 1, arbitrary: fc.constantFrom(...rarities) },
  )
  return fc.array(sign, { maxLength: 24 }).map((all) => all.join(''))
}

/** One field, mostly written as the rules want it. */
function cell({ delimiter, quote, escape: escaping, nullText }: DialectOf) {
  const harmless = fc.constantFrom(...letters, ' ', '\\', '\\.', '~')
  const harmful = fc.constantFrom(
    delimiter,
    quote,
    escaping,
    '\n',
    '\r',
    '\r\n',
    '\\.\n',
    '\n\\.\n',
    ...letters,
  )
  const escaped = (value: string) =>
    [...value].map((sign) => (sign === quote || sign === escaping ? escaping + sign : sign)).join('')
  const quoted = fc.array(harmful, { maxLength: 5 }).map((signs) => quote + escaped(signs.join('')) + quote)
  const plain = fc
    .array(harmless, { maxLength: 4 })
    .map((signs) => signs.join('').replaceAll(delimiter, '').replaceAll(quote, ''))
  return fc.oneof(
    { weight: 8, arbitrary: plain },
    { weight: 8, arbitrary: quoted },
    { weight: 3, arbitrary: fc.constantFrom(nullText, quote + nullText + quote) },
    // A quote may open in the middle of a field, and more may follow its end.
    { weight: 2, arbitrary: fc.tuple(plain, quoted, plain, quoted).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: fc.constantFrom(quote, escaping, `${quote}a`, ...rarities) },
  )
}

/** Records with the right number of fields, but now and then. */
function sheet(dialect: DialectOf, width: number) {
  const ends = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(['\n'], ['\r\n'], ['\r']) },
    { weight: 1, arbitrary: fc.constantFrom(['\n', '\r\n'], ['\n', '\r']) },
  )
  const cells = cell(dialect)
  const record = fc.oneof(
    { weight: 60, arbitrary: fc.array(cells, { minLength: width, maxLength: width }) },
    { weight: 1, arbitrary: fc.array(cells, { minLength: width - 1, maxLength: width + 1 }) },
    { weight: 1, arbitrary: fc.constantFrom<string[]>([], ['\\.'], ['\\. ']) },
  )
  const records = fc.array(
    record.map((fields) => fields.join(dialect.delimiter)),
    { maxLength: 8 },
  )
  return fc.tuple(records, ends, fc.boolean()).map(([lines, kinds, lastEnd]) => {
    const ended = lines.map((line, index) => line + kinds[index % kinds.length])
    const text = ended.join('')
    return lastEnd ? text : text.replace(/(\r\n|\r|\n)$/, '')
  })
}

function repeated(text: string): string {
  return text.repeat(Math.ceil(longText / Math.max(text.length, 10)))
}

/** Texts that may be csv. */
export const csvTexts: fc.Arbitrary<CsvText> = fc
  .record({
    dialect: dialects,
    width: fc.integer({ min: 1, max: columnNames.length }),
    mark: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    header: fc.boolean(),
    isLong: fc.integer({ min: 0, max: 79 }).map((n) => n === 0),
    headerEnd: fc.constantFrom('\n', '\n', '\r\n', '\r'),
    batchBytes: fc.constantFrom(1, 20, 50, 1000),
  })
  .filter(
    ({ dialect: { delimiter, quote, nullText } }) =>
      !nullText.includes(delimiter) && !nullText.includes(quote),
  )
  .chain(({ dialect, width, header, headerEnd, isLong, ...more }) => {
    const columns = columnNames.slice(0, width)
    const head = header ? columns.join(dialect.delimiter) + headerEnd : ''
    const body = fc.oneof(
      { weight: 1, arbitrary: soup(dialect) },
      { weight: 5, arbitrary: sheet(dialect, width) },
    )
    // COPY takes a mark for data, so it is shown the text without.
    const unmarked = body.map((text) =>
      (head + (isLong ? repeated(text) : text)).replace(/^(\xef\xbb\xbf)+/, ''),
    )
    return unmarked.map((text) => ({
      ...more,
      dialect,
      columns,
      header,
      text,
      ...(isLong ? { batchBytes: 1_000_000 } : {}),
    }))
  })

/** How a reader is told. */
export function readOptions({ dialect, header, columns, batchBytes }: CsvText): ReadOptions {
  return { ...dialect, format: 'csv', header, batchBytes, ...(header ? {} : { columns }) }
}
