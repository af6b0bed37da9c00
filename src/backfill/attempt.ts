import { DwhError } from '../errors.ts'
import { step } from '../events.ts'
import type { BackfillSettings } from '../ledger/backfills.ts'
import type { ChunkFigures, ChunkResult, Claim, GateResult } from '../ledger/chunk.ts'
import { finishChunk, windowsBeside } from '../ledger/chunks.ts'
import type { Lease } from '../ledger/lease.ts'
import type { ArrivedFacts, ChunkEnd, ChunkLoad } from '../load/chunk.ts'
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
import { noRows } from './empty-input.ts'
import { judgeChunk } from './gates.ts'
import { dropWithheld, generationTables, settleGenerations } from './generations.ts'
import type { OpenSources } from './open-source.ts'
import { rowsWithPrecedence } from './precedence.ts'
import { rowsOfOthers } from './shared-rows.ts'

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
 * @throws DwhError SOURCE_FAILED, INPUT_BROKEN, INPUT_MISSING, LEASE_LOST, and what a load throws; nothing of the chunk is visible then
 */
export async function attempt(
  bench: Bench,
  tools: Tools,
  work: ChunkWork,
  claim: Claim,
  settings: BackfillSettings,
): Promise<ChunkResult> {
  const started = performance.now()
  const { dataset, settings: asked } = sourceOf(bench.warehouse, claim.dataset, claim.source)
  const source = await bench.sources.source(claim.dataset, claim.source, settings.delay)
  const wish = wishOf(claim, settings.force)
  await using fetched = await step(work, 'fetch', () => source.fetch(wish, work))
  work.progress.bytes = fetched.bytes
  work.progress.requests = fetched.requests
  const doing: Doing = {
    ...{ bench, tools, work, claim, dataset, settings, fetched },
    after: wish.after,
    isPart: wish.after !== undefined,
    isAbsent: fetched.missing !== undefined && 'absent' in asked && asked.absent === 'empty',
    gates: [],
    seconds: () => Math.round(performance.now() - started) / 1000,
  }
  // Who wants no coverage says that days may be without a file.
  if (fetched.missing !== undefined && !doing.isAbsent && dataset.thresholds.coverage > 0)
    throw new DwhError('INPUT_MISSING', fetched.missing)
  if (fetched.input) return await loadRows(doing, fetched.input, dataset)
  // What is there gives way to nothing.
  if (settings.force)
    return await loadRows(doing, await noRows(tools.session, dataset), { ...dataset, map: {} })
  return await endEmpty(doing)
}

interface Doing {
  bench: Bench
  tools: Tools
  work: ChunkWork
  claim: Claim
  dataset: Dataset
  settings: BackfillSettings
  fetched: Fetched
  /** The watermark from which it goes on. */
  after: string | undefined
  /** The rows are only those that are new since the last time. */
  isPart: boolean
  /** Its files are not there, which may be. */
  isAbsent: boolean
  /** Since the attempt began. */
  seconds(): number
  gates: GateResult[]
}

