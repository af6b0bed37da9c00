import type { ByteStream } from '../sources/file/byte-stream.ts'
import { type Input, inputOf } from '../sources/file/find.ts'
import type { Dataset } from '../warehouse/load.ts'

/** An input of a dataset that has no rows, for a window that is to be empty: the names of the columns that every row must have. */
export function noRows({ key, partition, columns }: Dataset): Input {
  const names = new Set([...(key ?? []), ...(partition?.key ?? []), ...Object.keys(columns)])
  const line = Buffer.from(`${[...names].map((name) => `"${name.replaceAll('"', '""')}"`).join(',')}\n`)
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
