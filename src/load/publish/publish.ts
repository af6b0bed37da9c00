import type { Work } from '../../events.ts'
import { step } from '../../events.ts'
import type { LoadFigures } from '../../ledger/loads.ts'
import type { Session } from '../../postgres/session.ts'
import type { ArrivedFacts } from '../chunk.ts'
import type { Landing } from '../landing.ts'
import type { Arrival, Hands, LoadOptions } from '../options.ts'
import type { LoadTarget } from '../target.ts'
import { conclude } from './conclude.ts'
import { daysWithRows } from './days.ts'
import { keepWithin } from './keep-within.ts'
import { letGo, type Prepared, prepare } from './prepare.ts'
import type { PrepareOptions, ReadyLeaf } from './ready-leaf.ts'
import { rebuild, worthRebuilding } from './rebuild.ts'
import { withhold } from './withhold.ts'

/** Makes what has arrived ready out of sight, and brings it to the target in one last transaction. */
export async function publish(
  session: Session,
  work: Work,
  hands: Hands,
  arrival: Arrival,
  options: LoadOptions,
): Promise<LoadFigures> {
  const { plan, landing, load, records, rejected } = arrival
  const { target, territory, clears } = plan
  const { chunk } = options
  const left =
    territory && !arrival.kept
      ? await keepWithin(work, hands.crew, target, landing, territory, chunk)
      : { outside: 0, unplanned: 0 }
  const preparing: PrepareOptions = {
    ...options,
    // Neither a table nor one window of a source has a key twice, but by mistake.
    isOncePerKey: landing.isPiped || chunk !== undefined,
    replaced: chunk?.replaces ? territory : undefined,
  }
  const prepared = await step(
    work,
    'leaves',
    () => prepare(session, hands.crew, work, target, landing, preparing),
    ({ leaves, duplicates }) =>
      `${leaves.length} with rows, ${duplicates.toLocaleString('en')} duplicates set apart`,
  )
  await arrival.tell()
  const figures = { records, duplicates: prepared.duplicates, rejected, ...left }
  const facts = factsOf(session, arrival, prepared, figures)
  if ((await chunk?.judge(facts)) === 'withhold')
    return step(work, 'withhold', () =>
      withhold(session, work, hands.lease, arrival, prepared, figures, options),
    )
  const rebuilt =
    landing.kind === 'staging'
      ? await rebuildSome(session, work, hands, arrival, prepared, preparing)
      : undefined
  const last = rebuilt ?? landing
  return step(work, 'publish', async () => {
    const leaves = prepared.leaves.map((leaf) => leaf.rebuilt?.leaf ?? leaf)
    await letGo(session, work, target, last, leaves)
    return conclude(session, work, hands.lease, {
      target,
      crew: hands.crew,
      landings: rebuilt ? [rebuilt, landing] : [landing],
      leaves: [...prepared.leaves, ...(arrival.kept?.leaves ?? [])],
      onDuplicate: options.onDuplicate,
      scope: plan.scope,
      mayReplace: plan.mayReplace,
      territory,
      clears,
      load,
      digest: arrival.digest,
      again: options.again || chunk !== undefined,
      replay: options.replay,
      chunk,
      prove: options.prove,
      figures,
    })
  })
}

function factsOf(
  session: Session,
  { plan: { target } }: Arrival,
  { leaves }: Prepared,
  figures: Omit<ArrivedFacts, 'rows' | 'days'>,
): ArrivedFacts {
  const policy = target.dataset.partition
  return {
    ...figures,
    rows: leaves.reduce((sum, { rows }) => sum + rows, 0),
    days: async () => (policy ? daysWithRows(session, policy, leaves) : new Set()),
  }
}

/** Leaves of the target, written anew beside it where that is better than inserting rows into what is there. */
async function rebuildSome(
  session: Session,
  work: Work,
  { crew }: Hands,
  { plan: { target, strategy, territory }, load }: Arrival,
  { leaves }: Prepared,
  options: PrepareOptions,
): Promise<Landing | undefined> {
  const isMerge = strategy === 'merge'
  let wanted = leaves
  if (strategy === 'append' || (isMerge && territory?.spared !== undefined)) wanted = []
  else if (strategy === 'scope') wanted = replacedWhole(target, leaves, options)
  else if (isMerge) wanted = await worthRebuilding(session, target, leaves, options)
  if (wanted.length === 0) return undefined
  return step(
    work,
    'rebuild',
    () => rebuild(session, crew, work, target, load, wanted, options, isMerge),
    () => `${wanted.length} of ${leaves.length} leaves`,
  )
}

/** Those that a forced chunk stands for from bound to bound. */
function replacedWhole(target: LoadTarget, leaves: ReadyLeaf[], { replaced }: PrepareOptions): ReadyLeaf[] {
  if (!replaced || !target.leaves || !target.isAligned || target.obstacles.length > 0) return []
  return leaves.filter(({ range }) => range && replaced.covers(range))
}
