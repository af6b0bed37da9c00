import { Temporal } from 'temporal-polyfill'
import type { z } from 'zod'
import { type Estimate, estimate } from '../../backfill/estimate.ts'
import { leaflessWindows } from '../../backfill/leafless.ts'
import { OpenSources } from '../../backfill/open-source.ts'
import { type BackfillPlan, type PlannedChunk, planBackfill } from '../../backfill/plan.ts'
import { SharedPoliteness } from '../../backfill/politeness.ts'
import { type Check, missingTables, preflight, serverFacts } from '../../backfill/preflight.ts'
import { Probe } from '../../backfill/reach.ts'
import { choosePairs, type Pair, requireDays, spansOf, type Taking } from '../../backfill/request.ts'
import { refuseSharedTerritory } from '../../backfill/shared-territory.ts'
import { rowsTwice } from '../../backfill/twice.ts'
import { sourcePlace } from '../../cli/backfill.ts'
import type { Context } from '../../cli/context.ts'
import { DwhError } from '../../errors.ts'
import type { BackfillSettings } from '../../ledger/backfills.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import type { Politeness } from '../../sources/source.ts'
import { isOpen, readHours } from '../../warehouse/hours.ts'
import type { planFlags } from './flags.ts'

/** What the flags of `plan` and `run` say. */
export type PlanInput = { [Name in keyof typeof planFlags]: z.output<(typeof planFlags)[Name]['schema']> }

/** A plan with everything that is shown of it. */
export interface Prepared {
  plan: BackfillPlan
  estimate: Estimate
  checks: Check[]
  parallel: number
  settings: BackfillSettings
  /** The datasets are backed up first. */
  backup: boolean
}

/** Plans what the flags ask for; nothing is changed. */
export async function prepare(context: Context, input: PlanInput): Promise<Prepared> {
  const warehouse = context.warehouse()
  const pairs = choosePairs(warehouse, {
    datasets: input.dataset,
    all: input.all,
    source: input.source,
    chunk: input.chunk,
    parameters: input.param ?? {},
  })
  const { from, to, year, quarter, month, day } = input
  const spans = spansOf({ from, to, year, quarter, month, day })
  requireDays(pairs, spans)
  if (input.force) refuseForce(pairs)
  const request = { pairs, spans, order: input.order, taking: takingOf(input) }

  await using session = await context.openReadOnly()
  const isShared = (await ledgerPresence(session)).has_backfills
  await using politeness = isShared ? await SharedPoliteness.open(session) : undefined
  const place = sourcePlace(context, politeness ?? alone)
  await using sources = new OpenSources(warehouse, place)
  const ask = ({ chunk }: PlannedChunk) => sources.source(chunk.dataset, chunk.source, input.delay ?? null)
  const facts = await serverFacts(session)
  const now = Temporal.Instant.fromEpochMilliseconds(facts.now.getTime())
  const hasChanged = async (chunk: PlannedChunk, fingerprint: string) => {
    const wish = { window: chunk.window, parameters: chunk.chunk.parameters }
    const found = await (await ask(chunk)).fingerprint(wish, context.work)
    return found !== undefined && found !== fingerprint
  }
  const asksSources = request.taking === 'stale'
  const plan = await planBackfill(session, warehouse, request, now, asksSources ? hasChanged : undefined)
  if (input.force) await refuseSharedTerritory(session, warehouse, plan)
  const missing = await missingTables(session, targetsOf(pairs))
  const probe = new Probe(context.work)
  const estimated = await estimate(session, plan, input.parallel, probe, ask)
  const isLater = input.window !== undefined && !isOpen(readHours(input.window), now)
  const sourceChecks = probe.checks(isLater)
  const { spoolFolder } = place.surroundings
  return {
    plan,
    estimate: estimated,
    checks: await preflight(
      facts,
      missing,
      [...leaflessWindows(plan.chunks), ...rowsTwice(plan.chunks)],
      sourceChecks,
      input.parallel,
      estimated.bytes,
      spoolFolder,
    ),
    parallel: input.parallel,
    settings: {
      force: input.force,
      delay: input.delay ?? null,
      retries: input.retries,
      stop_on_error: input.stopOnError,
      hours: input.window ?? null,
    },
    backup: input.backup ?? input.force,
  }
}

const targetsOf = (pairs: Pair[]) => [
  ...new Map(pairs.map(({ dataset }) => [dataset.name, dataset.target])).values(),
]

/** Before there is a ledger nobody else asks a host, and the few questions of a plan are asked one after the other. */
const alone: Politeness = {
  turn: async () => ({ [Symbol.asyncDispose]: async () => {} }),
  hold: async () => {},
}

/** @throws DwhError USAGE where the rows of a window cannot be told from all others */
function refuseForce(pairs: Pair[]): void {
  const windowed = pairs.find(({ hasWindows, dataset }) => hasWindows && dataset.partition === undefined)
  if (!windowed) return
  throw new DwhError(
    'USAGE',
    `dataset ${windowed.dataset.name} has no policy: nobody can tell which of its rows a window stands for, and --force would replace all of them`,
    { hint: 'describe how it is partitioned as `partition`; or load its windows once more: --all-windows' },
  )
}

/** @throws DwhError USAGE for several at once */
function takingOf({ missing, failed, stale, allWindows, force }: PlanInput): Taking {
  const named = Object.entries({ missing, failed, stale, all: allWindows }).filter(([, isNamed]) => isNamed)
  if (named.length > 1)
    throw new DwhError('USAGE', 'one of --missing, --failed, --stale and --all-windows says which windows')
  if (force && missing)
    throw new DwhError(
      'USAGE',
      '--missing takes windows that were never loaded, and --force replaces what is there: leave one of them out; nothing was changed',
    )
  // What is there is to be replaced: that means windows that are done.
  return (named[0]?.[0] as Taking | undefined) ?? (force ? 'all' : 'usual')
}
