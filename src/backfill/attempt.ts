import { step } from '../events.ts'
import type { BackfillSettings } from '../ledger/backfills.ts'
import { type ChunkFigures, type ChunkResult, type Claim, finishChunk } from '../ledger/chunks.ts'
import type { Lease } from '../ledger/lease.ts'
import type { ChunkEnd } from '../load/chunk.ts'
import { type FileOptions, planFile } from '../load/files.ts'
import { loadUnder } from '../load/run.ts'
import type { Crew } from '../postgres/crew.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Input } from '../sources/file/find.ts'
import type { Fetched } from '../sources/source.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import { type ChunkWork, chunkName, windowOf, wishOf } from './chunk-work.ts'
import { sourceOf } from './code.ts'
import type { OpenSources } from './open-source.ts'

/** What one process brings to all its attempts. */
export interface Bench {
  warehouse: Warehouse
  run: number
  lease: Lease
  sources: OpenSources
}

/** What one attempt works with: connections that have joined the lease. */
export interface Tools {
  session: Session
  crew: Crew
}

/**
 * Does one chunk: fetches its window into a private place, loads it unseen, and lets rows and the row of the ledger appear in one
 * last transaction.
 *
 * @throws DwhError SOURCE_FAILED, INPUT_BROKEN, LEASE_LOST, and what a load throws; nothing of the chunk is visible then
 */
export async function attempt(
  bench: Bench,
  tools: Tools,
  work: ChunkWork,
  claim: Claim,
  settings: BackfillSettings,
): Promise<ChunkResult> {
  const started = performance.now()
  const { dataset } = sourceOf(bench.warehouse, claim.dataset, claim.source)
  const source = await bench.sources.source(claim.dataset, claim.source, settings.delay)
  await using fetched = await step(work, 'fetch', () => source.fetch(wishOf(claim), work))
  work.progress.bytes = fetched.bytes
  work.progress.requests = fetched.requests
  const seconds = () => (performance.now() - started) / 1000
  if (fetched.input === undefined) return endEmpty(bench, tools, work, claim, fetched, seconds)
  return loadFetched(bench, tools, work, claim, { dataset, settings, fetched, input: fetched.input, seconds })
}

interface Loading {
  dataset: Dataset
  settings: BackfillSettings
  fetched: Fetched
  input: Input
  /** Since the attempt began. */
  seconds(): number
}

async function loadFetched(
  bench: Bench,
  { session, crew }: Tools,
  work: ChunkWork,
  claim: Claim,
  { dataset, settings, fetched, input, seconds }: Loading,
): Promise<ChunkResult> {
  let result: ChunkResult | undefined
  const options: FileOptions = {
    warehouse: bench.warehouse.name,
    strategy: undefined,
    onDuplicate: 'newest',
    parameters: claim.parameters,
    budget: { share: dataset.thresholds.rejects },
    again: true,
    prove: true,
    jobs: crew.sessions.length,
    decimalComma: false,
    reading: {},
    chunk: {
      window: windowOf(claim),
      replaces: settings.force,
      tables: `dwh_chunk_${claim.chunk}`,
      judge: async () => 'publish',
      concluding: async (last: Session, end: ChunkEnd) => {
        result = resultOf(fetched, end, seconds())
        await finishChunk(last, claim, result)
      },
    },
  }
  const file = await planFile(session, work, dataset, renamed(input, chunkName(claim)), options, false)
  await using reader = file.reader
  if (!file.plan) throw new Error(`${chunkName(claim)} has no plan`)
  const open = { input: file.input, reader, plan: file.plan }
  await loadUnder(session, work, { lease: bench.lease, crew }, open, bench.run, options)
  if (!result) throw new Error(`${chunkName(claim)} has no end`)
  return result
}

function resultOf(fetched: Fetched, end: ChunkEnd, seconds: number): ChunkResult {
  const { leaves: _, ...figures } = end.figures
  return {
    outcome: end.outcome === 'withheld' ? 'quarantined' : 'done',
    load: end.load,
    fingerprint: fetched.fingerprint,
    watermark: fetched.watermark,
    figures: {
      ...figures,
      announced: fetched.announced ?? null,
      requests: fetched.requests,
      bytes: fetched.bytes,
      seconds: Math.round(seconds * 1000) / 1000,
    },
    gates: [],
    proof: end.proof,
  }
}

/** A window without rows is done too. */
async function endEmpty(
  { lease }: Bench,
  { session }: Tools,
  work: ChunkWork,
  claim: Claim,
  fetched: Fetched,
  seconds: () => number,
): Promise<ChunkResult> {
  const figures: ChunkFigures = {
    ...{ records: 0, inserted: 0, updated: 0, unchanged: 0, moved: 0, replaced: 0 },
    ...{ duplicates: 0, rejected: 0, outside: 0 },
    announced: fetched.announced ?? null,
    requests: fetched.requests,
    bytes: fetched.bytes,
    seconds: Math.round(seconds() * 1000) / 1000,
  }
  const { fingerprint, watermark } = fetched
  const result: ChunkResult = {
    outcome: 'done',
    load: undefined,
    fingerprint,
    watermark,
    figures,
    gates: [],
    proof: undefined,
  }
  await inTransaction(session, async () => {
    await finishChunk(session, claim, result)
    work.signal.throwIfAborted()
    await lease.check(session)
  })
  return result
}

/** In the ledger an input bears the name of its chunk, whatever file it was put aside in. */
function renamed(input: Input, name: string): Input {
  return {
    name,
    get place() {
      return input.place
    },
    get bytes() {
      return input.bytes
    },
    digest: (work) => input.digest(work),
    open: (options) => input.open(options),
    [Symbol.asyncDispose]: () => input[Symbol.asyncDispose](),
  }
}
