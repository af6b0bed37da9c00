import type { BackfillSettings } from '../ledger/backfills.ts'
import { type ChunkFigures, type ChunkResult, type Claim, finishChunk } from '../ledger/chunks.ts'
import type { ArrivedFacts } from '../load/chunk.ts'
import { publishTables } from '../load/publish-tables.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Fetched } from '../sources/source.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Bench, Tools } from './bench.ts'
import { type ChunkWork, chunkName, windowOf, wishOf } from './chunk-work.ts'
import { judgeChunk, judgedOf } from './gates.ts'
import { generationTables, settleGenerations } from './generations.ts'

interface Emptiness {
  dataset: Dataset
  settings: BackfillSettings
  fetched: Fetched
  /** Since the attempt began. */
  seconds(): number
}

const nothing: ArrivedFacts = {
  records: 0,
  rows: 0,
  rejected: 0,
  duplicates: 0,
  outside: 0,
  days: async () => new Map(),
}

/**
 * Ends a chunk whose source has no rows. There is nothing to withhold: one that falls short of a threshold is flagged. A forced
 * one stands for the rows that are there, which go; there it is withheld.
 *
 * @throws DwhError LEASE_LOST, and what a load throws
 */
export async function endEmpty(
  bench: Bench,
  { session, crew }: Tools,
  work: ChunkWork,
  claim: Claim,
  { dataset, settings, fetched, seconds }: Emptiness,
): Promise<ChunkResult> {
  const { warehouse, lease } = bench
  const isPart = wishOf(claim, settings.force).after !== undefined
  const judged = judgedOf(warehouse, dataset, claim, fetched, isPart)
  const { gates, passed, verdict } = await judgeChunk(session, judged, nothing)
  const result = (more: Pick<ChunkResult, 'outcome' | 'load' | 'proof'>, replaced = 0): ChunkResult => ({
    ...more,
    fingerprint: fetched.fingerprint,
    watermark: fetched.watermark,
    figures: figuresOf(fetched, seconds(), replaced),
    gates,
  })
  const published = passed ? 'done' : 'flagged'
  if (!settings.force || verdict === 'withhold') {
    const outcome = settings.force ? 'quarantined' : published
    const end = result({ outcome, load: undefined, proof: undefined })
    await inTransaction(session, async () => {
      await finishChunk(session, claim, end)
      work.signal.throwIfAborted()
      await lease.check(session)
    })
    return end
  }
  let end: ChunkResult | undefined
  const kept = {
    warehouse: warehouse.name,
    dataset,
    window: windowOf(claim),
    parameters: claim.parameters,
    tables: [],
    name: chunkName(claim),
    how: 'scope',
    chunk: {
      replaces: true,
      tables: generationTables(claim),
      concluding: async (last, { load, proof, figures, ...rest }) => {
        end = result({ outcome: published, load, proof }, figures.replaced)
        await finishChunk(last, claim, end)
        await settleGenerations(last, claim.chunk, { load, proof, figures, ...rest })
      },
    },
  } satisfies Parameters<typeof publishTables>[3]
  await publishTables(session, work, { lease, crew }, kept, bench.run)
  if (!end) throw new Error(`${chunkName(claim)} has no end`)
  return end
}

function figuresOf({ announced, requests, bytes }: Fetched, seconds: number, replaced: number): ChunkFigures {
  const none = { records: 0, inserted: 0, updated: 0, unchanged: 0, moved: 0, duplicates: 0, rejected: 0 }
  return {
    ...none,
    replaced,
    outside: 0,
    announced: announced ?? null,
    requests,
    bytes,
    seconds: Math.round(seconds * 1000) / 1000,
  }
}
