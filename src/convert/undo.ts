import { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { type Conversion, type Rename, recordFinish, recordUndo } from '../ledger/conversions.ts'
import type { Lease } from '../ledger/lease.ts'
import { refuseSealed } from '../partitions/sealed.ts'
import { inspectTarget } from '../partitions/tree.ts'
import { fitName, ident, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import { findOid, oidOf } from '../postgres/relations.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { proofColumns } from '../proof/columns.ts'
import { type Proof, proofAlgorithm, proveRelation } from '../proof/hash.ts'
import { type Dependents, readDependents } from './dependents.ts'
import { inboundStatements } from './foreign-keys.ts'
import { continueFrom } from './identity.ts'
import { readMaterializedViews } from './materialized-views.ts'
import { dropSuperseded } from './set-aside.ts'
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
 * Puts the plain table back under its name, with everything that hangs on the name. What was written to the partitioned
 * table since the swap is not in the plain one: if anything was, the partitioned table is kept as `<name>_after_setup`,
 * else it is dropped.
 *
 * Locks: SHARE on the partitioned table while its proof is taken, ACCESS EXCLUSIVE on both for the renames.
 */
export async function undoConversion(
  session: Session,
  work: Work,
  lease: Lease,
  conversion: Conversion,
): Promise<Undone> {
  const { table, before, after } = conversionTables(conversion)
  if (!conversion.swapped_at) {
    await step(work, `${shown(table)}: drop the shadow tree`, () =>
      inTransaction(session, async () => {
        await dropShadow(session, conversion)
        await recordUndo(session, conversion.conversion)
        await lease.check(session)
      }),
    )
    return { table, keptAs: undefined }
  }
  await requireTables(session, conversion)
  const { changed, validate } = await step(work, `${shown(table)}: put the plain table back`, () =>
    climbInTransaction(session, work, { relations: [table, before] }, async () => {
      await session.run(`LOCK TABLE ${relation(table)} IN SHARE MODE`)
      const different = await changedSinceSwap(session, conversion, table)
      await session.run(`LOCK TABLE ${relation(table)}, ${relation(before)} IN ACCESS EXCLUSIVE MODE`)
      const later = await exchangeBack(session, conversion)
      await takeBackSuperseded(session, work, conversion)
      await recordUndo(session, conversion.conversion)
      await lease.check(session)
      return { changed: different, validate: later }
    }),
  )
  for (const statement of validate) {
    // The rows of other tables may have lost what they referred to: then the key stays, unvalidated.
    await session
      .run(statement)
      .catch((error) => work.emit({ type: 'warning', message: String(error.message) }))
  }
  if (changed) return { table, keptAs: after }
  await step(work, `${shown(table)}: drop the partitioned copy`, async () => {
    for (const view of forwardViews(conversion)) await session.run(`DROP MATERIALIZED VIEW ${relation(view)}`)
    await session.run(`DROP TABLE ${relation(after)}`)
  })
  return { table, keptAs: undefined }
}

/**
 * Drops the plain table that a conversion kept, and the materialized views over it; from then on there is no undo.
 *
 * Locks: ACCESS EXCLUSIVE on what is dropped, which nobody uses any more.
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
  const views = conversion.renames.filter(
    ({ kind, role }) => kind === 'materialized view' && role === 'aside',
  )
  await step(work, `${shown(before)}: drop`, () =>
    climbInTransaction(session, work, { relations: [before] }, async () => {
      for (const { schema, to: name } of views.toReversed()) {
        await session.run(`DROP MATERIALIZED VIEW IF EXISTS ${relation({ schema, name })}`)
      }
      // Somebody may have dropped it already.
      await session.run(`DROP TABLE IF EXISTS ${relation(before)}`)
      await recordFinish(session, conversion.conversion)
      await lease.check(session)
    }),
  )
}

/**
 * Drops a shadow tree that has not been swapped, with the materialized views that were rebuilt over it and the rows that
 * were set aside.
 */
export async function dropShadow(session: Session, conversion: Conversion): Promise<void> {
  const { shadow } = conversionTables(conversion)
  await dropSuperseded(session, conversion)
  const oid = await findOid(session, shadow)
  if (oid === undefined) return
  for (const view of (await readMaterializedViews(session, oid)).toReversed()) {
    await session.run(`DROP MATERIALIZED VIEW ${relation(view)}`)
  }
  await session.run(`DROP TABLE ${relation(shadow)}`)
}

/** @throws DwhError TARGET_UNFIT where one of the two tables was dropped or renamed since the swap, LEAF_SEALED */
async function requireTables(session: Session, conversion: Conversion): Promise<void> {
  const { table, before } = conversionTables(conversion)
  for (const [name, hint] of [
    [
      before,
      'rename it back; if it was dropped there is nothing to go back to: dwh setup --finish says so to the ledger',
    ],
    [table, 'rename it back first'],
  ] as const) {
    if ((await findOid(session, name)) === undefined) {
      throw new DwhError('TARGET_UNFIT', `there is no table ${shown(name)} any more; nothing was changed`, {
        hint,
      })
    }
  }
  const now = await inspectTarget(session, table, undefined)
  const leaves = now.kind === 'partitioned' ? now.leaves : []
  refuseSealed(conversion.dataset, leaves, 'and --undo takes the table away; nothing was changed')
}

/** Under the locks: the renames backwards, and everything that hangs on the name bound to the plain table again. */
async function exchangeBack(session: Session, conversion: Conversion): Promise<string[]> {
  const { table, before, after } = conversionTables(conversion)
  const dependents = await readDependents(session, await oidOf(session, table), after)
  refuseNewViews(conversion, dependents)
  await giveSequencesBack(session, table, before)
  const renames = backwards(conversion)
  for (const rename of renames) await session.run(renameStatement(rename))
  for (const { kind, schema, from, to } of renames) {
    // The sequences of identity columns are two: the old one goes on where the new one stands.
    if (kind !== 'sequence' || !to.endsWith('_after_setup')) continue
    await session.run(continueFrom({ schema, name: from }, { schema, name: to }))
  }
  const inbound = inboundStatements({ kept: dependents.foreignKeysIn, lost: [] })
  const statements = [
    ...dependents.outside.flatMap(({ rebind }) => rebind),
    ...inbound.swap,
    ...conversion.undo.map(({ statement }) => statement),
  ]
  for (const statement of statements) await session.run(statement)
  return [...inbound.validate, ...conversion.undo.map(({ validate }) => validate)]
}

/** What came forward steps aside to `…_after_setup`, then what had stepped aside comes back. */
function backwards({ renames }: Conversion): Rename[] {
  return renames.toReversed().map(({ role, kind, schema, from, to }) => ({
    kind,
    role,
    schema,
    from: to,
    to: role === 'forward' ? fitName(to, '_after_setup') : from,
  }))
}

/** The materialized views that came with the conversion, under the names that undo gives them, the topmost first. */
function forwardViews({ renames }: Conversion): RelationName[] {
  return renames
    .filter(({ kind, role }) => kind === 'materialized view' && role === 'forward')
    .toReversed()
    .map(({ schema, to }) => ({ schema, name: fitName(to, '_after_setup') }))
}

/** The plain table has the rows that were set aside: their copies go, unless somebody has changed them since. */
async function takeBackSuperseded(session: Session, work: Work, conversion: Conversion): Promise<void> {
  const { duplicates, schema_name: schema } = conversion
  if (!duplicates) return
  const aside = { schema, name: duplicates.name }
  const oid = await findOid(session, aside)
  if (oid === undefined) return
  const proof = await proveRelation(session, await proofColumns(session, oid), relation(aside))
  if (isProof(proof, { ...duplicates, row_count: duplicates.rows }))
    return dropSuperseded(session, conversion)
  work.emit({
    type: 'note',
    message: `${shown(aside)} has changed since the conversion and is left as it is`,
  })
}

function refuseNewViews(
  { renames, schema_name, table_name }: Conversion,
  { materializedViews }: Dependents,
): void {
  const known = (view: RelationName) =>
    renames.some(
      ({ kind, schema, to }) => kind === 'materialized view' && schema === view.schema && to === view.name,
    )
  const unknown = materializedViews.filter((view) => !known(view))
  if (unknown.length === 0) return
  const table = shown({ schema: schema_name, name: table_name })
  throw new DwhError(
    'TARGET_UNFIT',
    `materialized views over ${table} came after setup: ${unknown.map(shown).join(', ')}; nothing was changed`,
    {
      hint: 'drop them first and create them again afterwards',
    },
  )
}

async function changedSinceSwap(
  session: Session,
  conversion: Conversion,
  table: RelationName,
): Promise<boolean> {
  const oid = await oidOf(session, table)
  const proof = await proveRelation(session, await proofColumns(session, oid), relation(table))
  return !isProof(proof, conversion)
}

/** A proof is the one that the ledger has kept. */
function isProof(
  { rows, hash1, hash2 }: Proof,
  kept: Pick<Conversion, 'row_count' | 'hash_1' | 'hash_2' | 'algorithm'>,
): boolean {
  return (
    kept.algorithm === proofAlgorithm &&
    kept.row_count === rows &&
    kept.hash_1 === String(hash1) &&
    kept.hash_2 === String(hash2)
  )
}

/** The sequences of serial columns are one and the same; those of identity columns cannot be given away. */
async function giveSequencesBack(session: Session, table: RelationName, before: RelationName): Promise<void> {
  const columns = await session.rows<Pick<PlainColumn, 'name' | 'sequence'>>(
    `SELECT a.attname::text AS name, pg_get_serial_sequence($1, a.attname) AS sequence
       FROM pg_attribute AS a JOIN pg_attribute AS b ON b.attrelid = $2::regclass AND b.attname = a.attname AND b.attidentity = ''
      WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped`,
    [relation(table), relation(before)],
  )
  for (const { name, sequence } of columns) {
    if (sequence) await session.run(`ALTER SEQUENCE ${sequence} OWNED BY ${relation(before)}.${ident(name)}`)
  }
}
