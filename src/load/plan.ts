import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { datesOf, limits, positionDate } from '../partitions/bounds.ts'
import { isAttached } from '../partitions/create.ts'
import { periodLabel, periodOf } from '../partitions/periods.ts'
import type { Leaf } from '../partitions/tree.ts'
import { fitName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { Transaction } from '../postgres/transaction.ts'
import type { Reader } from '../sources/file/reader.ts'
import type { Policy } from '../warehouse/schema.ts'
import type { ChunkLoad } from './chunk.ts'
import { needsPlaces, type OnDuplicate } from './publish/deduplicate.ts'
import { occupiedLeaves } from './publish/ready-leaf.ts'
import { daysTaken, windowCondition } from './publish/replace.ts'
import { fillScope, Territory } from './publish/territory.ts'
import { checkExpressions, type Judgement, judge, openCourt } from './send/judge.ts'
import { type LoadTarget, refuseDetaching } from './target.ts'

/** How a file comes into the target. */
export const strategies = ['append', 'merge', 'aside', 'scope'] as const
export type Strategy = (typeof strategies)[number]

/** What a load of one file would do. */
export interface LoadPlan {
  target: LoadTarget
  strategy: Strategy
  /** In plain words. */
  why: string
  /** Where the rows arrive at first. */
  landing: 'leaves' | 'staging' | 'target'
  /** Records of the file, guessed from a sample. */
  rows: number
  /** One date for each leaf that the sample touches. */
  dates: Temporal.PlainDate[]
  /** Names of leaves that the sample touches, and of those among them that have to be made. */
  touched: string[]
  missing: string[]
  /** Leaves that the sample touches and that refuse rows. */
  sealed: Leaf[]
  /** Of the sample: records, and those that would be refused. */
  sampled: { records: number; refused: number }
  /** With its parameters filled in; undefined unless rows are replaced. */
  scope: string | undefined
  /** Somebody has said that rows may be replaced: the dataset by its scope, or the user. */
  mayReplace: boolean
  /** Of a chunk: the rows that it stands for, and whether those that are there give way. */
  territory: Territory | undefined
  clears: boolean
}

export interface PlanOptions {
  strategy: Strategy | undefined
  onDuplicate: OnDuplicate
  /** Of the scope. */
  parameters: Record<string, string>
  chunk?: ChunkLoad | undefined
}

/**
 * Looks at a sample of a file and at the target, and decides how the one comes into the other. What is tried on the server
 * is rolled back.
 *
 * @throws DwhError TARGET_UNFIT, also for a table with the name of a leaf to be made; USAGE, CONFIG_INVALID
 */
export async function planLoad(
  session: Session,
  target: LoadTarget,
  reader: Reader,
  options: PlanOptions,
): Promise<LoadPlan> {
  const { dataset } = target
  const { chunk, parameters } = options
  const territory = chunk && new Territory(dataset, parameters, chunk.window, chunk.yields)
  const sample = await reader.sample()
  const looked = evenly(sample.records, chunk ? mostOfChunk : mostLookedAt)
  const judged = await judgeSample(
    session,
    target,
    looked.filter(({ problem }) => !problem),
  )
  const policy = target.leaves ? dataset.partition : undefined
  // Those of rejects come nowhere. Many rows have one position, and to find out where it lies is dear.
  const placed = new Set(
    judged.flatMap(({ position, reasons }) => (position === null || reasons.length > 0 ? [] : [position])),
  )
  const positions = [...placed].filter((position) => territory?.holds(position) !== false)
  const touched = policy ? touchedLeaves(policy, target, positions) : []
  const names = touched.map(({ name }) => name)
  refuseDetaching(target, target.leaves?.filter(({ name }) => names.includes(name)) ?? [])
  const missing = touched.filter(({ isThere }) => !isThere).map(({ name }) => name)
  for (const name of missing) await isAttached(session, target.oid, { schema: dataset.target.schema, name })
  const occupied = await occupiedLeaves(session, target)
  const look: Look = {
    target,
    options,
    occupied: [...(target.leaves ?? [])]
      .filter(({ oid, range }) => occupied.has(oid) && !(chunk?.replaces && territory?.covers(range)))
      .map(({ name }) => name),
    touched: names,
    isEmpty: target.leaves ? occupied.size === 0 : await isEmptyTable(session, target),
  }
  const choice = choose(look)
  const mayReplace = options.strategy === 'scope' || dataset.scope !== undefined || chunk?.replaces === true
  if (choice.strategy === 'scope' && !mayReplace)
    await refuseSilentReplacement(session, target, policy, positions)
  return {
    target,
    ...choice,
    rows: sample.rows,
    dates: touched.map(({ from }) => from),
    touched: names,
    missing,
    sealed: (target.leaves ?? []).filter((leaf) => leaf.sealed && names.includes(leaf.name)),
    sampled: {
      records: looked.length,
      refused:
        looked.filter(({ problem }) => problem).length +
        judged.filter(({ reasons }) => reasons.length > 0).length,
    },
    scope: choice.strategy === 'scope' ? (fillScope(dataset, options.parameters) ?? 'true') : undefined,
    mayReplace,
    territory,
    clears: territory !== undefined && choice.strategy === 'scope',
  }
}

/** Records of a sample that are judged: enough to meet every leaf of a few years. */
const mostLookedAt = 2000

/** A chunk has few leaves, and there are many chunks. */
const mostOfChunk = 400

/** All, or some of them from beginning to end. */
function evenly<T>(all: T[], most: number): T[] {
  const step = Math.max(1, all.length / most)
  return Array.from({ length: Math.min(all.length, most) }, (_, n) => all[Math.floor(n * step)] as T)
}

async function judgeSample(
  session: Session,
  target: LoadTarget,
  records: Parameters<typeof judge>[2],
): Promise<Judgement[]> {
  await using _ = await Transaction.begin(session)
  await openCourt(session, target)
  await checkExpressions(session, target)
  return await judge(session, target, records)
}

interface Look {
  target: LoadTarget
  options: PlanOptions
  occupied: string[]
  touched: string[]
  isEmpty: boolean
}

function choose(look: Look): Pick<LoadPlan, 'strategy' | 'why' | 'landing'> {
  const { target, options, occupied, touched, isEmpty } = look
  const { dataset, obstacles } = target
  const { key } = dataset
  const taken = target.isAligned ? touched.filter((leaf) => occupied.includes(leaf)) : occupied
  const mayAttach = target.leaves !== undefined && obstacles.length === 0
  const isFree = mayAttach && taken.length === 0
  const landing = (strategy: Strategy): LoadPlan['landing'] => {
    if (strategy === 'append') return 'target'
    if (strategy === 'merge' || !isFree) return 'staging'
    // A source seldom gives a key twice with other values: then its rows are read again, and else written once instead of twice.
    const isSifted = strategy === 'aside' && options.chunk === undefined
    return isSifted && needsPlaces(target, options.onDuplicate) ? 'staging' : 'leaves'
  }
  const chosen = (strategy: Strategy, why: string) => ({ strategy, why, landing: landing(strategy) })
  if (options.chunk?.replaces) return chosen('scope', 'what is there is replaced')
  if (options.strategy) {
    refuseForced(look, options.strategy, mayAttach)
    return chosen(options.strategy, 'asked for')
  }
  if (!key && options.chunk?.isPart)
    return {
      strategy: 'append',
      why: 'no key, and only new rows come',
      landing: isFree ? 'leaves' : 'staging',
    }
  if (!key)
    return chosen('scope', isFree || isEmpty ? 'no key, and nothing is there to be replaced' : 'no key')
  if (isFree) return chosen('aside', 'the leaves are absent or empty')
  if (!target.leaves) return chosen('merge', 'the table has no leaves')
  if (obstacles.length > 0) return chosen('merge', `the rows must go by ${obstacles[0]}`)
  return chosen('merge', `${taken.slice(0, 3).join(', ')}${taken.length > 3 ? ', …' : ''} hold rows`)
}

function refuseForced({ target }: Look, strategy: Strategy, mayAttach: boolean): void {
  const { key, name } = target.dataset
  const refuse = (why: string, hint: string) => {
    throw new DwhError('USAGE', `--strategy ${strategy}: ${why}; nothing was changed`, { hint })
  }
  if ((strategy === 'merge' || strategy === 'aside') && !key)
    refuse(`dataset ${name} has no key`, 'use scope or append, or give the dataset a `key`')
  if (strategy === 'aside' && !mayAttach)
    refuse(
      target.leaves
        ? `rows must go by ${target.obstacles[0]}`
        : `${shown(target.dataset.target)} has no leaves`,
      'use merge',
    )
}

async function isEmptyTable(session: Session, { dataset }: LoadTarget): Promise<boolean> {
  const { empty } = await session.one<{ empty: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM ${relation(dataset.target)}) AS empty`,
  )
  return empty
}

/** A leaf that a date belongs to. */
interface TouchedLeaf {
  name: string
  isThere: boolean
  from: Temporal.PlainDate
  until: Temporal.PlainDate
}

/** The leaves, there or to be made, that positions lie in, within the limits of the policy. */
function touchedLeaves(
  policy: Policy,
  { leaves = [], dataset }: LoadTarget,
  positions: string[],
): TouchedLeaf[] {
  const { compare } = Temporal.PlainDate
  const { floor, ceiling } = limits(policy)
  const there = leaves.flatMap(({ name, range }) =>
    range ? [{ name, isThere: true, ...datesOf(policy, range) }] : [],
  )
  const touched = new Map<string, TouchedLeaf>()
  const holds = ({ from, until }: TouchedLeaf, date: Temporal.PlainDate) =>
    compare(from, date) <= 0 && compare(date, until) < 0
  for (const position of new Set(positions)) {
    const date = positionDate(policy, position)
    if ([...touched.values()].some((leaf) => holds(leaf, date))) continue
    const found = there.filter((leaf) => holds(leaf, date))
    for (const leaf of found) touched.set(leaf.name, leaf)
    if (found.length > 0 || compare(date, floor) < 0 || compare(date, ceiling) >= 0) continue
    const { start: from, end: until } = periodOf(date, policy.grain)
    if (there.some((leaf) => compare(leaf.from, until) < 0 && compare(from, leaf.until) < 0)) continue
    const name = fitName(dataset.target.name, `_${periodLabel({ start: from, end: until }, policy.grain)}`)
    touched.set(name, { name, isThere: false, from, until })
  }
  return [...touched.values()].toSorted((a, b) => compare(a.from, b.from))
}

async function refuseSilentReplacement(
  session: Session,
  target: LoadTarget,
  policy: Policy | undefined,
  positions: string[],
): Promise<void> {
  const window = policy && positions.length > 0 ? windowsOf(policy, positions).join(' OR ') : 'true'
  const { found } = await session.one<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM ${relation(target.dataset.target)} WHERE ${window}) AS found`,
  )
  if (found) throw daysTaken(target, 'USAGE')
}

/** The days from the first to the last within the limits of the policy, and each of those beyond by itself. */
function windowsOf(policy: Policy, positions: string[]): string[] {
  const { compare } = Temporal.PlainDate
  const { floor, ceiling } = limits(policy)
  const isWithin = (position: string) => {
    const date = positionDate(policy, position)
    return compare(floor, date) <= 0 && compare(date, ceiling) < 0
  }
  const ordered = [...new Set(positions)].toSorted(byValue)
  const [low, ...others] = ordered.filter(isWithin)
  const beyond = ordered.filter((position) => !isWithin(position))
  return [
    ...(low === undefined ? [] : [windowCondition(policy, low, others.at(-1) ?? low)]),
    ...beyond.map((position) => windowCondition(policy, position, position)),
  ]
}

/** Positions are numbers or ISO texts. */
function byValue(a: string, b: string): number {
  return /^-?\d+$/.test(a) && /^-?\d+$/.test(b) ? Number(a) - Number(b) : a < b ? -1 : 1
}
