import { ident } from '../../postgres/identifiers.ts'
import type { Dialect } from '../../sources/file/reader.ts'

/** The text that COPY is sent where the bytes of the file cannot be sent as they stand. */
const plain: Dialect = {
  delimiter: ',',
  quote: '"',
  escape: '"',
  nullText: '',
  encoding: 'UTF8',
}

/** `COPY table (columns) FROM STDIN …` for bytes of a dialect. */
export function copyStatement(table: string, columns: readonly string[], dialect: Dialect = plain): string {
  const text = (value: string) => `E'${value.replace(/['\\]/g, '\\$&').replace(/\t/g, '\\t')}'`
  return (
    `COPY ${table} (${columns.map(ident).join(', ')}) FROM STDIN (FORMAT csv, DELIMITER ${text(dialect.delimiter)}, ` +
    `QUOTE ${text(dialect.quote)}, ESCAPE ${text(dialect.escape)}, NULL ${text(dialect.nullText)}, ENCODING ${text(dialect.encoding)})`
  )
}

const special = /[",\r\n\\]/

/** One field in the dialect `plain`. An empty text is quoted, for unquoted it is NULL. */
export function field(value: string | null): string {
  if (value === null) return ''
  if (value === '') return '""'
  return special.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}
