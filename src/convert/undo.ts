import { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { type Conversion, type Rename, recordFinish, recordUndo } from '../ledger/conversions.ts'
import type { Lease } from '../ledger/lease.ts'
import { fitName, ident, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { proofColumns } from '../proof/columns.ts'
import { proofAlgorithm, proveRelation } from '../proof/hash.ts'
import { renameStatement } from './swap.ts'
import type { PlainColumn } from './table.ts'

/** What became of a conversion that was undone. */
export interface Undone {
  table: RelationName
  /** The partitioned table, where it had changed since the swap and was therefore kept. */
  keptAs: RelationName | undefined
}

/** The tables of a conversion, by their roles. */
export function conversionTables({ schema_name: schema, table_name, shadow_name, before_name }: Conversion) {
  return {
    table: { schema, name: table_name },
    shadow: { schema, name: shadow_name },
    before: { schema, name: before_name },
    after: { schema, name: fitName(table_name, '_after_setup') },
  }
}

/**
 * Puts the plain table back under its name. What was written to the partitioned table since the swap is not in the plain
 * one: if anything was, the partitioned table is kept as `<name>_after_setup`, else it is dropped.
 *
 * Locks: SHARE on the partitioned table while its proof is taken, ACCESS EXCLUSIVE on both for the renames.
 */
export async function undoConversion(
  session: Session,
  work: Work,
  lease: Lease,
  conversion: Conversion,
): Promise<Undone> {
  const { table, shadow, before, after } = conversionTables(conversion)
  if (!conversion.swapped_at) {
    await step(work, `${shown(table)}: drop the shadow tree`, () =>
      inTransaction(session, async () => {
        await session.run(`DROP TABLE IF EXISTS ${relation(shadow)}`)
        await recordUndo(session, conversion.conversion)
        await lease.check(session)
      }),
    )
    return { table, keptAs: undefined }
  }
  const changed = await step(work, `${shown(table)}: put the plain table back`, () =>
    climbInTransaction(session, work, { relations: [table, before] }, async () => {
      await session.run(`LOCK TABLE ${relation(table)} IN SHARE MODE`)
      const different = await changedSinceSwap(session, conversion, table)
      await session.run(`LOCK TABLE ${relation(table)}, ${relation(before)} IN ACCESS EXCLUSIVE MODE`)
      await giveSequencesBack(session, table, before)
      for (const rename of undoRenames(conversion, after)) await session.run(renameStatement(rename))
      await recordUndo(session, conversion.conversion)
      await lease.check(session)
      return different
    }),
  )
  if (changed) return { table, keptAs: after }
  await step(work, `${shown(table)}: drop the partitioned copy`, () =>
    session.run(`DROP TABLE ${relation(after)}`),
  )
  return { table, keptAs: undefined }
}

/**
 * Drops the plain table that a conversion kept; from then on there is no undo.
 *
 * Locks: ACCESS EXCLUSIVE on the plain table, which nobody uses any more.
 */
export async function finishConversion(
  session: Session,
  work: Work,
  lease: Lease,
  conversion: Conversion,
): Promise<void> {
  const { table, before } = conversionTables(conversion)
  if (!conversion.swapped_at) {
    throw new DwhError('TARGET_UNFIT', `${shown(table)} is still being converted; nothing was dropped`, {
      hint: 'run dwh setup to its end first',
    })
  }
  await step(work, `${shown(before)}: drop`, () =>
    climbInTransaction(session, work, { relations: [before] }, async () => {
      await session.run(`DROP TABLE ${relation(before)}`)
      await recordFinish(session, conversion.conversion)
      await lease.check(session)
    }),
  )
}

async function changedSinceSwap(
  session: Session,
  conversion: Conversion,
  table: RelationName,
): Promise<boolean> {
  if (conversion.algorithm !== proofAlgorithm) return true
  const { oid } = await session.one<{ oid: number }>('SELECT $1::regclass::oid::int8 AS oid', [
    relation(table),
  ])
  const proof = await proveRelation(session, await proofColumns(session, oid), relation(table))
  return (
    proof.rows !== conversion.row_count ||
    String(proof.hash1) !== conversion.hash_1 ||
    String(proof.hash2) !== conversion.hash_2
  )
}

/** The renames of the swap, backwards, with the partitioned table stepping aside to `after`. */
function undoRenames({ renames, shadow_name }: Conversion, after: RelationName): Rename[] {
  return renames.toReversed().map(({ kind, schema, from, to }) => {
    const back = kind === 'table' && from === shadow_name ? after.name : from
    return { kind, schema, from: to, to: back }
  })
}

async function giveSequencesBack(session: Session, table: RelationName, before: RelationName): Promise<void> {
  const columns = await session.rows<Pick<PlainColumn, 'name' | 'sequence'>>(
    'SELECT attname::text AS name, pg_get_serial_sequence($1, attname) AS sequence FROM pg_attribute ' +
      'WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped',
    [relation(table)],
  )
  for (const { name, sequence } of columns) {
    if (sequence) await session.run(`ALTER SEQUENCE ${sequence} OWNED BY ${relation(before)}.${ident(name)}`)
  }
}
