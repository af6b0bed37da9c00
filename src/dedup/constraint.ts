import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { leafIndexName } from '../partitions/leaf-sql.ts'
import { fitName, ident, identList, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import { findOid } from '../postgres/relations.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import type { KeyRule } from './rule.ts'

/** A table that holds rows: a leaf, or a table without leaves. */
export interface Member extends RelationName {
  oid: number
}

interface UniqueIndex extends RelationName {
  table: number
  valid: boolean
  is_constraint: boolean
  /** As the index says it. */
  nulls_equal: boolean
  /** No two rows with a NULL in the same place: because it says so, or because none can be NULL. */
  no_two_nulls: boolean
  /** In ascending order and without INCLUDE, as that of a plain constraint. */
  is_usual: boolean
  is_attached: boolean
  columns: string[]
}

/** The constraint that keeps rows of one key from coming again: key ∪ partition key, as PostgreSQL demands. */
export interface KeyConstraint {
  name: string
  columns: string[]
  nullsEqual: boolean
  state: 'there' | 'missing'
}

/** Looks for the constraint of a key; an unfinished one of an earlier run is `missing` under its own name. */
export async function readKeyConstraint(
  session: Session,
  table: Member,
  rule: KeyRule,
  partitionKey: readonly string[],
): Promise<KeyConstraint> {
  // NULLS NOT DISTINCT came with PostgreSQL 15.
  const nullsEqual = rule.nullsEqual && session.serverVersion >= 150_000
  const columns = [...new Set([...rule.key, ...partitionKey])]
  const own = await uniqueIndexes(session, [table.oid])
  const serves = own.find(
    (index) =>
      index.valid &&
      (!nullsEqual || index.no_two_nulls) &&
      index.columns.every((column) => columns.includes(column)),
  )
  if (serves) return { name: serves.name, columns: serves.columns, nullsEqual, state: 'there' }
  const begun = own.find((index) => !index.valid && index.is_constraint && isOver(index, columns, nullsEqual))
  const name = begun?.name ?? (await freeName(session, table.schema, fitName(table.name, '_key')))
  return { name, columns, nullsEqual, state: 'missing' }
}

/**
 * Adds the constraint while readers and writers go on: a unique index is built CONCURRENTLY on every member, the parent
 * gets an empty one, and adopts those of its leaves. Stopped anywhere, the same call goes on with what is missing.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on a member while its index is built; then, under the lock ladder and for the moment of a
 * change of the catalogue, ACCESS EXCLUSIVE on the parent, and on one leaf after the other.
 *
 * @throws DwhError ROWS_UNFIT when duplicates have come again, TARGET_UNFIT when a leaf has, LOCK_HELD
 */
export async function addKeyConstraint(
  session: Session,
  work: Work,
  table: Member,
  members: Member[],
  constraint: KeyConstraint,
  tablespace?: string,
): Promise<void> {
  await using builder = await session.sibling(`dwh dedup index`)
  // The build waits for every transaction that may not know of it yet; it blocks nobody meanwhile.
  await builder.run('SET lock_timeout = 0')
  const built: UniqueIndex[] = []
  for (const [done, member] of members.entries()) {
    work.signal.throwIfAborted()
    built.push(await memberIndex(builder, table, member, constraint, tablespace))
    work.emit({
      type: 'progress',
      step: 'constraint',
      done: done + 1,
      total: members.length,
      unit: 'indexes',
    })
  }
  const clause = `UNIQUE${constraint.nullsEqual ? ' NULLS NOT DISTINCT' : ''} (${identList(constraint.columns)})`
  const isPartitioned = members.every(({ oid }) => oid !== table.oid)
  if (isPartitioned) {
    await climbInTransaction(session, work, { relations: [table] }, async () => {
      const own = await uniqueIndexes(session, [table.oid])
      if (own.some(({ name }) => name === constraint.name)) return
      await session.run(
        `ALTER TABLE ONLY ${relation(table)} ADD CONSTRAINT ${ident(constraint.name)} ${clause}`,
      )
    })
  }
  for (const [index, member] of members.entries()) {
    const { name, is_constraint, is_attached } = built[index] as UniqueIndex
    if (is_attached || (is_constraint && !isPartitioned)) continue
    await climbInTransaction(session, work, { relations: [member] }, async () => {
      if (!is_constraint) {
        await session.run(
          `ALTER TABLE ${relation(member)} ADD CONSTRAINT ${ident(isPartitioned ? name : constraint.name)} UNIQUE USING INDEX ${ident(name)}`,
        )
      }
      if (isPartitioned) {
        await session.run(
          `ALTER INDEX ${relation({ schema: table.schema, name: constraint.name })} ATTACH PARTITION ${relation({ schema: member.schema, name })}`,
        )
      }
    })
  }
  await requireValid(session, table, constraint)
}

/**
 * A leaf that came after the plan and before the parent's constraint has no index, and the constraint stays invalid.
 *
 * @throws DwhError TARGET_UNFIT
 */
async function requireValid(session: Session, table: Member, { name }: KeyConstraint): Promise<void> {
  const made = (await uniqueIndexes(session, [table.oid])).find((index) => index.name === name)
  if (made?.valid) return
  throw new DwhError(
    'TARGET_UNFIT',
    `${shown(table)} got a leaf while ${name} was added, which does not hold for it yet`,
    { hint: 'run the same command again: it adds what is missing' },
  )
}

/** The unique index of a member: one that is there and free, or a new one. */
async function memberIndex(
  builder: Session,
  table: Member,
  member: Member,
  constraint: KeyConstraint,
  tablespace: string | undefined,
): Promise<UniqueIndex> {
  const { columns, nullsEqual } = constraint
  const preferred = member.oid === table.oid ? constraint.name : leafIndexName(member, constraint, table)
  const candidates = (await uniqueIndexes(builder, [member.oid])).filter((index) =>
    isOver(index, columns, nullsEqual),
  )
  const there = candidates.find(
    ({ valid, is_attached, name }) => valid && (!is_attached || name === preferred),
  )
  if (there) return there
  await dropUnfinished(builder, candidates)
  const name = await freeName(builder, member.schema, preferred)
  try {
    await builder.run(
      `CREATE UNIQUE INDEX CONCURRENTLY ${ident(name)} ON ${relation(member)} (${identList(columns)})${nullsEqual ? ' NULLS NOT DISTINCT' : ''}` +
        (tablespace ? ` TABLESPACE ${ident(tablespace)}` : ''),
    )
  } catch (error) {
    await dropUnfinished(builder, await uniqueIndexes(builder, [member.oid]), name)
    if (!hasState(error, sqlstate.uniqueViolation)) throw error
    throw new DwhError(
      'ROWS_UNFIT',
      `duplicates have come into ${shown(member)} again while the index was built`,
      {
        cause: error,
        hint: 'find out who writes them, and run the same command again: what it has moved stays moved',
      },
    )
  }
  const made = (await uniqueIndexes(builder, [member.oid])).find((index) => index.name === name)
  if (!made) throw new DwhError('FAILED', `the index ${name} is not there after it was built`)
  return made
}

/** What a build that was stopped or refused has left. */
async function dropUnfinished(builder: Session, indexes: UniqueIndex[], name?: string): Promise<void> {
  for (const index of indexes) {
    if (index.valid || index.is_attached || (name !== undefined && index.name !== name)) continue
    await builder.run(`DROP INDEX CONCURRENTLY ${relation(index)}`)
  }
}

function isOver(index: UniqueIndex, columns: readonly string[], nullsEqual: boolean): boolean {
  return index.is_usual && index.nulls_equal === nullsEqual && index.columns.join('\0') === columns.join('\0')
}

async function uniqueIndexes(session: Session, tables: number[]): Promise<UniqueIndex[]> {
  return session.rows<UniqueIndex>(sql('dedup/unique_indexes'), [tables])
}

async function freeName(session: Session, schema: string, wanted: string): Promise<string> {
  for (let n = 0; ; n++) {
    const name = n === 0 ? wanted : fitName(wanted, String(n))
    if ((await findOid(session, { schema, name })) === undefined) return name
  }
}
