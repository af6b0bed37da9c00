import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { type GivenUp, type Rename, recordSwap } from '../ledger/conversions.ts'
import type { Lease } from '../ledger/lease.ts'
import { leafIndexName } from '../partitions/leaf-sql.ts'
import { fitName, ident, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import { climb } from '../postgres/ladder.ts'
import { oidOf } from '../postgres/relations.ts'
import type { Session } from '../postgres/session.ts'
import { type Proof, proofAlgorithm } from '../proof/hash.ts'
import { type Dependents, fingerprint, obstaclesOf, readDependents } from './dependents.ts'
import {
  inboundStatements,
  keptForeignKeys,
  parentForeignKeyStatements,
  planInbound,
} from './foreign-keys.ts'
import { sequenceHandover } from './identity.ts'
import { replicaIdentity, shadowIndexName } from './indexes.ts'
import { type MaterializedView, rebuildStatements, shadowViewName } from './materialized-views.ts'
import type { ConversionPlan } from './plan.ts'
import { parentIndexStatements, shadowStatisticsName } from './shadow.ts'

/** What the swap executes once it has its locks, and what undo needs beside the renames. */
export interface Exchange {
  renames: Rename[]
  statements: string[]
  undo: GivenUp[]
  /** Foreign keys of other tables, to be validated after the swap, when nobody waits. */
  validate: string[]
}

/** Exchanges names, hands sequences over, and binds everything that hangs on the table to its successor. */
export function planExchange(plan: ConversionPlan, dependents: Dependents): Exchange {
  const { table } = plan
  const handover = sequenceHandover(table.identity)
  const inbound = inboundStatements(planInbound(dependents.foreignKeysIn, plan.indexes))
  const renames = [
    ...aside('table', table.schema, [[table.name, plan.before.name, plan.shadow.name]]),
    ...indexRenames(plan),
    ...dependents.statistics.flatMap((one) =>
      aside('statistics', one.schema, [
        [one.name, fitName(one.name, '_before_setup'), shadowStatisticsName(one)],
      ]),
    ),
    ...dependents.materializedViews.flatMap(viewRenames),
    ...handover.renames,
  ]
  return {
    renames,
    statements: [
      ...handover.statements,
      ...renames.map(renameStatement),
      ...serialStatements(plan),
      ...[...dependents.own, ...dependents.outside].flatMap(({ rebind }) => rebind),
      ...inbound.swap,
    ],
    undo: inbound.undo,
    validate: inbound.validate,
  }
}

/** `from` steps aside, and what stands under its shadow name takes it. */
function aside(
  kind: Rename['kind'],
  schema: string,
  names: [from: string, before: string, shadow: string][],
): Rename[] {
  return names.flatMap(([from, before, shadow]): Rename[] => [
    { kind, role: 'aside', schema, from, to: before },
    { kind, role: 'forward', schema, from: shadow, to: from },
  ])
}

function indexRenames({ table: { schema }, indexes }: ConversionPlan): Rename[] {
  return indexes.flatMap((index): Rename[] => {
    const forward: Rename = {
      kind: 'index',
      role: 'forward',
      schema,
      from: shadowIndexName(index),
      to: index.name,
    }
    const old = index.replaces
    return old
      ? [
          { kind: 'index', role: 'aside', schema, from: old.name, to: fitName(old.name, '_before_setup') },
          forward,
        ]
      : [forward]
  })
}

function viewRenames({ schema, name, indexes }: MaterializedView): Rename[] {
  const three = (one: string): [string, string, string] => [
    one,
    fitName(one, '_before_setup'),
    shadowViewName(one),
  ]
  return [
    ...aside('materialized view', schema, [three(name)]),
    ...aside(
      'index',
      schema,
      indexes.map((index) => three(index.name)),
    ),
  ]
}

/** `ALTER TABLE … RENAME TO …`; renaming an index renames its constraint too. */
export function renameStatement({ kind, schema, from, to }: Rename): string {
  return `ALTER ${kind.toUpperCase()} ${relation({ schema, name: from })} RENAME TO ${ident(to)}`
}

/** The sequences of serial columns go with the name of the table. */
function serialStatements({ table }: ConversionPlan): string[] {
  return table.columns.flatMap(({ name, identity, sequence }) =>
    sequence && !identity ? [`ALTER SEQUENCE ${sequence} OWNED BY ${relation(table)}.${ident(name)}`] : [],
  )
}

/** The replica identity of the plain table, for parent and leaves; after the indexes are there. */
export function replicaIdentityStatements(plan: ConversionPlan): string[] {
  const { table, shadow, leaves, indexes } = plan
  const losesPrimary = indexes.some(({ replaces, kind }) => replaces?.is_primary && kind !== 'primary key')
  const identity = replicaIdentity(table, losesPrimary)
  if (identity === 'd') return []
  const index = indexes.find(({ replaces }) => replaces?.is_replica_identity)
  const how = (name: string | undefined) =>
    identity === 'i' && name ? `USING INDEX ${ident(name)}` : identity === 'n' ? 'NOTHING' : 'FULL'
  const set = (one: RelationName, name: string | undefined) =>
    `ALTER TABLE ${relation(one)} REPLICA IDENTITY ${how(name)}`
  return [
    set(shadow, index && shadowIndexName(index)),
    ...leaves.map((leaf) => set(leaf, index && leafIndexName(leaf, index, table))),
  ]
}

/** What stands in for each relation that is replaced, by its printed name. */
export function replacements(
  { table, shadow }: ConversionPlan,
  views: MaterializedView[],
): Map<string, string> {
  const rebuilt = views.map(({ schema, name, printed }): [string, string] => [
    printed,
    relation({ schema, name: shadowViewName(name) }),
  ])
  return new Map([[table.printed, relation(shadow)], ...rebuilt])
}

/**
 * Exchanges the two tables in the transaction that has kept writers out since the copy began; the caller commits.
 * Dependents are read under the lock, so that none that came meanwhile is forgotten, and read again at the end: they must
 * be the same.
 *
 * Locks: ACCESS EXCLUSIVE on both tables for the time of the renames, taken in one statement under the lock ladder; a
 * savepoint keeps the SHARE lock while an attempt fails.
 *
 * @returns the statements that validate foreign keys of other tables, for afterwards
 */
export async function swap(
  holder: Session,
  work: Work,
  lease: Lease,
  plan: ConversionPlan,
  conversion: number,
  proof: Proof,
): Promise<string[]> {
  await climb(holder, work, { relations: [plan.table, plan.shadow] }, (timeout) =>
    lockBoth(holder, plan, timeout),
  )
  const { renames, undo, validate } = await exchange(holder, plan)
  await recordSwap(holder, conversion, renames, undo, validate, { ...proof, algorithm: proofAlgorithm })
  await lease.check(holder)
  return validate
}

/**
 * Tries the whole exchange on the empty shadow tree and takes it back: what cannot be carried is found before the copy
 * and not after it. Readers wait for the moment that it takes.
 *
 * @throws DwhError with what failed; the table is as it was
 */
export async function rehearse(holder: Session, plan: ConversionPlan): Promise<void> {
  await holder.run('SAVEPOINT rehearsal')
  try {
    // A foreign key to the table asks for a unique index that is valid.
    const only = plan.inbound.kept.length > 0 ? '' : 'ONLY '
    for (const statement of parentIndexStatements(plan, only)) await holder.run(statement)
    for (const key of keptForeignKeys(plan.table))
      for (const statement of parentForeignKeyStatements(plan.shadow, key)) await holder.run(statement)
    const views = plan.table.dependents.materializedViews
    const standIns = replacements(plan, views)
    for (const view of views)
      for (const statement of rebuildStatements(view, standIns, false)) await holder.run(statement)
    await lockBoth(holder, plan, 100)
    await exchange(holder, plan)
  } finally {
    await holder.client.query('ROLLBACK TO SAVEPOINT rehearsal').catch(() => {})
  }
}

async function lockBoth(holder: Session, { table, shadow }: ConversionPlan, timeout: number): Promise<void> {
  await holder.run('SAVEPOINT locks')
  try {
    await holder.run(`SET LOCAL lock_timeout = ${timeout}`)
    // lock_timeout counts for each lock; the statement that takes both is bounded as a whole.
    await holder.run(`SET LOCAL statement_timeout = ${timeout * 2}`)
    await holder.run(`LOCK TABLE ${relation(table)}, ${relation(shadow)} IN ACCESS EXCLUSIVE MODE`)
    await holder.run('SET LOCAL statement_timeout = 0')
  } catch (error) {
    await holder.client.query('ROLLBACK TO SAVEPOINT locks').catch(() => {})
    throw error
  }
}

/** Under the locks: binds everything to the new table, and compares what hangs on the name before and after. */
async function exchange(holder: Session, plan: ConversionPlan): Promise<Exchange> {
  const { table, before } = plan
  const dependents = await readDependents(holder, table.oid, before)
  refuseChanges(plan, dependents)
  const planned = planExchange(plan, dependents)
  for (const statement of planned.statements) await holder.run(statement)
  const oid = await oidOf(holder, table)
  const lost = [...plan.inbound.lost.map(({ name }) => name), ...lostForeignKeys(dependents)]
  const expected = fingerprint(dependents, lost)
  const found = fingerprint(await readDependents(holder, oid, before), lost)
  const missing = expected.filter((line) => !found.includes(line))
  if (missing.length > 0 || found.length !== expected.length) {
    throw new DwhError(
      'PROOF_FAILED',
      `not everything that hangs on ${shown(table)} followed it: ${missing.join('; ') || found.filter((line) => !expected.includes(line)).join('; ')}; the table is as it was`,
      { hint: 'drop what is named first and create it again afterwards' },
    )
  }
  return planned
}

const lostForeignKeys = ({ foreignKeysOut }: Dependents) =>
  foreignKeysOut.flatMap(({ loss, name }) => (loss ? [name] : []))

/** What came or changed since the plan and cannot be carried, or not without having been built aside. */
function refuseChanges({ table }: ConversionPlan, dependents: Dependents): void {
  const views = (all: Dependents) =>
    all.materializedViews.map(({ oid, definition }) => `${oid} ${definition}`).join('\n')
  const keys = (all: Dependents) =>
    all.foreignKeysOut.map(({ name, definition }) => `${name} ${definition}`).join('\n')
  const obstacles = obstaclesOf(dependents)
  const same = views(dependents) === views(table.dependents) && keys(dependents) === keys(table.dependents)
  if (same && obstacles.length === 0) return
  throw new DwhError(
    'TARGET_UNFIT',
    `what hangs on ${shown(table)} has changed since the plan was made${obstacles.map((one) => `: ${one}`).join('')}; the table is as it was`,
    { hint: 'run the same command again: it plans anew, and keeps what is copied' },
  )
}
