import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { percent } from './words.ts'

/** What the live rows of tables would take, by their oids; without those of which nothing is known. */
export async function expectedBytes(
  session: Session,
  tables: { oid: number }[],
): Promise<Map<number, number>> {
  const rows = await session.rows<{ oid: number; bytes: number | null }>(sql('maintain/expected_bytes'), [
    tables.map(({ oid }) => oid),
  ])
  return new Map(rows.flatMap(({ oid, bytes }) => (bytes === null ? [] : [[oid, bytes] as const])))
}

/** Below it every estimate errs. */
const least = 64 * 1024

/** The share of a heap that is free; nothing where that is unknown or little. */
export function bloatText(free: number | null, heap: number): string {
  return free === null || free < least ? '' : percent(free / heap)
}
