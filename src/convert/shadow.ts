import {
  createLeafStatements,
  furnishStatements,
  tablespaceClause,
  withStorage,
} from '../partitions/leaf-sql.ts'
import { fitName, ident, identList, literal, relation } from '../postgres/identifiers.ts'
import { statisticsStatements } from './dependents.ts'
import { keepsIdentity, nameShadowSequences, sequencesForShadow } from './identity.ts'
import { constraintTail, type ParentIndex, shadowIndexName } from './indexes.ts'
import type { ConversionPlan } from './plan.ts'
import type { PlainColumn } from './table.ts'

/**
 * Creates the empty shadow tree: the partitioned parent under its reserved name, like the plain table in everything but
 * its indexes, and its leaves, attached and bare.
 *
 * Locks: ACCESS SHARE on the plain table.
 */
export function shadowStatements(plan: ConversionPlan, lz4: boolean): string[] {
  const { dataset, table, shadow, leaves } = plan
  const policy = dataset.partition
  const name = relation(shadow)
  const compressed =
    plan.compression === 'default' || (plan.compression === 'lz4' && !lz4) ? [] : compressedColumns(plan)
  const identity = keepsIdentity(plan.serverVersion) ? '' : ' EXCLUDING IDENTITY'
  const alterations = [
    ...compressed.map((column) => `ALTER COLUMN ${ident(column)} SET COMPRESSION ${plan.compression}`),
    // Without an unknown leaf no row can have a NULL key; saying so lets a primary key be added without a scan.
    ...(policy.unknown ? [] : policy.key.map((column) => `ALTER COLUMN ${ident(column)} SET NOT NULL`)),
  ]
  const furniture = withStorage(table.furniture, dataset.maintenance.storage)
  return [
    `CREATE TABLE ${name} (LIKE ${relation(table)} INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS${identity}) ` +
      `PARTITION BY RANGE (${identList(policy.key)})${tablespaceClause(table.furniture)}`,
    ...(keepsIdentity(plan.serverVersion)
      ? nameShadowSequences(table.identity, shadow)
      : sequencesForShadow(table.identity, shadow)),
    ...table.dependents.statistics.flatMap((one) =>
      statisticsStatements(one, shadow, shadowStatisticsName(one)),
    ),
    ...(alterations.length > 0 ? [`ALTER TABLE ${name} ${alterations.join(', ')}`] : []),
    ...leaves.flatMap((leaf) => createLeafStatements(shadow, policy, leaf, furniture)),
    ...furnishStatements(shadow, table.furniture),
  ]
}

/** The name that extended statistics of the shadow bear until the swap. */
export const shadowStatisticsName = ({ name }: { name: string }): string => fitName(name, '_dwh_shadow')

/**
 * The parent's own indexes, which stay invalid until every leaf's has been attached to them.
 *
 * @param only `''` makes them on the leaves too, and valid: for empty ones
 */
export function parentIndexStatements(
  { shadow, indexes }: ConversionPlan,
  only: 'ONLY ' | '' = 'ONLY ',
): string[] {
  return indexes.flatMap((index) => [
    parentIndexStatement(`${only}${relation(shadow)}`, index),
    ...(index.comment
      ? [
          `COMMENT ON INDEX ${relation({ schema: shadow.schema, name: shadowIndexName(index) })} IS ${literal(index.comment)}`,
        ]
      : []),
  ])
}

function parentIndexStatement(shadow: string, index: ParentIndex): string {
  const name = ident(shadowIndexName(index))
  const nulls = index.nullsNotDistinct ? ' NULLS NOT DISTINCT' : ''
  switch (index.kind) {
    case 'primary key':
      return `ALTER TABLE ${shadow} ADD CONSTRAINT ${name} PRIMARY KEY ${constraintTail(index)}`
    case 'unique constraint':
      return `ALTER TABLE ${shadow} ADD CONSTRAINT ${name} UNIQUE${nulls} ${constraintTail(index)}`
    case 'unique index':
      return `CREATE UNIQUE INDEX ${name} ON ${shadow} USING ${index.tail}`
    case 'index':
      return `CREATE INDEX ${name} ON ${shadow} USING ${index.tail}`
  }
}

/** The columns whose values are to be stored with the dataset's compression. */
function compressedColumns(plan: ConversionPlan): string[] {
  return chosenColumns(plan, ({ compressible }) => compressible)
}

function chosenColumns({ dataset, table }: ConversionPlan, may: (column: PlainColumn) => boolean): string[] {
  const chosen = dataset.compression.columns
  return table.columns
    .filter((column) => may(column) && (chosen === undefined || chosen.includes(column.name)))
    .map(({ name }) => name)
}

/**
 * The columns that are copied, and for each the expression to copy: values stored by another compression method are
 * taken apart, because INSERT … SELECT moves a compressed value as it is.
 */
export function copyExpressions(
  plan: ConversionPlan,
  lz4: boolean,
): { columns: string[]; expressions: string[] } {
  const isBuiltIn = plan.compression === 'pglz' || (plan.compression === 'lz4' && lz4)
  const rewritten = isBuiltIn ? chosenColumns(plan, ({ toastable }) => toastable) : []
  const copied = plan.table.columns.filter(({ generated }) => !generated)
  return {
    columns: copied.map(({ name }) => name),
    expressions: copied.map(({ name, type }) => {
      const column = ident(name)
      if (!rewritten.includes(name)) return column
      return `CASE WHEN pg_column_compression(${column}) <> '${plan.compression}' THEN ${takenApart(column, type)} ELSE ${column} END`
    }),
  }
}

/**
 * The same value, byte for byte, but not compressed: an array takes its elements apart, and so does joining one with another.
 * A round trip by text would do too, but for blanks at the end of a char, and for the time that json takes.
 */
function takenApart(column: string, type: string): string {
  return type.endsWith('[]') ? `(${column} || '{}'::${type})` : `(ARRAY[${column}])[1]`
}
