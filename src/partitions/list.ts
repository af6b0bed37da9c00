import { readSeals, type Seal } from '../ledger/seals.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { type PartitionedDataset, planDatasetLeaves } from './create.ts'
import { runwayDays } from './plan.ts'
import { inspectTarget, type Leaf, serverToday } from './tree.ts'

export type LeafState = 'ok' | 'sealed' | 'seal void' | 'missing' | 'invalid index' | 'pending detach'

/** One line of `dwh partitions list`. */
export interface LeafLine {
  leaf: string
  /** Undefined for the unknown leaf. */
  from: string | undefined
  to: string | undefined
  rows: number | undefined
  /** Rows were counted and not estimated. */
  exact: boolean
  bytes: number
  compression: string | undefined
  analyzedAt: Date | undefined
  /** The seal that nobody has taken off. */
  seal: Seal | undefined
  state: LeafState
}

export interface LeafList {
  dataset: string
  target: 'partitioned' | 'plain' | 'missing'
  leaves: LeafLine[]
  /** Days to the end of the leaves that follow without a gap; undefined where the policy makes none by the clock. */
  runwayDays: number | undefined
}

/** The leaves of a dataset, those that are there and those that the policy misses, in the order of their bounds. */
export async function listLeaves(
  session: Session,
  dataset: PartitionedDataset,
  exact: boolean,
): Promise<LeafList> {
  const { partition: policy } = dataset
  const target = await inspectTarget(session, dataset.target, policy)
  if (target.kind !== 'partitioned') {
    return { dataset: dataset.name, target: target.kind, leaves: [], runwayDays: undefined }
  }
  const today = await serverToday(session, policy.zone)
  const plan = await planDatasetLeaves(session, dataset)
  const lines: LeafLine[] = plan.leaves.map((leaf) => ({
    leaf: leaf.name,
    from: leaf.range?.from.join(', '),
    to: leaf.range?.to.join(', '),
    rows: undefined,
    exact: false,
    bytes: 0,
    compression: undefined,
    analyzedAt: undefined,
    seal: undefined,
    state: 'missing',
  }))
  const seals = await readSeals(session)
  for (const leaf of target.leaves) {
    const own = seals.filter((seal) => seal.leaf === leaf.oid)
    const seal = own.find(({ state }) => state === 'sealed') ?? own[0]
    lines.push(await describeLeaf(session, leaf, seal, exact))
  }
  return {
    dataset: dataset.name,
    target: 'partitioned',
    leaves: lines.toSorted(byBound),
    runwayDays: policy.premake > 0 ? runwayDays(policy, target.leaves, today) : undefined,
  }
}

async function describeLeaf(
  session: Session,
  leaf: Leaf,
  seal: Seal | undefined,
  exact: boolean,
): Promise<LeafLine> {
  const counted = exact
    ? await session.one<{ rows: number }>(`SELECT count(*) AS rows FROM ONLY ${relation(leaf)}`)
    : undefined
  return {
    leaf: leaf.name,
    from: leaf.range?.from.join(', '),
    to: leaf.range?.to.join(', '),
    rows: counted?.rows ?? leaf.rows,
    exact,
    bytes: leaf.bytes,
    compression: leaf.compression,
    analyzedAt: leaf.analyzedAt,
    seal,
    state: leafState(leaf, seal),
  }
}

/** What must be mended comes before what is only told. */
function leafState({ detachPending, invalidIndexes }: Leaf, seal: Seal | undefined): LeafState {
  if (detachPending) return 'pending detach'
  if (invalidIndexes > 0) return 'invalid index'
  if (seal) return seal.state === 'sealed' ? 'sealed' : 'seal void'
  return 'ok'
}

/** By bound; the unknown leaf last. Bounds of one policy have one shape, so that numeric collation orders them. */
function byBound(a: LeafLine, b: LeafLine): number {
  if (a.from === undefined || b.from === undefined)
    return a.from === b.from ? 0 : a.from === undefined ? 1 : -1
  return a.from.localeCompare(b.from, 'en', { numeric: true })
}
