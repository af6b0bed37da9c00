import { setTimeout as sleep } from 'node:timers/promises'
import type { DwhError, ErrorCode } from '../errors.ts'
import { type BackfillSettings, want } from '../ledger/backfills.ts'
import type { ChunkResult, Claim } from '../ledger/chunk.ts'
import { endOfAttempt, failChunk, releaseChunk } from '../ledger/chunks.ts'
import type { Session } from '../postgres/session.ts'
import { hintOfSource } from './source-hint.ts'

/** What trying again may mend. */
const transient: ErrorCode[] = [
  'SOURCE_FAILED',
  'SERVER_WENT_AWAY',
  'SERVER_UNREACHABLE',
  'LOCK_HELD',
  'LOADED_MEANWHILE',
]

/** Seconds before the second try; doubled for each one after it, up to an hour. */
const firstPause = 5

/** What became of an attempt that has thrown. */
export type Settled =
  /** Its COMMIT had come through, though nobody told us. */
  | ({ state: 'ended'; load: number | null } & Pick<ChunkResult, 'outcome' | 'figures' | 'gates'>)
  | { state: 'released' }
  /** In seconds. */
  | { state: 'again'; pause: number }
  | { state: 'failed' }

/**
 * Writes down what becomes of a chunk whose attempt has thrown: let go when the worker was told to stop, tried again where that
 * may help, else failed.
 *
 * @param session that nothing has stopped
 */
export async function settle(
  session: Session,
  claim: Claim,
  error: DwhError,
  settings: BackfillSettings,
  isStopped: boolean,
): Promise<Settled> {
  if (error.code === 'DISK_FULL') await want(session, claim.backfill, 'pause')
  if (isStopped || error.code === 'DISK_FULL') {
    const isReleased = await patiently(() => releaseChunk(session, claim))
    return isReleased ? { state: 'released' } : endedOr(session, claim, { state: 'released' })
  }
  const mayTry = transient.includes(error.code) && claim.tries <= settings.retries
  const pause = mayTry ? pauseBefore(claim.tries) : undefined
  const settled: Settled = pause === undefined ? { state: 'failed' } : { state: 'again', pause }
  const { code, message, hint } = error
  const told = { code, message, hint: hint === undefined ? undefined : hintOfSource(hint) }
  if (!(await patiently(() => failChunk(session, claim, told, pause))))
    return endedOr(session, claim, { state: 'released' })
  if (pause === undefined && settings.stop_on_error) await want(session, claim.backfill, 'pause')
  return settled
}

/** Workers that failed together do not come back together. */
function pauseBefore(tries: number): number {
  return Math.min(3600, firstPause * 2 ** (tries - 1)) * (0.75 + Math.random() / 2)
}

async function endedOr(session: Session, claim: Claim, otherwise: Settled): Promise<Settled> {
  const end = await endOfAttempt(session, claim)
  return end ? { state: 'ended', ...end } : otherwise
}

/** The backend of a connection that was cut holds the row until it notices. */
async function patiently(write: () => Promise<boolean>, tries = 6): Promise<boolean> {
  for (let left = tries; ; left -= 1) {
    try {
      return await write()
    } catch (error) {
      if ((error as DwhError).code !== 'LOCK_HELD' || left <= 1) throw error
      await sleep(100)
    }
  }
}
