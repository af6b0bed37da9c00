import { DwhError } from '../errors.ts'
import { shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Proof } from '../proof/hash.ts'
import type { StoredFile } from './compress.ts'
import type { Dumped } from './dump.ts'
import type { BackedUpTable } from './manifest.ts'
import type { ScopedTable } from './scope.ts'
import type { SealedPlan } from './sealed.ts'

/** Of a table with its TOAST table and its indexes, by its OID. */
export async function tableBytes(session: Session, oids: number[]): Promise<Map<number, number>> {
  const rows = await session.rows<{ oid: number; bytes: number }>(sql('backup/table_bytes'), [oids])
  return new Map(rows.map(({ oid, bytes }) => [oid, bytes]))
}

/** The rows of a table as they were dumped. */
interface DumpedRows {
  archive: string
  file: StoredFile
}

/**
 * The tables of a manifest: what was dumped, with its proof, and sealed leaves as an earlier backup has them.
 *
 * @param backup its name, which is that of its pack too
 * @throws DwhError BACKUP_FAILED where the archives hold other tables than were proved, or other numbers of rows
 */
export function describeTables(
  tables: ScopedTable[],
  bytes: Map<number, number>,
  { seals, referenced }: SealedPlan,
  { archives, proofs }: Dumped,
  backup: string,
): BackedUpTable[] {
  const dumped = new Map<number, DumpedRows>()
  for (const [index, { data }] of archives.entries()) {
    const archive = index === 0 ? 'main' : `sealed/${backup}`
    for (const [oid, file] of data) dumped.set(oid, { archive, file })
  }
  const described = tables.flatMap((table): BackedUpTable[] => {
    const earlier = referenced.get(table.oid)
    if (earlier) return [{ ...earlier.table, bytes: bytes.get(table.oid) ?? 0 }]
    const rows = dumped.get(table.oid)
    const proof = proofs.get(table.oid)
    dumped.delete(table.oid)
    if (!rows && proof) throw failed(`pg_dump left out the rows of ${shown(table)}`)
    return rows ? [describeTable(table, rows, proof, bytes.get(table.oid) ?? 0, seals)] : []
  })
  if (dumped.size > 0)
    throw failed(`pg_dump wrote tables that were not held: ${[...dumped.keys()].join(', ')}`)
  return described
}

function describeTable(
  table: ScopedTable,
  { archive, file }: DumpedRows,
  proof: Proof | undefined,
  bytes: number,
  seals: Map<number, string>,
): BackedUpTable {
  const { oid, schema, name, parent, columns, extension } = table
  if (proof && file.rows !== undefined && file.rows !== proof.rows) {
    throw failed(
      `${file.rows} rows of ${shown(table)} were dumped, and it has ${proof.rows} in the same snapshot`,
    )
  }
  return {
    ...{ oid, schema, name, parent, columns },
    rows: proof?.rows ?? file.rows ?? null,
    hash_1: proof?.hash1.toString() ?? null,
    hash_2: proof?.hash2.toString() ?? null,
    unproved: proof ? null : `it belongs to the extension ${extension}, which says what is dumped of it`,
    bytes,
    file: { archive, name: file.name },
    seal: archive === 'main' ? null : (seals.get(oid) ?? null),
  }
}

function failed(message: string): DwhError {
  return new DwhError('BACKUP_FAILED', message)
}
