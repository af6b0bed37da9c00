import { readTableColumns } from '../load/columns.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { ByteStream } from '../sources/file/byte-stream.ts'
import { type Input, inputOf } from '../sources/file/find.ts'
import type { Dataset } from '../warehouse/load.ts'

/** An input without rows for a window that is to be empty: the names of all columns that a row of the table may be given. */
export async function noRows(session: Session, { target }: Pick<Dataset, 'target'>): Promise<Input> {
  const found = await session.one<{ oid: number | null }>('SELECT to_regclass($1)::oid::bigint AS oid', [
    relation(target),
  ])
  const columns = found.oid === null ? [] : await readTableColumns(session, found.oid)
  const names = columns.flatMap(({ name, generated }) => (generated ? [] : [name]))
  const line = Buffer.from(`${names.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')}\n`)
  const stored = { name: 'nothing.csv', bytes: line.length, open: async (from = 0) => streamOf(line, from) }
  return inputOf(stored, null, '', async () => {})
}

function streamOf(bytes: Buffer, from: number): ByteStream {
  let at = from
  return {
    get stored() {
      return at
    },
    async read(into: Buffer, index: number): Promise<number> {
      const read = bytes.copy(into, index, at)
      at += read
      return read
    },
    async [Symbol.asyncDispose]() {},
  }
}
