import { type Furniture, furnishStatements, tablespaceClause } from '../partitions/leaf-sql.ts'
import { fitName, ident, literal, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** A materialized view over a table, or over another one of them. */
export interface MaterializedView extends RelationName {
  oid: number
  /** `schema.name` as PostgreSQL prints it in queries. */
  printed: string
  definition: string
  populated: boolean
  options: string[] | null
  tablespace: string | null
  indexes: { name: string; unique: boolean; tail: string; comment: string | null }[]
  column_comments: Record<string, string>
  furniture: Furniture
}

/** In the order in which they can be built. */
export async function readMaterializedViews(session: Session, oid: number): Promise<MaterializedView[]> {
  const views = await session.rows<Omit<MaterializedView, 'furniture'>>(
    sql('convert/dependents/materialized_views'),
    [oid],
  )
  const read: MaterializedView[] = []
  for (const view of views) {
    read.push({ ...view, furniture: await session.one<Furniture>(sql('partitions/furniture'), [view.oid]) })
  }
  return read
}

/** The name that a rebuilt view, or one of its indexes, bears until the swap. */
export const shadowViewName = (name: string): string => fitName(name, '_dwh_shadow')

/**
 * Rebuilds a materialized view aside, over the shadow tree and over those rebuilt before it.
 *
 * @param replacements what stands in for each relation that is replaced, by its printed name
 * @param populate without it the view stays empty, as in a rehearsal
 */
export function rebuildStatements(
  view: MaterializedView,
  replacements: Map<string, string>,
  populate: boolean,
): string[] {
  const { schema, furniture } = view
  const shadow = { schema, name: shadowViewName(view.name) }
  const made = relation(shadow)
  const options = view.options ? ` WITH (${view.options.join(', ')})` : ''
  return [
    `CREATE MATERIALIZED VIEW ${made}${options}${tablespaceClause(view)} AS ${redirect(view.definition, replacements)}` +
      ` WITH ${populate && view.populated ? '' : 'NO '}DATA`,
    ...view.indexes.flatMap(({ name, unique, tail, comment }) => [
      `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${ident(shadowViewName(name))} ON ${made} USING ${tail}`,
      ...(comment
        ? [`COMMENT ON INDEX ${relation({ schema, name: shadowViewName(name) })} IS ${literal(comment)}`]
        : []),
    ]),
    ...Object.entries(view.column_comments).map(
      ([column, comment]) => `COMMENT ON COLUMN ${made}.${ident(column)} IS ${literal(comment)}`,
    ),
    ...furnishStatements(shadow, furniture, 'MATERIALIZED VIEW'),
  ]
}

/**
 * Points a query, as PostgreSQL prints it with an empty search_path, to other relations: every printed name of one of them
 * gets the other name, and its old name as an alias where it has none. The swap compares the result with
 * the original, so that a mistake here is found and not kept.
 */
export function redirect(query: string, replacements: Map<string, string>): string {
  const identifier = String.raw`(?:"(?:[^"]|"")+"|[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)`
  // Literals and lone names, which may hold an apostrophe, are stepped over, casts are left alone, and an alias is told from a keyword by its lower case.
  const token = new RegExp(
    `(?<literal>E?'(?:[^']|'')*')|(?<cast>::${identifier}(?:\\.${identifier})*)|(?<schema>${identifier})\\.(?<name>${identifier})(?<alias>\\s+${identifier})?|"(?:[^"]|"")+"`,
    'gu',
  )
  return query.replace(token, (...match) => {
    const text = match[0] as string
    const { schema, name, alias } = match.at(-1) as Record<string, string | undefined>
    const target = schema && name ? replacements.get(`${schema}.${name}`) : undefined
    return target ? `${target}${alias ?? ` ${name}`}` : text
  })
}
