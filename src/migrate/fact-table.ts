import type { MigrationBuilder } from 'node-pg-migrate'
import {
  dollarQuoted,
  fitName,
  ident,
  identList,
  literal,
  parseRelation,
  relation,
} from '../postgres/identifiers.ts'

export interface Column {
  /** As in SQL: `numeric(15,2)`. */
  type: string
  notNull?: boolean
  /** An SQL expression. */
  default?: string
  comment?: string
}

/** A partitioned fact table, as a migration declares it. */
export interface FactTable {
  /** `schema.table` */
  table: string
  columns: Record<string, string | Column>
  /** The business key. The constraint in the database is this and the partition key, as PostgreSQL demands. */
  key?: string[]
  /** Column or columns of RANGE partitioning. */
  partitionBy: string | string[]
  /** Indexes on the parent; every leaf gets its own. */
  indexes?: (string | string[])[]
  /** Of every column that can be compressed; `lz4` unless said otherwise. */
  compression?: 'lz4' | 'pglz'
  comment?: string
}

/**
 * Creates a partitioned fact table: columns, the unique constraint over key and partition key, indexes on the parent,
 * compression, comments. Leaves are not part of it: `dwh partitions create` makes them by the policy.
 *
 * Where a plain table already bears the name it is left alone, and `dwh setup` converts it.
 *
 *     export const up = (pgm: MigrationBuilder) =>
 *       factTable(pgm, {
 *         table: 'dwh_facts.fait_factures',
 *         columns: { facture_id: { type: 'bigint', notNull: true }, date_facture_key: { type: 'integer', notNull: true } },
 *         key: ['facture_id'],
 *         partitionBy: 'date_facture_key',
 *         indexes: ['date_facture_key'],
 *       })
 */
export function factTable(pgm: MigrationBuilder, table: FactTable): void {
  for (const statement of factTableStatements(table)) pgm.sql(statement)
  declared.set(pgm, [...declaredTables(pgm), table])
}

const declared = new WeakMap<MigrationBuilder, FactTable[]>()

/** The fact tables that a migration declared through `pgm`. */
export function declaredTables(pgm: MigrationBuilder): FactTable[] {
  return declared.get(pgm) ?? []
}

/** The statements of `factTable`; their text depends on nothing but the declaration. */
export function factTableStatements(fact: FactTable): string[] {
  const name = parseRelation(fact.table)
  const lines = Object.entries(fact.columns).map(([column, given]) => {
    const { type, notNull, default: standard } = columnOf(given)
    return `${ident(column)} ${type}${standard ? ` DEFAULT ${standard}` : ''}${notNull ? ' NOT NULL' : ''}`
  })
  const unique = uniqueColumns(fact)
  if (unique) lines.push(`CONSTRAINT ${ident(fitName(name.name, '_key'))} UNIQUE (${identList(unique)})`)
  const create = [
    `CREATE TABLE IF NOT EXISTS ${relation(name)} (`,
    lines.map((line) => `  ${line}`).join(',\n'),
    `) PARTITION BY RANGE (${identList(listOf(fact.partitionBy))});`,
  ]
  return [create.join('\n'), furnish(fact)]
}

/** Key and partition key together, without repetition; undefined without a key. */
export function uniqueColumns(fact: Pick<FactTable, 'key' | 'partitionBy'>): string[] | undefined {
  return fact.key ? [...new Set([...fact.key, ...listOf(fact.partitionBy)])] : undefined
}

/** Indexes, comments and compression, in one block that leaves a plain table of the same name alone. */
function furnish(fact: FactTable): string {
  const name = parseRelation(fact.table)
  const table = relation(name)
  const taken = new Set<string>()
  const indexes = (fact.indexes ?? []).map(listOf).map((columns) => {
    const base = `${name.name}_${columns.join('_')}`
    let index = fitName(base, '_idx')
    // (a_b) and (a, b) would have one name, and IF NOT EXISTS would leave the second out.
    for (let n = 1; taken.has(index); n++) index = fitName(base, `_idx${n}`)
    taken.add(index)
    return `CREATE INDEX IF NOT EXISTS ${ident(index)} ON ${table} (${identList(columns)});`
  })
  const comments = Object.entries(fact.columns).flatMap(([column, given]) => {
    const { comment } = columnOf(given)
    return comment ? [`COMMENT ON COLUMN ${table}.${ident(column)} IS ${literal(comment)};`] : []
  })
  if (fact.comment) comments.unshift(`COMMENT ON TABLE ${table} IS ${literal(fact.comment)};`)
  const method = literal(fact.compression ?? 'lz4')
  const body = `
BEGIN
  IF (SELECT relkind FROM pg_catalog.pg_class WHERE oid = ${literal(table)}::regclass) <> 'p' THEN
    RAISE NOTICE '% is a plain table and stays as it is: dwh setup converts it', ${literal(fact.table)};
    RETURN;
  END IF;
${[...indexes, ...comments].map((statement) => `  ${statement}\n`).join('')}\
  IF ${method} <> ALL ((SELECT enumvals FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression')::text[]) THEN
    RAISE WARNING 'this server was built without %: % keeps the default compression', ${method}, ${literal(fact.table)};
    RETURN;
  END IF;
  EXECUTE (
    SELECT coalesce(string_agg(format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION %s;', attrelid::regclass, attname, ${method}), ' '), '')
      FROM pg_catalog.pg_attribute
     WHERE attrelid = ${literal(table)}::regclass AND attnum > 0 AND NOT attisdropped AND attstorage IN ('x', 'm')
  );
END
`
  return `DO ${dollarQuoted(body)};`
}

const columnOf = (given: string | Column): Column => (typeof given === 'string' ? { type: given } : given)
const listOf = (given: string | string[]): string[] => (typeof given === 'string' ? [given] : given)
