import type { Work } from '../../events.ts'
import { refuseSealed } from '../../partitions/sealed.ts'
import type { Crew } from '../../postgres/crew.ts'
import { ident, relation } from '../../postgres/identifiers.ts'
import { climbInTransaction } from '../../postgres/ladder.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Landing, LandingLeaf } from '../landing.ts'
import { requiredName } from '../landing-parent.ts'
import type { LoadTarget } from '../target.ts'
import { buildKey } from './build-key.ts'
import { deduplicate } from './deduplicate.ts'
import { isFree, makeReady, type PrepareOptions, type ReadyLeaf, readiness } from './ready-leaf.ts'

export interface Prepared {
  leaves: ReadyLeaf[]
  /** Rows that stood behind another of their key. */
  duplicates: number
}

/**
 * Leaves each key in one row, and makes leaves of the target out of those of the landing that can become some: indexes,
 * foreign keys, proof and statistics, leaf by leaf on the connections of a crew, while nobody waits.
 *
 * @throws DwhError LEAF_SEALED
 */
export async function prepare(
  session: Session,
  crew: Crew,
  work: Work,
  target: LoadTarget,
  landing: Landing,
  { onDuplicate, prove, isOncePerKey, replaced }: PrepareOptions,
): Promise<Prepared> {
  await refuseSealedTwins(session, target, landing)
  const isSifted = target.dataset.key === undefined
  const prepared: Prepared = { leaves: [], duplicates: 0 }
  if (!isSifted && !target.isAligned)
    prepared.duplicates += await deduplicate(session, target, landing.name, onDuplicate, landing.isPlaced)
  const ready = await readiness(session, target, landing, { prove, replaced })
  // Where one leaf is made ready at a time, the connection that would wait for it does a part.
  const aide = crew.sessions.length === 1 || landing.leaves.length === 1 ? session : undefined
  await using _ = aide && (await lend(aide))
  let done = 0
  await crew.each(landing.leaves.toSorted(byDate), async (worker, leaf) => {
    const isAttachable = isFree(ready, leaf)
    const isKnownUnique =
      isOncePerKey && isAttachable && (await buildKey(worker, target, leaf, ready.indexes))
    if (!isSifted && target.isAligned && !isKnownUnique) {
      const duplicates = await deduplicate(worker, target, leaf, onDuplicate, landing.isPlaced)
      prepared.duplicates += duplicates
    }
    const made = await makeReady(worker, work.signal, target, leaf, isAttachable, ready, aide)
    if (made.rows > 0) prepared.leaves.push(made)
    done += 1
    work.emit({ type: 'progress', step: 'leaves', done, total: landing.leaves.length, unit: 'leaves' })
  })
  prepared.leaves.sort(byDate)
  return prepared
}

/** A connection works as those that send rows do, for a while. */
async function lend(session: Session): Promise<AsyncDisposable> {
  await session.run(sql('load/give_memory'))
  await session.run('SET synchronous_commit = off')
  return {
    [Symbol.asyncDispose]: async () => {
      // Of a connection that is gone nothing has to be taken back.
      await session.run(`RESET ${lent.join('; RESET ')}`).catch(() => {})
    },
  }
}

const lent = [
  'work_mem',
  'maintenance_work_mem',
  'max_parallel_maintenance_workers',
  'max_parallel_workers_per_gather',
  'synchronous_commit',
]

/** Before anything is built: the sample may have had no row of them. */
async function refuseSealedTwins(
  session: Session,
  { dataset }: LoadTarget,
  { leaves }: Landing,
): Promise<void> {
  for (const leaf of leaves) {
    if (!leaf.twin?.sealed) continue
    const { has } = await session.one<{ has: boolean }>(
      `SELECT EXISTS (SELECT FROM ${relation(leaf)}) AS has`,
    )
    if (has) refuseSealed(dataset.name, [leaf.twin], sealedAgainst)
  }
}

/** What is said of a sealed leaf that rows of a file have come to. */
export const sealedAgainst = 'and the file has rows that belong there; nothing was loaded'

/**
 * Lets go of the landing's parent, so that the last transaction need not, and of what the landing alone demanded.
 *
 * Locks: ACCESS EXCLUSIVE on the landing, under the lock ladder: a dump of the database may be reading it.
 */
export async function letGo(
  session: Session,
  work: Work,
  target: LoadTarget,
  landing: Landing,
  leaves: ReadyLeaf[],
): Promise<void> {
  await climbInTransaction(session, work, { relations: [landing.name] }, async () => {
    for (const leaf of leaves.filter(({ attachable }) => attachable)) {
      await session.run(`ALTER TABLE ${relation(landing.name)} DETACH PARTITION ${relation(leaf)}`)
      const drops = landing.required.map(
        (column) => `DROP CONSTRAINT IF EXISTS ${ident(requiredName(column))}`,
      )
      const defaults = target.columns
        .filter(({ name, identity }) => identity || landing.defaults.includes(name))
        .map(({ name }) => `ALTER COLUMN ${ident(name)} DROP DEFAULT`)
      if (drops.length + defaults.length > 0)
        await session.run(`ALTER TABLE ${relation(leaf)} ${[...drops, ...defaults].join(', ')}`)
    }
  })
}

function byDate(a: LandingLeaf, b: LandingLeaf): number {
  return a.name < b.name ? -1 : 1
}
