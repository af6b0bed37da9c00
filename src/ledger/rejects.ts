import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { storable } from './storable.ts'

export type RejectKind =
  | 'type'
  | 'not_null'
  | 'check'
  | 'no_leaf'
  | 'reference'
  | 'encoding'
  | 'columns'
  | 'quote'
  | 'json'
  | 'nul'
  | 'key_null'
  | 'other'

/** One reason why a row was refused. Values stand between double quotes in the message: causes are told without them. */
export interface Reason {
  kind: RejectKind
  column?: string
  message: string
  sqlstate?: string
  constraint?: string
}

/** A row of an input that was refused. */
export interface Reject {
  /** 1-based number of the record in the input. */
  record: number
  /** 1-based line on which it begins; of Parquet its row. */
  line: number
  /** Bytes before it in the unpacked input; of Parquet the rows before it. */
  offset: number
  /** Its bytes as they stand in the input. */
  original: Buffer
  /** One at the least. */
  reasons: Reason[]
}

/** Bytes of originals that one statement keeps, unless a single one is longer. */
const bytesAtOnce = 8 * 1024 * 1024
const rejectsAtOnce = 10_000

/** Keeps any number of rejects; each record of a load once. */
export async function keepRejects(session: Session, load: number, rejects: Reject[]): Promise<void> {
  for (const some of inPieces(rejects)) {
    let start = 1
    const starts = some.map(({ original }) => {
      const here = start
      start += original.length
      return here
    })
    await session.run(sql('ledger/keep_rejects'), [
      load,
      some.map(({ record }) => record),
      some.map(({ line }) => line),
      some.map(({ offset }) => offset),
      starts,
      some.map(({ original }) => original.length),
      Buffer.concat(some.map(({ original }) => original)),
      JSON.stringify(some.map(({ reasons }) => reasons.map(storableReason))),
    ])
  }
}

function* inPieces(rejects: Reject[]): Generator<Reject[]> {
  let from = 0
  let bytes = 0
  for (const [index, { original }] of rejects.entries()) {
    if (index > from && (bytes + original.length > bytesAtOnce || index - from >= rejectsAtOnce)) {
      yield rejects.slice(from, index)
      from = index
      bytes = 0
    }
    bytes += original.length
  }
  if (from < rejects.length) yield rejects.slice(from)
}

function storableReason({ kind, column, message, sqlstate, constraint }: Reason): Reason {
  return {
    kind,
    ...(column === undefined ? {} : { column: storable(column) }),
    message: storable(message),
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(constraint === undefined ? {} : { constraint }),
  }
}