async function loadRows(doing: Doing, input: Input, dataset: Dataset): Promise<ChunkResult> {
  const { bench, work, claim } = doing
  const { session, crew } = doing.tools
  let result: ChunkResult | undefined
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
    reading: doing.fetched.input ? readingOf(bench.warehouse, claim) : {},
    chunk: {
      ...chunkLoad(doing, (end) => {
        result = end
      }),
      yields: await rowsWithPrecedence(session, bench.warehouse, claim),
      others: (session) => rowsOfOthers(session, bench.warehouse, claim),
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

function chunkLoad(doing: Doing, ended: (result: ChunkResult) => void): ChunkLoad {
  const { claim, settings, dataset, tools } = doing
  return {
    // Where a table has no leaves nobody knows which column tells the days: its source was asked for them.
    window: dataset.partition && windowOf(claim),
    beside: async () =>
      [...(await windowsBeside(tools.session, claim)), ...neighbours(claim)].flatMap(
        (days) => windowOf({ ...days, zone: claim.zone }) ?? [],
      ),
    replaces: settings.force,
    isPart: doing.isPart,
    tables: generationTables(claim),
    judge: (facts) => judge(doing, facts),
    concluding: async (session, end) => {
      const result = resultOf(doing, end)
      await finishChunk(session, claim, result)
      await settleGenerations(session, claim.chunk, end)
      ended(result)
    },
  }
}

/** An API that gives a day more on each side gives it to every window: nobody has forgotten to ask for it. */
function neighbours(claim: Claim): { window_from: string; window_to: string }[] {
  const window = windowOf(claim)
  if (!window) return []
  const { from, to } = window
  const day = { days: 1 }
  return [
    { window_from: String(from.subtract(day)), window_to: String(from) },
    { window_from: String(to), window_to: String(to.add(day)) },
  ]
}

/** Fills in the gates. */
async function judge(doing: Doing, facts: ArrivedFacts): Promise<'publish' | 'withhold'> {
  const { bench, tools, claim, dataset, fetched, isPart } = doing
  const { gates } = await judgeChunk(
    tools.session,
    {
      warehouse: bench.warehouse,
      dataset,
      source: claim.source,
      window: windowOf(claim),
      parameters: claim.parameters,
      announced: fetched.announced,
      isPart,
    },
    facts,
  )
  // Other years say nothing of a file that may be absent.
  const expected = doing.isAbsent ? [] : gates
  doing.gates = facts.records === 0 ? gatesOfNothing(doing, expected) : gates
  return hasPassed(doing) || dataset.thresholds.on_failure === 'flag' ? 'publish' : 'withhold'
}

/**
 * Before the first station was built there are no rows: whether some should be there is told by other years, by siblings, and by
 * what the same window has brought before.
 */
function gatesOfNothing(
  { claim: { former_rows: former }, isPart }: Doing,
  gates: GateResult[],
): GateResult[] {
  const expected = gates.filter(({ gate }) => gate !== 'coverage')
  if (!former || isPart) return expected
  const note = `no rows came, and ${former.toLocaleString('en')} did the last time`
  const volume: GateResult = { gate: 'volume', passed: false, found: 0, wanted: former, note }
  return [...expected.filter(({ gate }) => gate !== 'volume'), volume]
}

const hasPassed = ({ gates }: Doing) => gates.every(({ passed }) => passed)

function resultOf(doing: Doing, end: ChunkEnd): ChunkResult {
  const { fetched, gates } = doing
  const { leaves: _, ...figures } = end.figures
  return {
    outcome: end.outcome === 'withheld' ? 'quarantined' : hasPassed(doing) ? 'done' : 'flagged',
    load: end.load,
    fingerprint: fetched.fingerprint,
    watermark: fetched.watermark ?? doing.after,
    figures: { ...figures, ...fetchedFigures(doing) },
    gates,
    proof: end.proof,
  }
}

function fetchedFigures({ fetched, seconds }: Doing) {
  const { announced = null, requests, bytes } = fetched
  return { announced, requests, bytes, seconds: seconds() }
}

/** A window without rows is done too, where none are expected. */
async function endEmpty(doing: Doing): Promise<ChunkResult> {
  const { bench, tools, work, claim, fetched } = doing
  const facts = {
    records: 0,
    rows: 0,
    rejected: 0,
    duplicates: 0,
    outside: 0,
    days: async () => new Set<string>(),
  }
  const verdict = await judge(doing, facts)
  const figures: ChunkFigures = {
    ...{ records: 0, inserted: 0, updated: 0, unchanged: 0, moved: 0, replaced: 0 },
    ...{ duplicates: 0, rejected: 0, outside: 0, unplanned: 0 },
    ...fetchedFigures(doing),
    ...(doing.isAbsent ? { absent: true } : {}),
  }
  const result: ChunkResult = {
    outcome: verdict === 'withhold' ? 'quarantined' : hasPassed(doing) ? 'done' : 'flagged',
    load: undefined,
    fingerprint: fetched.fingerprint,
    watermark: fetched.watermark ?? doing.after,
    figures,
    gates: doing.gates,
    proof: undefined,
  }
  await inTransaction(tools.session, async () => {
    await finishChunk(tools.session, claim, result)
    await dropWithheld(tools.session, claim.chunk)
    work.signal.throwIfAborted()
    await bench.lease.check(tools.session)
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
