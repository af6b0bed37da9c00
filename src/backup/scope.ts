import { DwhError } from '../errors.ts'
import { ident, parseRelation, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Manifest } from './manifest.ts'

/** What is backed up: the database, some schemas, or some tables with their partitions (as `"schema"."table"`). */
export type Scope = Manifest['scope']

export const wholeDatabase: Scope = { kind: 'database' }

export function tablesScope(tables: RelationName[]): Scope {
  return { kind: 'tables', tables: tables.map(relation) }
}

/** An ordinary or partitioned table in scope. */
export interface ScopedTable extends RelationName {
  oid: number
  is_partitioned: boolean
  parent: { schema: string; name: string; bound: string } | null
  /** As COPY lists them: without generated ones. */
  columns: string[]
  /** We may read it, and row security hides nothing of it. */
  is_readable: boolean
  /** That it belongs to. */
  extension: string | null
}

/** The schemas and the tables of a scope as parameters of statements: NULL where it is not limited by them. */
export function scopeParameters(scope: Scope): [schemas: string[] | null, tables: string[] | null] {
  return [scope.kind === 'schemas' ? scope.schemas : null, scope.kind === 'tables' ? scope.tables : null]
}

/** Largest first. */
export async function listTables(session: Session, scope: Scope): Promise<ScopedTable[]> {
  return session.rows<ScopedTable>(sql('backup/tables'), scopeParameters(scope))
}

/** The words by which pg_dump takes the same tables. */
export function scopeWords(scope: Scope, tables: ScopedTable[]): string[] {
  if (scope.kind === 'database') return []
  if (scope.kind === 'schemas') return scope.schemas.map((schema) => `--schema=${ident(schema)}`)
  return tablePatterns(tables).map((pattern) => `--table=${pattern}`)
}

/** Names in one pattern: an argument may have 128 KiB, and every pattern is a query of its own. */
const namesInPattern = 200

/** Patterns of pg_dump that match exactly these tables: regular expressions whose quoted parts stand for themselves. */
export function tablePatterns(tables: RelationName[]): string[] {
  const patterns: string[] = []
  for (const [schema, members] of Map.groupBy(tables, (table) => table.schema)) {
    const names = members.map(({ name }) => ident(name))
    for (let at = 0; at < names.length; at += namesInPattern)
      patterns.push(`${ident(schema)}.(${names.slice(at, at + namesInPattern).join('|')})`)
  }
  return patterns
}

/**
 * pg_dump itself would leave out in silence what is not there, beside something that is.
 *
 * @throws DwhError TARGET_UNFIT where a schema has no table, or a table is not there
 */
export function requireAll(scope: Scope, tables: ScopedTable[]): void {
  if (scope.kind === 'database') return
  const missing =
    scope.kind === 'schemas'
      ? scope.schemas.filter((schema) => !tables.some((table) => table.schema === schema))
      : scope.tables
          .map(parseRelation)
          .flatMap((one) =>
            tables.some(({ schema, name }) => schema === one.schema && name === one.name) ? [] : [shown(one)],
          )
  if (missing.length === 0) return
  const what = scope.kind === 'schemas' ? 'no table in schema' : 'no table'
  throw new DwhError('TARGET_UNFIT', `there is ${what} ${missing.join(', ')}; nothing was changed`, {
    hint: 'see: dwh status',
  })
}

/** @throws DwhError PRIVILEGE_MISSING naming every table that we may not read as a whole */
export function requireReadable(tables: ScopedTable[], role: string): void {
  const closed = tables.filter(({ is_readable, extension }) => !is_readable && !extension).map(shown)
  if (closed.length === 0) return
  const list = closed.slice(0, 5).join(', ') + (closed.length > 5 ? ` and ${closed.length - 5} more` : '')
  throw new DwhError('PRIVILEGE_MISSING', `${role} may not read all rows of ${list}; nothing was changed`, {
    hint: 'GRANT pg_read_all_data to it (from row security BYPASSRLS sets it free), or connect as the owner',
  })
}
