import { relation } from '../../postgres/identifiers.ts'
import { line } from '../../sources/file/plain-csv.ts'
import type { Batch } from '../../sources/file/reader.ts'
import type { Scratch } from '../../sources/file/scratch.ts'
import { placeColumn } from '../columns.ts'
import type { LoadTarget } from '../target.ts'
import type { Carrier } from './carrier.ts'
import { copyStatement } from './encode.ts'
import { asRefused, type Outcome, type Placed, type Refused } from './refused.ts'

/** Records with their places; what is none goes to `broken`. */
export function* goodRecords(batch: Batch, broken: Refused[]): Generator<Placed> {
  let place = batch.firstRecord
  for (const record of batch.records()) {
    if (record.problem) broken.push(asRefused({ record, place }))
    else yield { record, place }
    place += 1
  }
}

/** Writes columns of a batch as lines, of those records that are some. @returns the others */
export function writeBatch(batch: Batch, inputs: number[], isPlaced: boolean, into: Scratch): Refused[] {
  if (batch.write) return batch.write(inputs, isPlaced, into).map(asRefused)
  const broken: Refused[] = []
  writeRecords(goodRecords(batch, broken), inputs, isPlaced, into)
  return broken
}

export function writeRecords(
  records: Iterable<Placed>,
  inputs: number[],
  isPlaced: boolean,
  into: Scratch,
): void {
  for (const { record, place } of records)
    into.text(line(record.fields, inputs, isPlaced ? place : undefined))
}

/** The columns that are filled from one of the file each: by the file's index, and by name. */
export function copiedColumns({ plan: { filled } }: LoadTarget): { inputs: number[]; names: string[] } {
  return {
    inputs: filled.flatMap(({ from }) => ('input' in from ? [from.input] : [])),
    names: filled.map(({ column }) => column.name),
  }
}

/** Copies the columns of a batch, or of some of its records, straight into the landing. */
export async function copyLines(carrier: Carrier, what: Batch | Placed[]): Promise<Outcome> {
  const { session, target, landing, scratch } = carrier
  const { inputs, names } = copiedColumns(target)
  scratch.clear()
  let refused: Refused[] = []
  if (Array.isArray(what)) writeRecords(what, inputs, landing.isPlaced, scratch)
  else refused = writeBatch(what, inputs, landing.isPlaced, scratch)
  const expected = (Array.isArray(what) ? what.length : what.count) - refused.length
  if (expected === 0) return { landed: 0, refused }
  const columns = landing.isPlaced ? [placeColumn, ...names] : names
  const rows = await session.copyIn(copyStatement(relation(landing.name), columns), scratch.filled)
  return { landed: carrier.prove(rows, expected), refused }
}
