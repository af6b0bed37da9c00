import { DwhError } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Wanted } from './backfills.ts'
import type { Chunk, ChunkOutcome, ChunkProgress, ChunkResult, Claim, NewChunk, PastChunk } from './chunk.ts'
import { storable } from './storable.ts'

/** In the order of the array; the unique index chunks_open refuses a window that is open already. */
export async function planChunks(
  session: Session,
  backfill: number,
  warehouse: string,
  chunks: NewChunk[],
): Promise<void> {
  await session.run(sql('ledger/plan_chunks'), [backfill, warehouse, JSON.stringify(chunks)])
}

/**
 * What has become of the windows of some datasets, oldest first; rows that gave way to later ones are left out.
 *
 * @param span of days that a window must touch; undefined: only what has no window
 */
export async function chunkHistory(
  session: Session,
  warehouse: string,
  datasets: string[],
  span: { from: string; to: string } | undefined,
): Promise<PastChunk[]> {
  return session.rows<PastChunk>(sql('ledger/chunk_history'), [
    warehouse,
    datasets,
    span?.from ?? null,
    span?.to ?? null,
  ])
}

/** In the order in which they are taken. */
export async function listChunks(session: Session, backfill: number): Promise<Chunk[]> {
  return session.rows<Chunk>(sql('ledger/list_chunks'), [backfill])
}

/**
 * Claims the next chunk of a backfill.
 *
 * @returns `busy` where somebody else is claiming one in this moment; undefined where none may be claimed now
 */
export async function claimChunk(
  session: Session,
  backfill: number,
  worker: number,
): Promise<Claim | 'busy' | undefined> {
  return inTransaction(session, async () => {
    const plan = await session.row<{ wanted: Wanted }>(sql('ledger/lock_backfill'), [backfill])
    if (!plan) return 'busy'
    if (plan.wanted !== 'run') return undefined
    const row = await session.row<Omit<Claim, 'worker'>>(sql('ledger/claim_chunk'), [backfill, worker])
    return row && { ...row, worker }
  })
}

/** The days that other chunks of the same source and parameters have brought, or shall bring. */
export async function windowsBeside(
  session: Session,
  { chunk }: Pick<Claim, 'chunk'>,
): Promise<{ window_from: string; window_to: string }[]> {
  return session.rows(sql('ledger/windows_beside'), [chunk])
}

/** Writes how far the attempts of a worker are, all in one statement. */
export async function tellProgress(
  session: Session,
  worker: number,
  attempts: { chunk: number; attempt: number; progress: ChunkProgress }[],
): Promise<void> {
  if (attempts.length > 0) await session.run(sql('ledger/progress_chunk'), [worker, JSON.stringify(attempts)])
}

/**
 * Ends a chunk in the transaction that makes its rows visible; whichever counted for its window before gives way, unless the
 * rows are withheld.
 *
 * @throws DwhError LEASE_LOST when another worker, or another attempt, has the chunk
 */
export async function finishChunk(session: Session, claim: Claim, result: ChunkResult): Promise<void> {
  const { chunk, worker, attempts } = claim
  if (result.outcome !== 'quarantined') await session.run(sql('ledger/supersede_chunk'), [chunk])
  const ended = await session.row(sql('ledger/finish_chunk'), [
    chunk,
    worker,
    attempts,
    result.outcome,
    result.load ?? null,
    result.fingerprint,
    result.watermark ?? null,
    JSON.stringify(result.figures),
    JSON.stringify(result.gates),
    result.proof === undefined ? null : JSON.stringify(result.proof),
  ])
  if (!ended) throw chunkLost(claim)
}

/**
 * Ends an attempt that has brought nothing. Waits for a COMMIT of the attempt that is on its way.
 *
 * @param seconds until the next try; undefined: the chunk has failed
 * @returns false where the chunk is not ours any more, or that COMMIT has ended it
 * @throws DwhError LOCK_HELD when the COMMIT does not come to an end
 */
export async function failChunk(
  session: Session,
  { chunk, worker, attempts }: Claim,
  { code, message, hint }: Pick<DwhError, 'code' | 'message' | 'hint'>,
  seconds: number | undefined,
): Promise<boolean> {
  const failed = await session.row(sql('ledger/fail_chunk'), [
    chunk,
    worker,
    attempts,
    code,
    storable(hint === undefined ? message : `${message}\nhint ${hint}`),
    seconds ?? null,
  ])
  return failed !== undefined
}

/**
 * Ends the chunks of a backfill that read windows which have failed, were cancelled or are set apart: they fail with that as
 * their reason. Those that read them in turn fail when it is called again.
 */
export async function failDependents(session: Session, backfill: number) {
  return session.rows<Omit<NewChunk, 'schema_name' | 'table_name' | 'code'> & { error: string }>(
    sql('ledger/fail_dependents'),
    [backfill],
  )
}

/** Lets a chunk go that a worker was told to stop with; as `failChunk` otherwise. */
export async function releaseChunk(session: Session, { chunk, worker, attempts }: Claim): Promise<boolean> {
  return (await session.row(sql('ledger/release_chunk'), [chunk, worker, attempts])) !== undefined
}

/** How an attempt has ended its chunk, asked when nobody has told us what became of its COMMIT; undefined: it has not. */
export async function endOfAttempt(session: Session, { chunk, attempts }: Claim) {
  return session.row<{ load: number | null } & Pick<ChunkResult, 'outcome' | 'figures' | 'gates'>>(
    sql('ledger/look_at_attempt'),
    [chunk, attempts],
  )
}

/** Ends the chunks of a backfill that nobody has claimed, and says how many. */
export async function cancelChunks(session: Session, backfill: number): Promise<number> {
  return session.run(sql('ledger/cancel_chunks'), [backfill])
}

/** In the transaction of a new plan: says how many of these chunks have given way to it. */
export async function takeChunksOver(session: Session, chunks: number[], backfill: number): Promise<number> {
  return session.run(sql('ledger/take_chunks_over'), [chunks, backfill])
}

/**
 * Opens chunks once more whose outcome was one of these.
 *
 * @param codes hash of what turns each source into rows now; chunks of other sources stay as they are
 * @returns how many
 */
export async function reopenChunks(
  session: Session,
  backfill: number,
  outcomes: ChunkOutcome[],
  codes: Pick<NewChunk, 'dataset' | 'source' | 'code'>[],
): Promise<number> {
  return session.run(sql('ledger/reopen_chunks'), [backfill, outcomes, JSON.stringify(codes)])
}

function chunkLost({ chunk }: Claim): DwhError {
  return new DwhError(
    'LEASE_LOST',
    `another worker took chunk ${chunk} over; what this one had not committed is undone`,
    { hint: 'see: dwh backfill list' },
  )
}
