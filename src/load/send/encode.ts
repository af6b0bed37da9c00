import { ident } from '../../postgres/identifiers.ts'
import { plain } from '../../sources/file/plain-csv.ts'
import type { Dialect } from '../../sources/file/reader.ts'

/** `COPY table (columns) FROM STDIN …` for bytes of a dialect. */
export function copyStatement(table: string, columns: readonly string[], dialect: Dialect = plain): string {
  const text = (value: string) => `E'${value.replace(/['\\]/g, '\\$&').replace(/\t/g, '\\t')}'`
  return (
    `COPY ${table} (${columns.map(ident).join(', ')}) FROM STDIN (FORMAT csv, DELIMITER ${text(dialect.delimiter)}, ` +
    `QUOTE ${text(dialect.quote)}, ESCAPE ${text(dialect.escape)}, NULL ${text(dialect.nullText)}, ENCODING ${text(dialect.encoding)})`
  )
}

/** The same for rows in the binary format. */
export function binaryCopyStatement(table: string, columns: readonly string[]): string {
  return `COPY ${table} (${columns.map(ident).join(', ')}) FROM STDIN (FORMAT binary)`
}
