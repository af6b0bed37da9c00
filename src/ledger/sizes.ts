import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** How large a leaf, or a table without leaves, is; rows are estimates of the server. */
export interface LeafSize {
  dataset: string
  /** Quoted, with its schema. */
  leaf: string
  row_count: number
  heap_bytes: number
  index_bytes: number
  toast_bytes: number
  dead_rows: number
}

/** Keeps the sizes of today; the last measure of a day counts. */
export async function keepSizes(session: Session, warehouse: string, sizes: LeafSize[]): Promise<void> {
  await session.run(sql('ledger/keep_sizes'), [warehouse, JSON.stringify(sizes)])
}
