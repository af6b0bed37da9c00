import { step, type Work } from '../events.ts'
import { type Conversion, type GivenUp, recordValidated } from '../ledger/conversions.ts'
import type { PlannedLeaf } from '../partitions/plan.ts'
import { ident, literal, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import type { ForeignKeyIn, ForeignKeyOut } from './dependents.ts'
import type { ParentIndex } from './indexes.ts'
import type { PlainTable } from './table.ts'

/** The foreign keys of the table that the partitioned table takes over. */
export function keptForeignKeys({ dependents }: PlainTable): ForeignKeyOut[] {
  return dependents.foreignKeysOut.filter(({ loss }) => !loss)
}

/**
 * Adds a foreign key to one leaf and validates it. On a partitioned parent NOT VALID is refused (before PostgreSQL 18),
 * and a plain ADD would check every leaf under its lock: so each leaf is checked by itself, and the parent adopts them.
 *
 * Locks: SHARE ROW EXCLUSIVE on the leaf and the referenced table to add; ROW SHARE on the referenced table to validate.
 */
export function leafForeignKeyStatements(
  { name, definition }: ForeignKeyOut,
  leaf: PlannedLeaf,
): { add: string; validate: string } {
  return {
    add: `ALTER TABLE ${relation(leaf)} ADD CONSTRAINT ${ident(name)} ${definition} NOT VALID`,
    validate: `ALTER TABLE ${relation(leaf)} VALIDATE CONSTRAINT ${ident(name)}`,
  }
}

/** Adds a foreign key to the parent, which adopts those of its leaves without reading a row. */
export function parentForeignKeyStatements(shadow: RelationName, key: ForeignKeyOut): string[] {
  return [
    `ALTER TABLE ${relation(shadow)} ADD CONSTRAINT ${ident(key.name)} ${key.definition}`,
    ...(key.comment
      ? [`COMMENT ON CONSTRAINT ${ident(key.name)} ON ${relation(shadow)} IS ${literal(key.comment)}`]
      : []),
  ]
}

/** What becomes of the foreign keys of other tables: those whose columns stay unique are bound to the new table. */
export interface InboundPlan {
  kept: ForeignKeyIn[]
  lost: ForeignKeyIn[]
}

export function planInbound(keys: ForeignKeyIn[], indexes: ParentIndex[]): InboundPlan {
  const serves = ({ columns }: ForeignKeyIn) =>
    indexes.some(
      (index) =>
        (index.kind === 'primary key' ||
          index.kind === 'unique constraint' ||
          index.kind === 'unique index') &&
        index.columns.toSorted().join('\0') === columns.toSorted().join('\0'),
    )
  return { kept: keys.filter(serves), lost: keys.filter((key) => !serves(key)) }
}

/** In plain words, which foreign keys to the table are given up. */
export function inboundLosses({ lost }: InboundPlan): string[] {
  return lost.map(
    ({ name, referencing, columns }) =>
      `foreign key ${name} of ${referencing} is dropped: (${columns.join(', ')}) alone is not unique any more`,
  )
}

/**
 * The statements of the swap that let go of the plain table and bind to the new one, not yet validated; and those that
 * undo gives the plain table back with.
 *
 * Locks: ACCESS EXCLUSIVE on each referencing table, SHARE ROW EXCLUSIVE on the referenced one.
 */
export function inboundStatements({ kept, lost }: InboundPlan): {
  swap: string[]
  undo: GivenUp[]
  validate: string[]
} {
  const drop = ({ referencing, name }: ForeignKeyIn) =>
    `ALTER TABLE ${referencing} DROP CONSTRAINT ${ident(name)}`
  const add = ({ referencing, name, definition, referencing_is_partitioned }: ForeignKeyIn) =>
    `ALTER TABLE ${referencing} ADD CONSTRAINT ${ident(name)} ${definition.replace(/ NOT VALID$/, '')}` +
    `${referencing_is_partitioned ? '' : ' NOT VALID'}`
  const validate = ({ referencing, name }: ForeignKeyIn) =>
    `ALTER TABLE ${referencing} VALIDATE CONSTRAINT ${ident(name)}`
  return {
    swap: [...kept.flatMap((key) => [drop(key), add(key)]), ...lost.map(drop)],
    undo: lost.map((key) => ({ statement: add(key), validate: validate(key) })),
    validate: kept
      .filter((key) => !key.referencing_is_partitioned && !key.definition.endsWith(' NOT VALID'))
      .map(validate),
  }
}

/**
 * Validates the foreign keys of other tables that a swap has added, when nobody waits any more: by the run that swapped, or
 * by the next one where that was killed.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on each referencing table, ROW SHARE on the referenced one.
 */
export async function validateInbound(
  session: Session,
  work: Work,
  table: RelationName,
  { conversion, unvalidated }: Pick<Conversion, 'conversion' | 'unvalidated'>,
): Promise<void> {
  if (unvalidated.length === 0) return
  await step(work, `${shown(table)}: validate foreign keys`, async () => {
    for (const statement of unvalidated) await session.run(statement).catch(letGone)
    await recordValidated(session, conversion)
  })
}

/** Somebody has dropped it since, or its table. */
function letGone(error: unknown): void {
  if (!hasState(error, sqlstate.undefinedObject, sqlstate.undefinedTable)) throw error
}
