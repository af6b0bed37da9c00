import { boundName, ident, literal, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Policy } from '../warehouse/schema.ts'
import { forValues, rangeCondition, unknownCondition } from './bounds.ts'
import type { PlannedLeaf } from './plan.ts'

/** What a leaf takes from its parent beside what LIKE copies; see sql/dwh/partitions/furniture.sql. */
export interface Furniture {
  owner: string
  comment: string | null
  tablespace: string | null
  grants: Grant[] | null
  column_grants: (Grant & { column: string })[] | null
  statistics: Record<string, number> | null
  /** `name=value`, those of the TOAST table as `toast.name=value`. */
  storage: string[]
}

interface Grant {
  /** null is PUBLIC */
  grantee: string | null
  privilege: string
  grantable: boolean
}

/**
 * Creates one leaf and attaches it: LIKE, CHECK, ATTACH and not PARTITION OF, which would take ACCESS EXCLUSIVE on the
 * parent. Identity stays with the parent (PostgreSQL 18 refuses a child that has its own); foreign keys and row triggers
 * come by ATTACH. The CHECK spares the scan of the leaf and goes again, for the bound says the same.
 *
 * Locks: ACCESS SHARE, then SHARE UPDATE EXCLUSIVE on the parent; ACCESS EXCLUSIVE on the new leaf and, for a moment, on
 * the unknown leaf, whose own CHECK spares its scan.
 */
export function createLeafStatements(
  parent: RelationName,
  policy: Policy,
  leaf: PlannedLeaf,
  furniture: Furniture,
): string[] {
  const check = boundName(leaf.name)
  const statements = [...standaloneLeafStatements(parent, leaf, furniture)]
  if (leaf.range === undefined) {
    statements.push(
      `ALTER TABLE ${relation(leaf)} ADD CONSTRAINT ${ident(check)} CHECK (${unknownCondition(policy)})`,
      `ALTER TABLE ${relation(parent)} ATTACH PARTITION ${relation(leaf)} DEFAULT`,
    )
  } else {
    statements.push(
      `ALTER TABLE ${relation(leaf)} ADD CONSTRAINT ${ident(check)} CHECK (${rangeCondition(policy, leaf.range)})`,
      `ALTER TABLE ${relation(parent)} ATTACH PARTITION ${relation(leaf)} ${forValues(policy, leaf.range)}`,
      `ALTER TABLE ${relation(leaf)} DROP CONSTRAINT ${ident(check)}`,
    )
  }
  return statements
}

/** A table like its parent in everything, but not attached yet. */
function standaloneLeafStatements(parent: RelationName, leaf: PlannedLeaf, furniture: Furniture): string[] {
  const parameters = furniture.storage.map(storageParameter).join(', ')
  return [
    `CREATE TABLE ${relation(leaf)} (LIKE ${relation(parent)} INCLUDING ALL EXCLUDING IDENTITY)` +
      `${parameters ? ` WITH (${parameters})` : ''}${tablespaceClause(furniture)}`,
    ...furnishStatements(leaf, furniture),
  ]
}

/** ` TABLESPACE "fast"`, or nothing for the database's own. */
export function tablespaceClause({ tablespace }: Pick<Furniture, 'tablespace'>): string {
  return tablespace ? ` TABLESPACE ${ident(tablespace)}` : ''
}

/** Comment, statistics targets, grants and, last, the owner of a new table. */
export function furnishStatements(table: RelationName, furniture: Furniture): string[] {
  const { owner, comment, grants, column_grants, statistics } = furniture
  const name = relation(table)
  return [
    ...(comment ? [`COMMENT ON TABLE ${name} IS ${literal(comment)}`] : []),
    ...Object.entries(statistics ?? {}).map(
      ([column, target]) => `ALTER TABLE ${name} ALTER COLUMN ${ident(column)} SET STATISTICS ${target}`,
    ),
    ...(grants ?? []).map((grant) => `GRANT ${grant.privilege} ON ${name} TO ${grantee(grant)}`),
    ...(column_grants ?? []).map(
      (grant) => `GRANT ${grant.privilege} (${ident(grant.column)}) ON ${name} TO ${grantee(grant)}`,
    ),
    `ALTER TABLE ${name} OWNER TO ${ident(owner)}`,
  ]
}

function grantee({ grantee, grantable }: Grant): string {
  return `${grantee === null ? 'PUBLIC' : ident(grantee)}${grantable ? ' WITH GRANT OPTION' : ''}`
}

/** `toast.autovacuum_enabled=false` → `toast."autovacuum_enabled" = 'false'` */
function storageParameter(text: string): string {
  const [, prefix = '', name = '', value = ''] = /^(toast\.)?([^=]+)=(.*)$/s.exec(text) ?? []
  return `${prefix}${ident(name)} = ${literal(value)}`
}
