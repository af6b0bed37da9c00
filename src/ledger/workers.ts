import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { endFormerHolder, Lease } from './lease.ts'

/** What only one process does: the work of one run as a worker. */
export function workerLease(run: number): string {
  return `backfill worker ${run}`
}

/**
 * Lets the chunks of dead workers go, so that others can claim them: their leases are taken first, which ends their
 * connections, and given back.
 *
 * @param run that asks
 * @param backfill undefined: of all
 * @returns how many chunks were let go
 */
export async function releaseDead(
  session: Session,
  work: Work,
  run: number,
  backfill?: number | undefined,
): Promise<number> {
  const dead = await session.rows<{ worker: number }>(sql('ledger/dead_workers'), [backfill ?? null, run])
  let released = 0
  for (const { worker } of dead) {
    await endFormerHolder(session, workerLease(worker))
    try {
      await using _ = await Lease.take(session, work, workerLease(worker), run)
      const chunks = await session.run(sql('ledger/release_worker'), [worker])
      released += chunks
      if (chunks > 0)
        work.emit({
          type: 'note',
          message: `worker ${worker} is dead: ${chunks} of its windows are free again`,
        })
    } catch (error) {
      // Somebody was faster, or it lives after all.
      if (!(error instanceof DwhError) || error.code !== 'LOCK_HELD') throw error
    }
  }
  return released
}

/** For a worker that holds its lease anew, after the server has ended all its connections. */
export async function releaseOwn(session: Session, worker: number): Promise<void> {
  await session.run(sql('ledger/release_worker'), [worker])
}
