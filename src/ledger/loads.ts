import { DwhError } from '../errors.ts'
import { type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { storable } from './storable.ts'

/** What an input is: the same into the same table is loaded once. */
export interface InputIdentity {
  /** Size of the input as it is stored. */
  bytes: number
  /** Hexadecimal, of those bytes. */
  sha256: string
  /** Hash of what turns the input into rows. */
  mapping: string
}

export interface NewLoad {
  run: number
  warehouse: string
  dataset: string
  table: RelationName
  /** Name of the file, for people. */
  input: string
  /** Its absolute path; null where it is no file. */
  place?: string | null
  /** The line that names the columns, with its line end, as it stands in the file. */
  header?: Buffer | null
  /** Not known before the end of what comes through a pipe. */
  bytes?: number | null
  sha256?: string | null
  mapping: string
  strategy: string
  /** How its rejects are read again. */
  reading?: object
}

/** A leaf that a load has written; rows and hash where they were proved, all of the leaf. */
export interface LoadedLeaf {
  name: string
  rows?: number
  hash_1?: string
  hash_2?: string
  algorithm?: string
}

/** Rows that a load counted. */
export interface LoadFigures {
  /** Of the input, rejects among them. */
  records: number
  inserted: number
  updated: number
  unchanged: number
  /** Updated and in another leaf now. */
  moved: number
  /** Deleted, because the input stands for all rows of its scope. */
  replaced: number
  /** Of the input, left out in favour of another row with the same key. */
  duplicates: number
  rejected: number
  leaves: LoadedLeaf[]
}

export type LoadState = 'done' | 'superseded' | 'failed' | 'running' | 'died'

/** An attempt to load one input into one table; the figures are null until it is finished. */
export interface Load {
  load: number
  /** null once the run is forgotten. */
  run: number | null
  warehouse: string
  dataset: string
  schema_name: string
  table_name: string
  input: string
  header: Buffer | null
  reading: Record<string, unknown>
  bytes: number | null
  sha256: string | null
  mapping: string
  strategy: string
  /** Quoted names of tables that go when the attempt died. */
  landing: string[]
  records: number | null
  inserted: number | null
  updated: number | null
  unchanged: number | null
  moved: number | null
  replaced: number | null
  duplicates: number | null
  rejected: number | null
  leaves: LoadedLeaf[]
  started_at: Date
  finished_at: Date | null
  failed_at: Date | null
  error_code: string | null
  error: string | null
  superseded_by: number | null
  state: LoadState
}

export type AbandonedLoad = Pick<Load, 'load' | 'run' | 'input' | 'landing' | 'started_at'>

/** Opens an attempt, in a transaction of its own: what it makes afterwards is recorded by `recordLanding`. */
export async function openLoad(session: Session, load: NewLoad): Promise<number> {
  const row = await session.one<{ load: number }>(sql('ledger/open_load'), [
    load.run,
    load.warehouse,
    load.dataset,
    load.table.schema,
    load.table.name,
    storable(load.input),
    load.header ?? null,
    load.bytes ?? null,
    load.sha256 ?? null,
    load.mapping,
    load.strategy,
    load.reading ?? {},
    load.place == null ? null : storable(load.place),
  ])
  return row.load
}

/**
 * To be called in the transaction that creates these tables, beside those that were recorded before.
 *
 * @throws DwhError LEASE_LOST when the load has ended
 */
export async function recordLanding(session: Session, load: number, tables: RelationName[]): Promise<void> {
  if (!(await session.row(sql('ledger/record_landing'), [load, tables.map(relation)]))) throw ended(load)
}

/**
 * Once all of the input was read; `finishLoad` needs it.
 *
 * @throws DwhError LEASE_LOST when the load has ended
 */
export async function recordDigest(
  session: Session,
  load: number,
  { bytes, sha256 }: Pick<InputIdentity, 'bytes' | 'sha256'>,
): Promise<void> {
  if (!(await session.row(sql('ledger/record_digest'), [load, bytes, sha256]))) throw ended(load)
}

/**
 * To be called last in the last transaction, which drops or attaches the tables of the attempt; its size and hash must be
 * known by then. Waits for another load of the same content that is being committed. After an error the transaction has to
 * be rolled back.
 *
 * @throws DwhError LOADED_MEANWHILE, naming the load and run that were faster; LEASE_LOST when the load has ended
 */
export async function finishLoad(session: Session, load: number, figures: LoadFigures): Promise<void> {
  // Who was faster is asked in this transaction, which the refusal would otherwise have ended.
  await session.run('SAVEPOINT finish_load')
  try {
    const finished = await session.row(sql('ledger/finish_load'), [
      load,
      figures.records,
      figures.inserted,
      figures.updated,
      figures.unchanged,
      figures.moved,
      figures.replaced,
      figures.duplicates,
      figures.rejected,
      JSON.stringify(figures.leaves),
    ])
    if (!finished) throw ended(load)
  } catch (error) {
    if (!hasState(error, sqlstate.uniqueViolation)) throw error
    await session.run('ROLLBACK TO SAVEPOINT finish_load')
    throw await loadedMeanwhile(session, load, error)
  }
}

async function loadedMeanwhile(session: Session, load: number, cause: unknown): Promise<DwhError> {
  const twin = await session.row<{ load: number; run: number | null }>(sql('ledger/find_twin_load'), [load])
  const who = twin ? `load ${twin.load}${twin.run === null ? '' : ` of run ${twin.run}`}` : 'another run'
  return new DwhError(
    'LOADED_MEANWHILE',
    `${who} has loaded the same content meanwhile; this load changed nothing`,
    { cause, hint: 'there is nothing left to do; --again would load it once more' },
  )
}

/** To be called after its tables were dropped, or in that transaction. Does nothing to a load that has ended. */
export async function failLoad(session: Session, load: number, error: DwhError): Promise<void> {
  await session.run(sql('ledger/fail_load'), [load, error.code, storable(error.message)])
}

/**
 * For --again, in the last transaction and before `finishLoad`: the earlier load of the same content gives way. The digest
 * of the new one must be recorded by then.
 *
 * @returns the load that gave way, if there was one
 */
export async function supersede(session: Session, load: number): Promise<number | undefined> {
  const earlier = await session.row<{ load: number }>(sql('ledger/supersede_load'), [load])
  return earlier?.load
}

/** The load that has brought this content into the table already. */
export async function findFinishedLoad(
  session: Session,
  table: RelationName,
  { bytes, sha256, mapping }: InputIdentity,
): Promise<Load | undefined> {
  return session.row<Load>(sql('ledger/find_finished_load'), [
    table.schema,
    table.name,
    bytes,
    sha256,
    mapping,
  ])
}

/** Whether an input of this size was loaded into the table: where none was, its hash can wait until it was read. */
export async function hasLoadOfSize(session: Session, table: RelationName, bytes: number): Promise<boolean> {
  const row = await session.one<{ found: boolean }>(sql('ledger/has_load_of_size'), [
    table.schema,
    table.name,
    bytes,
  ])
  return row.found
}

/**
 * Attempts on the table that have no end and whose run is gone, oldest first; of one input also those whose run is there
 * still. Whoever finds them drops their tables and tells `failLoad`; to be asked under the lease of that input.
 */
export async function findAbandonedLoads(
  session: Session,
  table: RelationName,
  input: string,
): Promise<AbandonedLoad[]> {
  return session.rows<AbandonedLoad>(sql('ledger/find_abandoned_loads'), [
    table.schema,
    table.name,
    storable(input),
  ])
}

/**
 * To be called in the transaction that drops the tables of the attempt, whose input is read once more: its rejects come
 * again.
 *
 * @returns the tables, quoted
 * @throws DwhError LEASE_LOST when the load has ended
 */
export async function forgetAttempt(session: Session, load: number): Promise<string[]> {
  const row = await session.row<{ landing: string[] }>(sql('ledger/forget_attempt'), [load])
  if (!row) throw ended(load)
  return row.landing
}

export interface LoadFilter {
  load?: number | undefined
  warehouse?: string | undefined
  dataset?: string | undefined
  state?: LoadState | undefined
  /** 20 unless given. */
  limit?: number | undefined
}

/** Newest first. */
export async function listLoads(session: Session, filter: LoadFilter = {}): Promise<Load[]> {
  const { load, warehouse, dataset, state, limit = 20 } = filter
  return session.rows<Load>(sql('ledger/list_loads'), [
    limit,
    load ?? null,
    warehouse ?? null,
    dataset ?? null,
    state ?? null,
  ])
}

function ended(load: number): DwhError {
  return new DwhError(
    'LEASE_LOST',
    `load ${load} has ended already: another run took it for dead; what this one had not committed is undone`,
    { hint: 'see: dwh runs list' },
  )
}
