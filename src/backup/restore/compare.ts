import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { proofColumns } from '../../proof/columns.ts'
import { proofVectors, proveRelation } from '../../proof/hash.ts'
import { countObjects } from '../describe.ts'
import type { BackedUpTable, Manifest } from '../manifest.ts'

/** How sure it is that the rows of a table are those of the backup. */
export type Certainty = 'hash' | 'count' | 'none'

/** A table of a backup beside the same in a database. */
export interface Compared {
  table: BackedUpTable
  equal: boolean
  certainty: Certainty
  /** Of the database; null where the table is not there. */
  rows: number | null
}

/** Whether hashes of this server can be compared with those of a backup; where not, only numbers of rows can. */
export async function canCompare(session: Session, { proof }: Manifest): Promise<boolean> {
  return (await proofVectors(session)) === proof.vectors
}

/** The oids that tables of a backup have in a database, by the OID that they had. */
export async function locateTables(session: Session, tables: BackedUpTable[]): Promise<Map<number, number>> {
  const rows = await session.rows<{ name: string; oid: number | null }>(sql('restore/locate'), [
    tables.map(relation),
  ])
  const here = new Map(rows.map(({ name, oid }) => [name, oid]))
  return new Map(
    tables.flatMap((table) => {
      const oid = here.get(relation(table))
      return oid ? [[table.oid, oid]] : []
    }),
  )
}

/**
 * Reads one table and compares it with what the backup says of it.
 *
 * @param here its oid in this database
 * @param name where it lies, where that is not the name in the backup
 */
export async function compareTable(
  session: Session,
  table: BackedUpTable,
  here: number | undefined,
  hashes: boolean,
  name = relation(table),
): Promise<Compared> {
  if (here === undefined) return { table, equal: false, certainty: 'none', rows: null }
  const certainty = table.hash_1 === null ? 'none' : hashes ? 'hash' : 'count'
  if (certainty !== 'hash') {
    const { rows } = await session.one<{ rows: number }>(`SELECT count(*) AS rows FROM ONLY ${name}`)
    return { table, equal: certainty === 'none' || rows === table.rows, certainty, rows }
  }
  const proof = await proveRelation(session, await proofColumns(session, here), `ONLY ${name}`)
  const isSame =
    proof.rows === table.rows && `${proof.hash1}` === table.hash_1 && `${proof.hash2}` === table.hash_2
  return { table, equal: isSame, certainty, rows: proof.rows }
}

/** @throws DwhError PROOF_FAILED naming the tables that differ, and how */
export function requireEqual(compared: Compared[], backup: string): void {
  const different = compared.filter(({ equal }) => !equal)
  if (different.length === 0) return
  const named = different.slice(0, 5).map(({ table, rows }) => {
    if (rows === null) return `${shown(table)} is not there`
    return rows === table.rows
      ? `${shown(table)} has other values`
      : `${shown(table)} has ${rows} rows and not ${table.rows}`
  })
  const more = different.length > named.length ? ` and ${different.length - named.length} more` : ''
  throw new DwhError(
    'PROOF_FAILED',
    `what was restored is not what is in ${backup}: ${named.join(', ')}${more}`,
    {
      hint: 'keep it to look at, or begin anew with --anew; another backup may be sound: dwh backup list',
    },
  )
}

/**
 * Counts the objects of each kind: an index that is missing is in no proof of rows.
 *
 * @throws DwhError PROOF_FAILED where they are not those of the backup
 */
export async function requireObjects(
  session: Session,
  work: Work,
  { objects, scope, server, backup }: Manifest,
): Promise<void> {
  const counted = await countObjects(session, scope)
  const kinds = [...new Set([...Object.keys(objects), ...Object.keys(counted)])].toSorted()
  const different = kinds.filter((kind) => (objects[kind] ?? 0) !== (counted[kind] ?? 0))
  if (different.length === 0) return
  const told = different
    .map((kind) => `${counted[kind] ?? 0} ${kind} and not ${objects[kind] ?? 0}`)
    .join(', ')
  const isSameMajor = Math.floor(server.version / 10_000) === Math.floor(session.serverVersion / 10_000)
  // Another version may keep as an object what this one keeps as a flag.
  if (!isSameMajor)
    return work.emit({ type: 'warning', message: `the restored database has ${told}; its rows are equal` })
  throw new DwhError('PROOF_FAILED', `what was restored has ${told}, as ${backup} says`, {
    hint: 'keep it to look at, or begin anew with --anew',
  })
}
