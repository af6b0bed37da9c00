import { openBackfill } from '../../src/ledger/backfills.ts'
import type { ChunkFigures, ChunkProgress } from '../../src/ledger/chunk.ts'
import { planChunks } from '../../src/ledger/chunks.ts'
import { Lease } from '../../src/ledger/lease.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { workerLease } from '../../src/ledger/workers.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { quietWork } from './work.ts'

/** A chunk as the ledger is to have it; planned unless it says more. */
export interface SeededChunk {
  dataset?: string
  source?: string
  table?: string
  from: string | null
  to: string | null
  parameters?: Record<string, string>
  outcome?: 'done' | 'flagged' | 'quarantined' | 'failed' | 'cancelled'
  figures?: Partial<ChunkFigures>
  gates?: object[]
  error?: [code: string, message: string]
  load?: number
  /** The run of the worker that has claimed it. */
  worker?: number
  progress?: Partial<ChunkProgress>
  /** Seconds since it was claimed, and since it gave its last sign of life. */
  claimed?: number
  progressed?: number
  /** Seconds until the next try. */
  retry?: number
  attempts?: number
  /** Seconds since it ended. */
  ended?: number
}

export interface SeededBackfill {
  warehouse?: string
  wanted?: 'run' | 'pause' | 'cancel'
  parallel?: number
  hours?: string
}

/** A backfill in the ledger, planned by a run of its own that has ended, without anybody working on it. */
export async function seedBackfill(
  session: Session,
  { warehouse = 'test', wanted = 'run', parallel = 2, hours }: SeededBackfill,
  chunks: SeededChunk[],
): Promise<number> {
  await ensureLedger(session, quietWork())
  const backfill = await startRun(session, 'backfill plan', ['backfill', 'plan'], warehouse, [])
  await session.run('UPDATE dwh.runs SET ended_at = clock_timestamp(), exit_code = 0 WHERE run = $1', [
    backfill,
  ])
  const settings = { force: false, delay: null, retries: 3, stop_on_error: false, hours: hours ?? null }
  await openBackfill(session, backfill, warehouse, parallel, settings)
  await session.run('UPDATE dwh.backfills SET wanted = $2 WHERE backfill = $1', [backfill, wanted])
  await planChunks(
    session,
    backfill,
    warehouse,
    chunks.map(({ dataset = 'measure', source = 'piezo', table = 'measure', from, to, parameters = {} }) => ({
      dataset,
      source,
      schema_name: 'public',
      table_name: table,
      window_from: from,
      window_to: to,
      zone: 'UTC',
      parameters,
      code: 'c',
    })),
  )
  await session.run(settle, [backfill, JSON.stringify(chunks.map((chunk, n) => ({ ...chunk, n })))])
  return backfill
}

const settle = `
  UPDATE dwh.chunks AS c
     SET outcome = s.outcome,
         ended_at = CASE WHEN s.outcome IS NOT NULL THEN clock_timestamp() - make_interval(secs => coalesce(s.ended, 0)) END,
         figures = s.figures, gates = s.gates, error_code = s.error ->> 0, error = s.error ->> 1, load = s.load, worker = s.worker,
         claimed_at = CASE WHEN s.worker IS NOT NULL THEN clock_timestamp() - make_interval(secs => coalesce(s.claimed, 0)) END,
         progress = s.progress,
         progressed_at = CASE WHEN s.progress IS NOT NULL THEN clock_timestamp() - make_interval(secs => coalesce(s.progressed, 0)) END,
         retry_at = clock_timestamp() + make_interval(secs => s.retry),
         attempts = coalesce(s.attempts, CASE WHEN s.outcome IS NOT NULL OR s.worker IS NOT NULL THEN 1 ELSE 0 END)
    FROM (SELECT row_number() OVER (ORDER BY n) AS nth, *
            FROM jsonb_to_recordset($2::jsonb) AS w (
                   n integer, outcome text, figures jsonb, gates jsonb, error jsonb, load bigint, worker bigint, claimed float8,
                   progress jsonb, progressed float8, retry float8, attempts integer, ended float8)) AS s
    JOIN (SELECT chunk, row_number() OVER (ORDER BY place) AS nth FROM dwh.chunks WHERE backfill = $1::bigint) AS p USING (nth)
   WHERE c.chunk = p.chunk`

/** A worker alive: a run with its lease, until it is disposed of. Give it a session of its own. */
export async function seedWorker(
  session: Session,
  words: string[] = ['backfill', 'work'],
): Promise<{ run: number; lease: Lease } & AsyncDisposable> {
  await ensureLedger(session, quietWork())
  const run = await startRun(session, words.slice(0, 2).join(' '), words, 'test', [])
  const lease = await Lease.take(session, quietWork(), workerLease(run), run)
  return { run, lease, [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose]() }
}
