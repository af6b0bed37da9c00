import { DwhError } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { LoadState } from './loads.ts'
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

/** Rejects of an earlier load that a load stands for. */
export interface Replay {
  load: number
  /** How many are open, where the load is of these and no others. */
  rejects?: number
}

/**
 * In the last transaction of a load: the open rejects of an earlier one are its own from now on, rows or rejects again.
 *
 * @throws DwhError LOADED_MEANWHILE when they are others than those that were read
 */
export async function handOn(session: Session, load: number, replay: Replay): Promise<void> {
  const count = await session.run(sql('ledger/hand_on_rejects'), [load, replay.load])
  if (replay.rejects === undefined || count === replay.rejects) return
  throw new DwhError(
    'LOADED_MEANWHILE',
    `rejects of load ${replay.load} were replayed by another run meanwhile; nothing was changed`,
    { hint: `see: dwh rejects show ${replay.load}` },
  )
}

/** A reject as the ledger has it. */
export interface KeptReject extends Reject {
  /** The load that it was handed on to: there it is a row, or a reject again. */
  replayed_by: number | null
}

/** Bytes of originals that are in memory at once, beyond one that is longer. */
const bytesInMemory = 4 * 1024 * 1024
const rejectsInMemory = 1000

/**
 * The rejects of a load in the order of the input, read as they are asked for: those of a whole load may be more than fit
 * into memory.
 *
 * @param from first record
 * @param open leaves out those that were replayed
 */
export async function* eachReject(
  session: Session,
  load: number,
  { from = 1, limit = Infinity, open = false }: { from?: number; limit?: number; open?: boolean } = {},
): AsyncGenerator<KeptReject> {
  let after = from - 1
  let left = limit
  while (left > 0) {
    const most = Math.min(left, rejectsInMemory)
    const parameters = [load, after, most, bytesInMemory, open]
    const some = await session.rows<KeptReject>(sql('ledger/list_rejects'), parameters)
    yield* some
    const last = some.at(-1)
    if (!last) return
    after = last.record
    left -= some.length
  }
}

/** Why rows of a load were refused: reasons that differ only in the values they quote. */
export interface Cause {
  kind: RejectKind
  column: string | null
  constraint: string | null
  /** With … for values. */
  message: string
  /** Rows. */
  count: number
  /** How many of them a later load has taken. */
  replayed: number
  /** The message of the first of them as it was. */
  example: string
  /** The first lines in the input. */
  lines: number[]
}

/** Most frequent first; a row with several reasons counts for each. */
export async function listCauses(session: Session, load: number, lines = 5): Promise<Cause[]> {
  return session.rows<Cause>(sql('ledger/list_causes'), [load, lines])
}

/** A load that has rejects. */
export interface RejectLoad {
  load: number
  run: number | null
  warehouse: string
  dataset: string
  schema_name: string
  table_name: string
  input: string
  state: LoadState
  started_at: Date
  finished_at: Date | null
  failed_at: Date | null
  error_code: string | null
  /** Rejects. */
  kept: number
  /** How many of them a later load has taken. */
  replayed: number
}

/** Newest first. */
export async function listRejectLoads(
  session: Session,
  {
    dataset,
    load,
    limit = 20,
  }: { dataset?: string | undefined; load?: number | undefined; limit?: number | undefined },
): Promise<RejectLoad[]> {
  return session.rows<RejectLoad>(sql('ledger/list_reject_loads'), [limit, dataset ?? null, load ?? null])
}
