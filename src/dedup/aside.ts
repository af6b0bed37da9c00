import { type Furniture, furnishStatements, tablespaceClause } from '../partitions/leaf-sql.ts'
import { fitName, type RelationName, relation } from '../postgres/identifiers.ts'

/** The table that receives the rows of another that were superseded. */
export function asideName({ schema, name }: RelationName): RelationName {
  return { schema, name: fitName(name, '_duplicates') }
}

/**
 * Creates the table for superseded rows: the columns of the other, as plain values, and nothing that would refuse a row.
 * Its owner alone may read it, since policies and views that guard the other do not guard it.
 *
 * Locks: ACCESS SHARE on the other.
 */
export function asideStatements(aside: RelationName, table: RelationName, furniture: Furniture): string[] {
  return [
    `CREATE TABLE ${relation(aside)} (LIKE ${relation(table)} INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS)` +
      tablespaceClause(furniture),
    ...furnishStatements(aside, {
      ...furniture,
      comment: `Rows of ${relation(table)} that stood behind a newer row of the same key`,
      grants: null,
      column_grants: null,
      statistics: null,
      column_options: null,
    }),
  ]
}
