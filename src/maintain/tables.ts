import { DwhError } from '../errors.ts'
import type { LeafSize } from '../ledger/sizes.ts'
import { type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset } from '../warehouse/load.ts'

/** A table of a dataset, or a leaf of one, and what the server knows of its care. */
export interface CaredTable extends RelationName {
  dataset: Dataset
  oid: number
  /** The oid of the partitioned table; null for a table without leaves, and for the partitioned table itself. */
  parent: number | null
  is_parent: boolean
  /** Its file: another one after it was rewritten. */
  file: number
  pages: number
  all_visible: number
  /** Estimated. */
  row_count: number
  /** Of the pages that hold rows; `heap_bytes` has the maps of free space and visibility too. */
  row_bytes: number
  heap_bytes: number
  toast_bytes: number
  index_bytes: number
  dead_rows: number
  /** Rows that have changed since the last ANALYZE, and rows that have come since the last VACUUM. */
  modified: number
  inserted: number
  /** Rows that were ever inserted, updated or deleted, and inserted less deleted, since the statistics began. */
  writes: number
  growth: number
  /** Whether the role may VACUUM and ANALYZE it. */
  may_maintain: boolean
  vacuumed_at: Date | null
  analyzed_at: Date | null
}

/** The tables and materialized views behind some datasets; what is not there yet, or has no rows of its own, is left out. */
export async function readTables(session: Session, datasets: Dataset[]): Promise<CaredTable[]> {
  const rows = await session.rows<Omit<CaredTable, 'dataset'> & { n: number }>(sql('maintain/tables'), [
    datasets.map(({ target }) => target.schema),
    datasets.map(({ target }) => target.name),
  ])
  return rows.map(({ n, ...row }) => ({ ...row, dataset: datasets[n - 1] as Dataset }))
}

/** One of them as it is now; undefined where it is gone. */
export async function readTable(session: Session, table: CaredTable): Promise<CaredTable | undefined> {
  const { schema, name, dataset } = table
  const [now] = await readTables(session, [{ ...dataset, target: { schema, name } }])
  return now && { ...now, dataset, parent: table.parent }
}

/** @throws DwhError PRIVILEGE_MISSING where VACUUM and ANALYZE would skip it */
export function requireMaintainable(table: CaredTable | undefined): void {
  if (!table || table.may_maintain) return
  throw new DwhError('PRIVILEGE_MISSING', `only the owner of ${shown(table)} can VACUUM and ANALYZE it`, {
    hint: `run it as the owner; from PostgreSQL 17 on: GRANT MAINTAIN ON ${relation(table)} TO …`,
  })
}

/** Heap, TOAST and indexes. */
export function bytesOf({ heap_bytes, toast_bytes, index_bytes }: CaredTable): number {
  return heap_bytes + toast_bytes + index_bytes
}

export function sizeOf(table: CaredTable): LeafSize {
  const { dataset, row_count, heap_bytes, index_bytes, toast_bytes, dead_rows } = table
  return {
    dataset: dataset.name,
    leaf: relation(table),
    row_count,
    heap_bytes,
    index_bytes,
    toast_bytes,
    dead_rows,
  }
}
