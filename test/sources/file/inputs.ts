import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { findInputs, type Input, type Surroundings } from '../../../src/sources/file/find.ts'
import type { Batch, InputRecord, ReadOptions } from '../../../src/sources/file/reader.ts'
import { quietWork } from '../../support/work.ts'

/** A folder of files to load, which is deleted when the block is left. */
export function inputFolder() {
  const path = mkdtempSync(join(tmpdir(), 'dwh-inputs-'))
  const surroundings: Surroundings = { cwd: path, stdin: Readable.from([]), spoolFolder: path }
  const find = (words: string[], stdin?: Readable) =>
    findInputs(words, stdin ? { ...surroundings, stdin } : surroundings, quietWork())
  return {
    path,
    find,
    /** Writes a file and finds it. */
    put: async (name: string, content: Buffer | string): Promise<Input> => {
      writeFileSync(join(path, name), content)
      const [input] = await find([name])
      return input as Input
    },
    [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true }),
  }
}

export type ReadRecord = InputRecord & { original: Buffer }

/** Everything in an input. */
export async function readAll(
  input: Input,
  options: ReadOptions = {},
): Promise<{ columns: string[]; batches: Batch[]; records: ReadRecord[] }> {
  await using reader = await input.open(options)
  const batches: Batch[] = []
  for await (const batch of reader.batches(quietWork())) batches.push(batch)
  const records = batches.flatMap((batch) =>
    batch
      .records()
      .map((record) => ({ ...record, original: batch.original(record) }))
      .toArray(),
  )
  return { columns: reader.columns, batches, records }
}
