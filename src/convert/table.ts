import type { Furniture } from '../partitions/leaf-sql.ts'
import type { RelationName } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

export interface PlainColumn {
  name: string
  type: string
  not_null: boolean
  generated: boolean
  identity: boolean
  /** Can be stored compressed. */
  compressible: boolean
  /** The sequence that this column owns, as quoted text. */
  sequence: string | null
}

export interface PlainIndex {
  name: string
  is_unique: boolean
  is_primary: boolean
  is_constraint: boolean
  is_exclusion: boolean
  valid: boolean
  is_replica_identity: boolean
  is_clustered: boolean
  is_deferrable: boolean
  /** Neither expressions nor a predicate. */
  is_plain: boolean
  nulls_not_distinct: boolean
  columns: string[] | null
  /** The definition from after USING on. */
  tail: string
  understood: boolean
  tablespace: string | null
  comment: string | null
  bytes: number
}

/** Something that hangs on a table and does not follow its name. */
export interface Dependent {
  kind: string
  name: string
}

/** A plain table with all that its partitioned successor takes over, or cannot. */
export interface PlainTable extends RelationName {
  oid: number
  owner: string
  is_owner: boolean
  estimated_rows: number | null
  total_bytes: number
  heap_bytes: number
  index_bytes: number
  block_bytes: number
  columns: PlainColumn[]
  indexes: PlainIndex[]
  dependents: Dependent[]
  furniture: Furniture
}

/** Reads everything about a plain table but its rows. */
export async function readPlainTable(session: Session, oid: number): Promise<PlainTable> {
  const table = await session.one<Omit<PlainTable, 'columns' | 'indexes' | 'dependents' | 'furniture'>>(
    sql('convert/table'),
    [oid],
  )
  return {
    ...table,
    columns: await session.rows<PlainColumn>(sql('convert/columns'), [oid]),
    indexes: await session.rows<PlainIndex>(sql('convert/indexes'), [oid]),
    dependents: await session.rows<Dependent>(sql('convert/dependents'), [oid]),
    furniture: await session.one<Furniture>(sql('partitions/furniture'), [oid]),
  }
}
