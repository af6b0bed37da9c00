import type { Reason } from '../../ledger/rejects.ts'
import type { Batch, PlacedRecord } from '../../sources/file/reader.ts'

/** A record with its 1-based number in the file. */
export interface Placed extends PlacedRecord {
  /** The part of its batch that holds nothing else, where there is one: its bytes are found there at once. */
  source?: Batch
}

/** A record that cannot be loaded, with every reason. */
export interface Refused extends Placed {
  reasons: Reason[]
}

/** What has become of a batch: each record of it has landed, or is refused. */
export interface Outcome {
  landed: number
  refused: Refused[]
}

/** What is no record. */
export function asRefused(placed: Placed): Refused {
  return { ...placed, reasons: [placed.record.problem as Reason] }
}
