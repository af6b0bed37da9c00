import { step } from '../events.ts'
import type { BackfillSettings } from '../ledger/backfills.ts'
import { type ChunkResult, type Claim, finishChunk } from '../ledger/chunks.ts'
import type { ChunkEnd } from '../load/chunk.ts'
import { type FileOptions, planFile } from '../load/files.ts'
import { loadUnder } from '../load/run.ts'
import type { Session } from '../postgres/session.ts'
import type { Input } from '../sources/file/find.ts'
import type { Fetched } from '../sources/source.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import type { Bench, Tools } from './bench.ts'
import { type ChunkWork, chunkName, windowOf, wishOf } from './chunk-work.ts'
import { sourceOf } from './code.ts'
import { endEmpty } from './empty.ts'
import { judgeChunk, judgedOf, type Verdict } from './gates.ts'
import { generationTables, settleGenerations } from './generations.ts'

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
  await using fetched = await step(work, 'fetch', () => source.fetch(wishOf(claim, settings.force), work))
  work.progress.bytes = fetched.bytes
  work.progress.requests = fetched.requests
  const seconds = () => (performance.now() - started) / 1000
  if (fetched.input === undefined)
    return endEmpty(bench, tools, work, claim, { dataset, settings, fetched, seconds })
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
  let verdict: Verdict | undefined
  const isPart = wishOf(claim, settings.force).after !== undefined
  const options: FileOptions = {
    warehouse: bench.warehouse.name,
    strategy: undefined,
    onDuplicate: 'newest',
    parameters: claim.parameters,
    budget: { share: Math.max(hopeless, dataset.thresholds.rejects, dataset.thresholds.invalid) },
    again: true,
    prove: true,
    jobs: crew.sessions.length,
    decimalComma: false,
    reading: readingOf(bench.warehouse, claim),
    chunk: {
      window: windowOf(claim),
      replaces: settings.force,
      isPart,
      tables: generationTables(claim),
      judge: async (facts) => {
        verdict = await judgeChunk(session, judgedOf(bench.warehouse, dataset, claim, fetched, isPart), facts)
        return verdict.verdict
      },
      concluding: async (last: Session, end: ChunkEnd) => {
        result = resultOf(fetched, end, verdict, seconds())
        await finishChunk(last, claim, result)
        await settleGenerations(last, claim.chunk, end)
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

/** Of records that lack keys, only the warehouse file knows which there can be. */
function readingOf(warehouse: Warehouse, { dataset, source }: Claim): FileOptions['reading'] {
  const { settings } = sourceOf(warehouse, dataset, source)
  return 'fields' in settings ? { columns: settings.fields } : {}
}

/** From this part of rejects on it is not the rows that are wrong, and the ledger shall not be filled with them. */
const hopeless = 0.5

function resultOf(
  fetched: Fetched,
  end: ChunkEnd,
  verdict: Verdict | undefined,
  seconds: number,
): ChunkResult {
  const { leaves: _, ...figures } = end.figures
  const published = verdict?.passed === false ? 'flagged' : 'done'
  return {
    outcome: end.outcome === 'withheld' ? 'quarantined' : published,
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
    gates: verdict?.gates ?? [],
    proof: end.proof,
  }
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
