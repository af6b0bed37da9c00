import { boundName, fitName, ident, literal, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Dataset } from '../warehouse/load.ts'
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
  /** Who gets privileges on every new table by ALTER DEFAULT PRIVILEGES; null within the list is PUBLIC. */
  default_grantees: (string | null)[] | null
  row_security: boolean
  replica_identity: 'FULL' | 'NOTHING' | null
  statistics: Record<string, number> | null
  /** `n_distinct=-0.5` */
  column_options: Record<string, string[]> | null
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
 * the unknown leaf, whose own CHECK spares its scan; SHARE ROW EXCLUSIVE on the tables that foreign keys of the parent
 * refer to, whose writers wait for that moment.
 *
 * @param unlogged for rows that may be lost in a crash
 */
export function createLeafStatements(
  parent: RelationName,
  policy: Policy,
  leaf: PlannedLeaf,
  furniture: Furniture,
  unlogged = false,
): string[] {
  const check = boundName(leaf.name)
  const statements = standaloneLeafStatements(parent, leaf, furniture, { unlogged })
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

/**
 * A table like another in everything, but not attached yet.
 *
 * @param like the parent, or a leaf of it
 * @param indexes false where they are built when the rows are in
 */
export function standaloneLeafStatements(
  like: RelationName,
  leaf: RelationName,
  furniture: Furniture,
  { unlogged = false, indexes = true } = {},
): string[] {
  const excluded = `EXCLUDING IDENTITY${indexes ? '' : ' EXCLUDING INDEXES'}`
  const parameters = furniture.storage.map(storageParameter).join(', ')
  return [
    `CREATE ${unlogged ? 'UNLOGGED ' : ''}TABLE ${relation(leaf)} (LIKE ${relation(like)} INCLUDING ALL ${excluded})` +
      `${parameters ? ` WITH (${parameters})` : ''}${tablespaceClause(furniture)}`,
    ...furnishStatements(leaf, furniture),
    // The policies are the parent's. Without any of its own a leaf that is asked directly shows nothing, but to its owner.
    ...(furniture.row_security ? [`ALTER TABLE ${relation(leaf)} ENABLE ROW LEVEL SECURITY`] : []),
    ...(furniture.replica_identity
      ? [`ALTER TABLE ${relation(leaf)} REPLICA IDENTITY ${furniture.replica_identity}`]
      : []),
  ]
}

/** What the warehouse file says about the storage of leaves comes before what the youngest sibling has. */
export function withStorage(furniture: Furniture, parameters: Dataset['maintenance']['storage']): Furniture {
  const own = Object.entries(parameters).map(([name, value]) => `${name}=${value}`)
  const overruled = (text: string) => own.some((other) => other.split('=')[0] === text.split('=')[0])
  return { ...furniture, storage: [...furniture.storage.filter((text) => !overruled(text)), ...own] }
}

/** ` TABLESPACE "fast"`, or nothing for the database's own. */
export function tablespaceClause({ tablespace }: Pick<Furniture, 'tablespace'>): string {
  return tablespace ? ` TABLESPACE ${ident(tablespace)}` : ''
}

/**
 * Owner, grants, comment, statistics targets and column options of a new table or materialized view. The owner comes first:
 * grants to whoever creates the table would go with it when it changes hands.
 */
export function furnishStatements(
  table: RelationName,
  furniture: Furniture,
  kind: 'TABLE' | 'MATERIALIZED VIEW' = 'TABLE',
): string[] {
  const { owner, comment, grants, column_grants, default_grantees, statistics, column_options } = furniture
  const name = relation(table)
  return [
    `ALTER ${kind} ${name} OWNER TO ${ident(owner)}`,
    ...(default_grantees ?? []).map((role) => `REVOKE ALL ON ${name} FROM ${grantee(role)}`),
    ...(grants ?? []).map((grant) => `GRANT ${grant.privilege} ON ${name} TO ${withOption(grant)}`),
    ...(column_grants ?? []).map(
      (grant) => `GRANT ${grant.privilege} (${ident(grant.column)}) ON ${name} TO ${withOption(grant)}`,
    ),
    ...(comment ? [`COMMENT ON ${kind} ${name} IS ${literal(comment)}`] : []),
    ...Object.entries(statistics ?? {}).map(
      ([column, target]) => `ALTER ${kind} ${name} ALTER COLUMN ${ident(column)} SET STATISTICS ${target}`,
    ),
    ...Object.entries(column_options ?? {}).map(
      ([column, options]) =>
        `ALTER ${kind} ${name} ALTER COLUMN ${ident(column)} SET (${options.map(storageParameter).join(', ')})`,
    ),
  ]
}

const grantee = (role: string | null) => (role === null ? 'PUBLIC' : ident(role))

const withOption = (grant: Grant) => `${grantee(grant.grantee)}${grant.grantable ? ' WITH GRANT OPTION' : ''}`

/** `toast.autovacuum_enabled=false` → `toast."autovacuum_enabled" = 'false'` */
function storageParameter(text: string): string {
  const [, prefix = '', name = '', value = ''] = /^(toast\.)?([^=]+)=(.*)$/s.exec(text) ?? []
  return `${prefix}${ident(name)} = ${literal(value)}`
}

/** The name of a leaf's index: `fait_factures_pkey` on leaf `fait_factures_2023` becomes `fait_factures_2023_pkey`. */
export function leafIndexName(leaf: RelationName, index: { name: string }, table: RelationName): string {
  const { name } = index
  return fitName(leaf.name + (name.startsWith(`${table.name}_`) ? name.slice(table.name.length) : `_${name}`))
}
