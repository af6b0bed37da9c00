import { ident } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { findExtension } from '../extensions.ts'
import { measureAll } from '../measure-all.ts'
import type { CaredTable } from '../tables.ts'

/** How much of a table's heap and TOAST is of no use, in bytes. */
export interface Bloat {
  bytes: number
  /** Held by dead rows; part of `free` where it could only be estimated. */
  dead: number
  free: number
  /** Of `bytes`. */
  share: number
  /** Not measured, but derived from statistics. */
  is_estimate: boolean
}

/** A chunk of TOAST as it lies in a page: four fill it. */
const chunkBytes = 2036

/**
 * Measures tables: by pgstattuple where the extension is in the database and may be used, which reads only pages that are not
 * known to hold visible rows alone; else by the statistics of the last ANALYZE, marked as an estimate. Undefined for a
 * table of which neither knows anything.
 */
export async function measureBloat(
  session: Session,
  tables: CaredTable[],
): Promise<Map<number, Bloat | undefined>> {
  const extension = await findExtension(session, 'pgstattuple')
  const oids = tables.map(({ oid }) => oid)
  const measured = new Map<number, Bloat | undefined>(
    extension && (await measure(session, extension.schema, oids)),
  )
  const rest = tables.filter(({ oid }) => !measured.get(oid))
  const estimated = rest.length > 0 ? await estimate(session, rest) : undefined
  for (const { oid } of rest) measured.set(oid, estimated?.get(oid))
  return measured
}

interface Measured {
  oid: number
  bytes: number
  dead: number
  free: number
}

/** Its functions are for pg_stat_scan_tables: a role without it is left the estimate. */
async function measure(session: Session, schema: string, oids: number[]): Promise<[oid: number, Bloat][]> {
  const rows = await measureAll(oids, (some) =>
    session.rows<Measured>(
      `SELECT c.oid::bigint AS oid, sum(s.table_len)::bigint AS bytes, sum(s.dead_tuple_len)::bigint AS dead,
              sum(s.approx_free_space)::bigint AS free
         FROM pg_class AS c
        CROSS JOIN LATERAL (VALUES (c.oid), (nullif(c.reltoastrelid, 0))) AS part (oid)
        CROSS JOIN LATERAL ${ident(schema)}.pgstattuple_approx(part.oid) AS s
        WHERE c.oid = ANY ($1::bigint[]::oid[]) AND part.oid IS NOT NULL
        GROUP BY c.oid`,
      [some],
    ),
  )
  return rows.map(({ oid, bytes, dead, free }) => [oid, bloat(bytes, dead, free, false)])
}

function bloat(bytes: number, dead: number, free: number, is_estimate: boolean): Bloat {
  return { bytes, dead, free, share: bytes > 0 ? (dead + free) / bytes : 0, is_estimate }
}

async function estimate(session: Session, tables: CaredTable[]): Promise<Map<number, Bloat>> {
  const oids = tables.map(({ oid }) => oid)
  const expected = await session.rows<{ oid: number; bytes: number | null }>(sql('maintain/expected_bytes'), [
    oids,
  ])
  const toast = await session.rows<{ oid: number; bytes: number; live: number; is_known: boolean }>(
    sql('maintain/toast'),
    [oids],
  )
  const found = new Map<number, Bloat>()
  for (const { oid, row_bytes } of tables) {
    const live = expected.find((one) => one.oid === oid)?.bytes
    if (live === undefined || live === null) continue
    const heapFree = Math.max(0, row_bytes - live)
    const beside = toast.find((one) => one.oid === oid)
    const toastFree = beside?.is_known ? Math.max(0, beside.bytes - beside.live * chunkBytes) : 0
    found.set(oid, bloat(row_bytes + (beside?.bytes ?? 0), 0, heapFree + toastFree, true))
  }
  return found
}
