import { shareOut } from '../postgres/crew.ts'
import { ident, literal, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { leafIndexStatements, type TableIndex } from './indexes.ts'

/** What a table with rows needs to become a leaf in a moment. */
export interface LeafParts {
  /** A CHECK that says what its bound will say; undefined where ATTACH shall read it. */
  bound: { name: string; condition: string } | undefined
  /** What each is called on it, and which index it is like. */
  indexes: { name: string; like: TableIndex }[]
  foreignKeys: { name: string; definition: string }[]
  signal: AbortSignal
  /** A second connection, which takes part of what can be done side by side. */
  aide?: Session | undefined
  /** What is read of the table beside that. */
  meanwhile?: ((session: Session) => Promise<void>) | undefined
}

/**
 * Gives a table that holds its rows a CHECK, indexes, foreign keys and statistics. What is there of an earlier attempt stays.
 *
 * Locks: SHARE on the table for each index, ACCESS EXCLUSIVE on it for a moment or, for the CHECK, as long as reading it takes;
 * SHARE ROW EXCLUSIVE for a moment on the tables that foreign keys refer to.
 */
export async function completeLeaf(session: Session, leaf: RelationName, parts: LeafParts): Promise<void> {
  const table = relation(leaf)
  const there = await session.rows<{ kind: 'index' | 'constraint'; name: string }>(sql('partitions/parts'), [
    table,
  ])
  const has = (kind: 'index' | 'constraint', name: string) =>
    there.some((one) => one.kind === kind && one.name === name)
  const run = async (statement: string) => {
    // The cancel of a Ctrl-C that comes between two statements cancels nothing.
    parts.signal.throwIfAborted()
    await session.run(statement)
  }
  // A CHECK while rows arrive would cost more than looking at all of them once; with it ATTACH need not look.
  if (parts.bound && !has('constraint', parts.bound.name))
    await run(
      `ALTER TABLE ${table} ADD CONSTRAINT ${ident(parts.bound.name)} CHECK (${parts.bound.condition})`,
    )
  const indexes = parts.indexes.map(({ name, like }) => ({ name, ...statementsOf(leaf, name, like) }))
  const tasks = indexes.flatMap(({ name, build }) => (has('index', name) ? [] : [build]))
  await shareOut(
    parts.aide ? [session, parts.aide] : [session],
    parts.signal,
    [...tasks, ...(parts.meanwhile ? [parts.meanwhile] : [])],
    async (session, task) => {
      if (typeof task === 'string') await session.run(task)
      else await task(session)
    },
  )
  for (const { name, promote } of indexes) if (promote && !has('constraint', name)) await run(promote)
  for (const { name, definition } of parts.foreignKeys) {
    if (!has('constraint', name))
      await run(
        `ALTER TABLE ${table} ADD CONSTRAINT ${ident(name)} ${definition.replace(/ NOT VALID$/, '')} NOT VALID`,
      )
    await run(`ALTER TABLE ${table} VALIDATE CONSTRAINT ${ident(name)}`)
  }
  await run(`ANALYZE ${table}`)
}

function statementsOf(leaf: RelationName, name: string, like: TableIndex) {
  return leafIndexStatements(leaf, name, {
    isUnique: like.is_unique,
    constraint: like.is_constraint ? (like.is_primary ? 'PRIMARY KEY' : 'UNIQUE') : undefined,
    tail: like.tail,
    tablespace: like.tablespace,
  })
}

/** What an index has beside its definition. Locks: ACCESS EXCLUSIVE on the leaf, for a moment. */
export function indexFurniture(leaf: RelationName, name: string, like: TableIndex): string[] {
  const own = relation({ schema: leaf.schema, name })
  return [
    ...(like.comment === null ? [] : [`COMMENT ON INDEX ${own} IS ${literal(like.comment)}`]),
    ...(like.is_clustered ? [`ALTER TABLE ${relation(leaf)} CLUSTER ON ${ident(name)}`] : []),
    ...(like.is_replica_identity
      ? [`ALTER TABLE ${relation(leaf)} REPLICA IDENTITY USING INDEX ${ident(name)}`]
      : []),
  ]
}
