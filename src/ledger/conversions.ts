import type { RelationName } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** A name that a swap exchanged: `from` became `to`; undo renames it back. */
export interface Rename {
  kind: 'table' | 'index' | 'statistics' | 'materialized view' | 'sequence'
  /** What is replaced steps aside, what replaces it comes forward. */
  role: 'aside' | 'forward'
  schema: string
  from: string
  to: string
}

/** What a swap had to give up: the statement that gives it back, and one that checks it afterwards. */
export interface GivenUp {
  statement: string
  validate: string
}

/** The rows that a conversion has set aside, as they were then. */
export interface SetAside {
  /** Of the table they are in, which lies in the schema of the converted one. */
  name: string
  rows: number
  hash_1: string
  hash_2: string
  algorithm: string
}

/** A plain table on its way to a partitioned one; the last date that is set is its state. */
export interface Conversion {
  conversion: number
  warehouse: string
  dataset: string
  schema_name: string
  table_name: string
  run: number | null
  plain_oid: number
  shadow_name: string
  before_name: string
  structure: string
  before: Record<string, unknown>
  after: Record<string, unknown> | null
  renames: Rename[]
  undo: GivenUp[]
  /** Statements that validate foreign keys of other tables; none are left once they have. */
  unvalidated: string[]
  backup: string | null
  duplicates: SetAside | null
  row_count: number | null
  hash_1: string | null
  hash_2: string | null
  algorithm: string | null
  started_at: Date
  swapped_at: Date | null
  undone_at: Date | null
  finished_at: Date | null
}

export interface NewConversion {
  warehouse: string
  dataset: string
  table: RelationName
  run: number
  plainOid: number
  shadowName: string
  beforeName: string
  /** Hash of the statements that make the shadow tree. */
  structure: string
  /** What was measured of the plain table. */
  before: object
  /** Where its backup is. */
  backup: string | null
}

/** To be called in the transaction that creates the shadow tree. */
export async function openConversion(session: Session, conversion: NewConversion): Promise<number> {
  const row = await session.one<{ conversion: number }>(sql('ledger/open_conversion'), [
    conversion.warehouse,
    conversion.dataset,
    conversion.table.schema,
    conversion.table.name,
    conversion.run,
    conversion.plainOid,
    conversion.shadowName,
    conversion.beforeName,
    conversion.structure,
    JSON.stringify(conversion.before),
    conversion.backup,
  ])
  return row.conversion
}

/** The conversion of a table that is neither undone nor finished. */
export async function findConversion(session: Session, table: RelationName): Promise<Conversion | undefined> {
  return session.row<Conversion>(sql('ledger/find_conversion'), [table.schema, table.name])
}

export async function listConversions(session: Session, warehouse: string): Promise<Conversion[]> {
  return session.rows<Conversion>(sql('ledger/list_conversions'), [warehouse])
}

/** To be called in the transaction that sets superseded rows aside. */
export async function recordDuplicates(
  session: Session,
  conversion: number,
  duplicates: SetAside | null,
): Promise<void> {
  await session.one(sql('ledger/record_duplicates'), [conversion, duplicates && JSON.stringify(duplicates)])
}

/** To be called in the transaction of the swap. */
export async function recordSwap(
  session: Session,
  conversion: number,
  renames: Rename[],
  undo: GivenUp[],
  unvalidated: string[],
  proof: { rows: number; hash1: bigint; hash2: bigint; algorithm: string },
): Promise<void> {
  await session.one(sql('ledger/record_swap'), [
    conversion,
    JSON.stringify(renames),
    proof.rows,
    String(proof.hash1),
    String(proof.hash2),
    proof.algorithm,
    JSON.stringify(undo),
    JSON.stringify(unvalidated),
  ])
}

/** Records that the foreign keys that the swap has added are validated. */
export async function recordValidated(session: Session, conversion: number): Promise<void> {
  await session.run(sql('ledger/record_validated'), [conversion])
}

/** Keeps what was measured after the swap. */
export async function recordMeasures(session: Session, conversion: number, after: object): Promise<void> {
  await session.run(sql('ledger/record_measures'), [conversion, JSON.stringify(after)])
}

/** To be called in the transaction that undoes the swap. */
export async function recordUndo(session: Session, conversion: number): Promise<void> {
  await session.one(sql('ledger/record_undo'), [conversion])
}

/** To be called in the transaction that drops the plain table. */
export async function recordFinish(session: Session, conversion: number): Promise<void> {
  await session.one(sql('ledger/record_finish'), [conversion])
}
