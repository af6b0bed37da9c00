import type { Batch, InputRecord, Reader } from '../../sources/file/reader.ts'
import type { ColumnPlan } from '../columns.ts'

const numeric = ['float4', 'float8', 'numeric']
const withComma = /^\s*[+-]?\d*,\d+\s*$/

/** The same reader, with the comma of decimals in columns of numbers read as the point that PostgreSQL wants. */
export function readDecimalCommas(reader: Reader, { filled }: ColumnPlan): Reader {
  const columns = filled.flatMap(({ column, from }) =>
    'input' in from && numeric.includes(column.base) ? [from.input] : [],
  )
  const mend = (record: InputRecord): InputRecord => {
    const fields = [...record.fields]
    for (const index of columns) {
      const value = fields[index]
      if (value && withComma.test(value)) fields[index] = value.replace(',', '.')
    }
    return { ...record, fields }
  }
  return {
    columns: reader.columns,
    header: reader.header,
    ...(reader.rows === undefined ? {} : { rows: reader.rows }),
    reading: reader.reading,
    dialect: reader.dialect,
    async sample() {
      const { records, rows } = await reader.sample()
      return { records: records.map(mend), rows }
    },
    async *batches(work, bytes) {
      for await (const batch of reader.batches(work, bytes)) yield mended(batch)
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }

  function mended(batch: Batch): Batch {
    return {
      number: batch.number,
      firstRecord: batch.firstRecord,
      count: batch.count,
      offset: batch.offset,
      bytesRead: batch.bytesRead,
      raw: undefined,
      *records() {
        for (const record of batch.records()) yield mend(record)
      },
      [Symbol.dispose]: () => batch[Symbol.dispose](),
      original: (record) => batch.original(record),
    }
  }
}
