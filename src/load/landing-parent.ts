import { type Furniture, furnishStatements } from '../partitions/leaf-sql.ts'
import { fitName, ident, identList, literal, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Dataset } from '../warehouse/load.ts'
import { declaredDefault, placeColumn, type TableColumn } from './columns.ts'

/** The table to which the leaves of a landing belong, or the only one of a landing without leaves. */
export interface LandingParent {
  statements: string[]
  /** Columns that must have a value here, and need not in the target. */
  required: string[]
  /** Columns that have a default here that they do not have in the target. */
  defaults: string[]
}

/** How the parent of a landing is made like the target of a dataset. */
export function describeParent(
  { schema, name }: RelationName,
  dataset: Dataset,
  furniture: Furniture,
  columns: TableColumn[],
  { kind, isPartitioned }: { kind: 'leaves' | 'staging'; isPartitioned: boolean },
): LandingParent {
  const { target, partition } = dataset
  const table = relation({ schema, name })
  const isPlaced = kind === 'staging'
  const unlogged = isPlaced && !isPartitioned ? 'UNLOGGED ' : ''
  const required = columns.filter((column) => mustHaveValue(dataset, column)).map(({ name }) => name)
  const defaults = columns.flatMap((column) => ownDefault(dataset, column))
  const alterations = [
    // A CHECK and no NOT NULL, for it has to go again when a leaf is attached.
    ...required.map(
      (name) => `ADD CONSTRAINT ${ident(requiredName(name))} CHECK (${ident(name)} IS NOT NULL)`,
    ),
    ...defaults.map(({ name, value }) => `ALTER COLUMN ${ident(name)} SET DEFAULT ${value}`),
    ...(isPlaced ? [`ADD COLUMN ${placeColumn} bigint`] : []),
  ]
  const statements = [
    `CREATE ${unlogged}TABLE ${table} (LIKE ${relation(target)} INCLUDING ALL EXCLUDING INDEXES${isPlaced ? ' EXCLUDING STATISTICS' : ''} EXCLUDING IDENTITY)` +
      (isPartitioned && partition ? ` PARTITION BY RANGE (${identList(partition.key)})` : ''),
    ...(alterations.length > 0 ? [`ALTER TABLE ${table} ${alterations.join(', ')}`] : []),
    ...furnishStatements(
      { schema, name },
      { ...furniture, grants: null, column_grants: null, comment: null },
    ),
  ]
  return { statements, required, defaults: defaults.map(({ name }) => name) }
}

/** The name of the CHECK by which a landing refuses what the warehouse file, and not the table, says must have a value. */
export const requiredName = (column: string) => fitName(column, '_dwh_required')

function mustHaveValue(
  { columns, key, nulls_equal }: Dataset,
  { name, not_null, generated }: TableColumn,
): boolean {
  const isKey = key?.includes(name) === true && !nulls_equal
  return !not_null && !generated && (columns[name]?.required === true || isKey)
}

function ownDefault(
  dataset: Dataset,
  { name, identity, sequence, has_default }: TableColumn,
): { name: string; value: string }[] {
  const value = declaredDefault(dataset, name)
  if (identity && sequence) return [{ name, value: `nextval(${literal(sequence)}::regclass)` }]
  return value !== undefined && !has_default ? [{ name, value }] : []
}
