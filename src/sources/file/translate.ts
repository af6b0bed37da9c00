import { isDeepStrictEqual } from 'node:util'
import { DwhError } from '../../errors.ts'
import { QuotedCutter } from './csv-cut.ts'
import type { Dialect, InputRecord, Reader } from './reader.ts'

/** A file of a chain, opened. */
export interface Link {
  name: string
  /** As it is stored. */
  bytes: number
  reader: Reader
}

/** How records of one file become records of a chain whose first file has its columns in another order, or is written otherwise. */
export interface Translation {
  record(record: InputRecord): InputRecord
  /** Bytes that can be read behind the header of the first file. */
  original(bytes: Buffer, record: InputRecord): Buffer
}

/**
 * @param columns of the chain
 * @returns undefined where a file needs none
 * @throws DwhError INPUT_BROKEN for a file with other columns
 */
export function translation(first: Link, columns: string[], link: Link): Translation | undefined {
  const { reader } = link
  if (isDeepStrictEqual([reader.columns, reader.dialect], [columns, first.reader.dialect])) return undefined
  const sources = columns.map((name) => reader.columns.indexOf(name))
  const isCsv = reader.reading.format === 'csv'
  const isJson = !isCsv && reader.reading.format !== 'parquet'
  if (!isJson) refuseOthers(first, columns, link, sources)
  return {
    record: (record) => translated(record, sources),
    original: (bytes, { problem }) =>
      isCsv && !problem ? rewritten(bytes, sources, reader.dialect, first.reader.dialect) : bytes,
  }
}

function refuseOthers(first: Link, columns: string[], { name, reader }: Link, sources: number[]): void {
  const missing = columns.filter((_, index) => (sources[index] as number) < 0)
  const unknown = reader.columns.filter((column) => !columns.includes(column))
  if (missing.length === 0 && unknown.length === 0) return
  const said = [
    ...(missing.length > 0 ? [`lacks ${missing.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`has ${unknown.join(', ')}`] : []),
  ]
  throw new DwhError(
    'INPUT_BROKEN',
    `the files of one window have different columns: ${name} ${said.join(' and ')}, other than ${first.name}`,
    { hint: 'give each edition a source of its own, with a `path` that names only its files' },
  )
}

/** Of what is no record the fields are nobody's business. */
function translated(record: InputRecord, sources: number[]): InputRecord {
  if (record.problem?.kind === 'columns') return record
  return { ...record, fields: sources.map((source) => record.fields[source] ?? null) }
}

/** Each character stands for one byte, so no encoding needs to be known. */
function rewritten(bytes: Buffer, sources: number[], from: Dialect, to: Dialect): Buffer {
  const { fields } = new QuotedCutter(bytes.toString('latin1'), from).cut(0)
  const special = /[^\w .:+-]/
  const text = sources.map((source) => {
    const field = fields[source] ?? null
    if (field === null) return to.nullText
    if (field !== to.nullText && !special.test(field)) return field
    return (
      to.quote +
      field.replace(/./gs, (sign) => ([to.quote, to.escape].includes(sign) ? to.escape + sign : sign)) +
      to.quote
    )
  })
  return Buffer.from(text.join(to.delimiter), 'latin1')
}
