import { readIndexes, type TableIndex } from '../partitions/indexes.ts'
import type { Furniture } from '../partitions/leaf-sql.ts'
import type { RelationName } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { type Dependents, readDependents } from './dependents.ts'
import { type IdentityColumn, readIdentity } from './identity.ts'

export interface PlainColumn {
  name: string
  type: string
  not_null: boolean
  generated: boolean
  identity: boolean
  /** Can be stored compressed. */
  compressible: boolean
  /** May hold a compressed value, if only from the time before somebody told it not to. */
  toastable: boolean
  /** The sequence that this column owns, as quoted text. */
  sequence: string | null
}

export type PlainIndex = TableIndex

/** A plain table with all that its partitioned successor takes over, or cannot. */
export interface PlainTable extends RelationName {
  oid: number
  /** `schema.name` as PostgreSQL prints it in queries. */
  printed: string
  /** d(efault), f(ull), n(othing) or i(ndex). */
  replica_identity: string
  /** By a publication that names it, its schema, or all tables. */
  is_published: boolean
  owner: string
  is_owner: boolean
  estimated_rows: number | null
  total_bytes: number
  heap_bytes: number
  index_bytes: number
  block_bytes: number
  columns: PlainColumn[]
  indexes: PlainIndex[]
  dependents: Dependents
  identity: IdentityColumn[]
  furniture: Furniture
}

/**
 * Reads everything about a plain table but its rows.
 *
 * @param afterwards the name that it bears once it has been exchanged
 */
export async function readPlainTable(
  session: Session,
  oid: number,
  afterwards: RelationName,
): Promise<PlainTable> {
  const table = await session.one<
    Omit<PlainTable, 'columns' | 'indexes' | 'dependents' | 'identity' | 'furniture'>
  >(sql('convert/table'), [oid])
  return {
    ...table,
    columns: await session.rows<PlainColumn>(sql('convert/columns'), [oid]),
    indexes: await readIndexes(session, oid),
    dependents: await readDependents(session, oid, afterwards),
    identity: await readIdentity(session, oid),
    furniture: await session.one<Furniture>(sql('partitions/furniture'), [oid]),
  }
}
