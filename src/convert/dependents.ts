import { ident, literal, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { type MaterializedView, readMaterializedViews, redirect } from './materialized-views.ts'

/** Something that is bound to a table by statements that name it. */
export interface Dependent {
  kind: string
  name: string
  /** Compared before and after the swap. */
  definition: string
  /** Binds it to whatever bears the name of the table by then. */
  rebind: string[]
  /** In plain words, what of it cannot be kept. */
  loss?: string | null
  /** In plain words, why it cannot be carried at all. */
  obstacle?: string | null
}

/** A foreign key of the table to another, or to itself. */
export interface ForeignKeyOut extends Omit<Dependent, 'rebind'> {
  referenced: string
  object: string
  comment: string | null
}

/** A foreign key of another table to this one. */
export interface ForeignKeyIn {
  name: string
  /** Quoted. */
  referencing: string
  /** Then it cannot be added without being validated at once. */
  referencing_is_partitioned: boolean
  definition: string
  /** The columns of this table that it names. */
  columns: string[]
  /** An SQL condition that holds between a row of `referencing` and the row of `referenced` that it refers to. */
  matches: string
}

export interface ExtendedStatistics extends RelationName {
  kinds: string | null
  /** As in CREATE STATISTICS … ON. */
  columns: string
  target: number | null
  owner: string
  comment: string | null
}

/** Everything that hangs on a table and does not follow its name by itself. */
export interface Dependents {
  /** `schema.name` of the table as PostgreSQL prints it in queries. */
  printed: string
  /** On the table itself: rules, triggers, policies, row security. */
  own: Dependent[]
  /** Elsewhere: views, rules of other relations, functions, publications. */
  outside: Dependent[]
  materializedViews: MaterializedView[]
  foreignKeysOut: ForeignKeyOut[]
  foreignKeysIn: ForeignKeyIn[]
  statistics: ExtendedStatistics[]
  /** Why the table cannot be exchanged for another, beside those of single dependents. */
  obstacles: string[]
}

interface OwnRow extends Dependent {
  object: string | null
  comment: string | null
}

/**
 * Reads everything that hangs on a table.
 *
 * @param afterwards the name that the table bears once it has been exchanged
 */
export async function readDependents(
  session: Session,
  oid: number,
  afterwards: RelationName,
): Promise<Dependents> {
  const { printed } = await session.one<{ printed: string }>(
    'SELECT $1::bigint::oid::regclass::text AS printed',
    [oid],
  )
  const materializedViews = await readMaterializedViews(session, oid)
  const replaced = [oid, ...materializedViews.map((view) => view.oid)]
  const own: Dependent[] = []
  const files = [
    sql('convert/dependents/rules'),
    sql('convert/dependents/triggers'),
    sql('convert/dependents/policies'),
  ]
  for (const file of files) own.push(...(await session.rows<OwnRow>(file, [oid])).map(withComment))
  const obstacles = await session.rows<{ obstacle: string }>(sql('convert/dependents/obstacles'), [oid])
  return {
    printed,
    own,
    outside: [
      ...(await session.rows<Dependent>(sql('convert/dependents/views'), [replaced])),
      ...(await session.rows<Dependent>(sql('convert/dependents/rules_elsewhere'), [replaced])),
      ...(await session.rows<Dependent>(sql('convert/dependents/functions'), [replaced])),
      ...(await session.rows<Dependent>(sql('convert/dependents/publications'), [oid, relation(afterwards)])),
    ],
    materializedViews,
    foreignKeysOut: await session.rows<ForeignKeyOut>(sql('convert/dependents/foreign_keys_out'), [oid]),
    foreignKeysIn: await session.rows<ForeignKeyIn>(sql('convert/dependents/foreign_keys_in'), [oid]),
    statistics: await session.rows<ExtendedStatistics>(sql('convert/dependents/statistics'), [oid]),
    obstacles: obstacles.map(({ obstacle }) => obstacle),
  }
}

/** Why a table with these dependents cannot be converted; nothing where it can. */
export function obstaclesOf({ own, outside, obstacles }: Dependents): string[] {
  return [
    ...obstacles,
    ...[...own, ...outside].flatMap(({ name, obstacle }) => (obstacle ? [`${name}: ${obstacle}`] : [])),
  ]
}

/**
 * The dependents as lines that are equal before and after a swap that lost nothing.
 *
 * @param lost names of foreign keys that the plan has given up
 */
export function fingerprint(dependents: Dependents, lost: string[]): string[] {
  const { own, outside, materializedViews, foreignKeysOut, foreignKeysIn, statistics } = dependents
  // A rebuilt view names the alias that a first one leaves out: both are compared with it.
  const themselves = new Map([dependents, ...materializedViews].map(({ printed }) => [printed, printed]))
  const lines = [
    ...[...own, ...outside].map(({ kind, name, definition }) => `${kind} ${name}: ${definition}`),
    ...materializedViews.map(
      (view) => `materialized view ${relation(view)}: ${redirect(view.definition, themselves)}`,
    ),
    ...foreignKeysOut
      .filter(({ name }) => !lost.includes(name))
      .map(({ name, definition }) => `foreign key ${name}: ${definition}`),
    ...foreignKeysIn
      .filter(({ name }) => !lost.includes(name))
      .map(
        ({ referencing, name, definition }) =>
          `foreign key ${name} of ${referencing}: ${definition.replace(/ NOT VALID$/, '')}`,
      ),
    ...statistics.map((one) => `statistics ${relation(one)}: ${one.kinds} ${one.columns}`),
  ]
  return lines.toSorted()
}

function withComment({ object, comment, rebind, ...dependent }: OwnRow): Dependent {
  const telling = object && comment ? [`COMMENT ON ${object} IS ${literal(comment)}`] : []
  return { ...dependent, rebind: [...rebind, ...telling] }
}

/** The statements that make extended statistics for another table, under another name. */
export function statisticsStatements(
  statistics: ExtendedStatistics,
  table: RelationName,
  name: string,
): string[] {
  const { schema, kinds, columns, target, owner, comment } = statistics
  const made = relation({ schema, name })
  return [
    // Statistics on one expression have no kinds.
    `CREATE STATISTICS ${made}${kinds ? ` (${kinds})` : ''} ON ${columns} FROM ${relation(table)}`,
    ...(target === null ? [] : [`ALTER STATISTICS ${made} SET STATISTICS ${target}`]),
    ...(comment ? [`COMMENT ON STATISTICS ${made} IS ${literal(comment)}`] : []),
    `ALTER STATISTICS ${made} OWNER TO ${ident(owner)}`,
  ]
}
