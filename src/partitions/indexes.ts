import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** An index of a table; see sql/dwh/partitions/indexes.sql. */
export interface TableIndex {
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
  /** By the collations of the columns and the usual operators of their types. */
  compares_as_columns: boolean
  columns: string[] | null
  /** The definition from after USING on. */
  tail: string
  understood: boolean
  tablespace: string | null
  comment: string | null
  bytes: number
}

export async function readIndexes(session: Session, oid: number): Promise<TableIndex[]> {
  return session.rows<TableIndex>(sql('partitions/indexes'), [oid])
}

/** One index on one leaf: how it is built, and made a constraint. */
export interface LeafIndexStatements {
  build: string
  promote: string | undefined
}

/**
 * Built after the rows are in, leaf by leaf, an index costs a sort instead of a descent a row.
 *
 * Locks: SHARE on the leaf (build), ACCESS EXCLUSIVE on it (promote).
 *
 * @param tail what follows USING
 */
export function leafIndexStatements(
  leaf: RelationName,
  name: string,
  index: {
    isUnique: boolean
    constraint: 'PRIMARY KEY' | 'UNIQUE' | undefined
    tail: string
    tablespace: string | null
  },
): LeafIndexStatements {
  const { isUnique, constraint, tail } = index
  const tablespace = index.tablespace ? ` TABLESPACE ${ident(index.tablespace)}` : ''
  return {
    build: `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX ${ident(name)} ON ${relation(leaf)} USING ${tail}${tablespace}`,
    promote: constraint
      ? `ALTER TABLE ${relation(leaf)} ADD CONSTRAINT ${ident(name)} ${constraint} USING INDEX ${ident(name)}`
      : undefined,
  }
}
