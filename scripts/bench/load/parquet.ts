import { createInterface } from 'node:readline'
import { type ColumnSource, fileWriter, parquetWriteRows } from 'hyparquet-writer'
import type { Session } from '../../../src/postgres/session.ts'

/** How a field of COPY's text format becomes a value of a Parquet type. */
const types = {
  STRING: (text: string) => text,
  TIMESTAMP: (text: string) => new Date(text),
  DOUBLE: Number,
  INT32: Number,
}

const schema: [name: string, type: keyof typeof types][] = [
  ['station_code', 'STRING'],
  ['ts', 'TIMESTAMP'],
  ['theme', 'STRING'],
  ['param_code', 'STRING'],
  ['value', 'DOUBLE'],
  ['quality', 'INT32'],
  ['source', 'STRING'],
  ['created_at', 'TIMESTAMP'],
]

/** Writes rows that have no NULL into a Parquet file with row groups of 100,000 rows; one is in memory at a time. */
export async function writeParquet(session: Session, query: string, path: string): Promise<void> {
  const columns: Omit<ColumnSource, 'data'>[] = schema.map(([name, type]) => ({
    name,
    type,
    nullable: false,
  }))
  await parquetWriteRows({
    writer: fileWriter(path),
    rows: records(session, query),
    columns,
    rowGroupSize: 100_000,
  })
}

async function* records(session: Session, query: string) {
  const lines = createInterface({
    input: session.copyTo(`COPY (${query}) TO STDOUT`),
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  for await (const line of lines) {
    const fields = line.split('\t')
    yield Object.fromEntries(
      schema.map(([name, type], index) => [name, types[type](fields[index] as string)]),
    )
  }
}
