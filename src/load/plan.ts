import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { datesOf, limits, positionDate } from '../partitions/bounds.ts'
import { periodLabel, periodOf } from '../partitions/periods.ts'
import { literal, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { Transaction } from '../postgres/transaction.ts'
import type { Reader } from '../sources/file/reader.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Policy } from '../warehouse/schema.ts'
import { windowCondition } from './conclude.ts'
import { needsPlaces, type OnDuplicate } from './deduplicate.ts'
import { checkExpressions, type Judgement, judge, openCourt } from './judge.ts'
import { occupiedLeaves } from './prepare.ts'
import { type LoadTarget, readTarget } from './target.ts'

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
  /** Dates in the sample, one for each leaf that it touches. */
  dates: Temporal.PlainDate[]
  /** Names of leaves that the sample touches, and of those among them that have to be made. */
  touched: string[]
  missing: string[]
  /** Of the sample: records, and those that would be refused. */
  sampled: { records: number; refused: number }
  /** With its parameters filled in; undefined unless rows are replaced. */
  scope: string | undefined
}

export interface PlanOptions {
  strategy: Strategy | undefined
  onDuplicate: OnDuplicate
  /** Of the scope. */
  parameters: Record<string, string>
}

/**
 * Looks at a sample of a file and at the target, and decides how the one comes into the other. What is tried on the server
 * is rolled back.
 *
 * @throws DwhError TARGET_UNFIT, USAGE, CONFIG_INVALID
 */
export async function planLoad(
  session: Session,
  dataset: Dataset,
  reader: Reader,
  options: PlanOptions,
): Promise<LoadPlan> {
  const target = await readTarget(session, dataset, reader.columns)
  const sample = await reader.sample()
  const judged = await judgeSample(
    session,
    target,
    sample.records.filter(({ problem }) => !problem),
  )
  const policy = target.leaves ? dataset.partition : undefined
  const positions = judged.flatMap(({ position }) => (position === null ? [] : [position]))
  const dates = policy ? leafDates(policy, target, positions) : []
  const touched = policy ? dates.map((date) => leafName(policy, target, date)) : []
  const occupied = await occupiedLeaves(session, target)
  const scope = fillScope(dataset, options.parameters)
  const look: Look = {
    target,
    options,
    occupied: [...(target.leaves ?? [])].filter(({ oid }) => occupied.has(oid)).map(({ name }) => name),
    touched: touched.map(({ name }) => name),
    isEmpty: target.leaves ? occupied.size === 0 : await isEmptyTable(session, target),
    obstacles: await obstacles(session, target),
  }
  const choice = choose(look)
  if (choice.strategy === 'scope' && !options.strategy && dataset.scope === undefined)
    await refuseSilentReplacement(session, target, policy, positions)
  return {
    target,
    ...choice,
    rows: sample.rows,
    dates,
    touched: touched.map(({ name }) => name),
    missing: touched.filter(({ isThere }) => !isThere).map(({ name }) => name),
    sampled: {
      records: sample.records.length,
      refused:
        sample.records.filter(({ problem }) => problem).length +
        judged.filter(({ reasons }) => reasons.length > 0).length,
    },
    scope: choice.strategy === 'scope' ? (scope ?? 'true') : undefined,
  }
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
  obstacles: string[]
}

function choose(look: Look): Pick<LoadPlan, 'strategy' | 'why' | 'landing'> {
  const { target, options, occupied, touched, isEmpty, obstacles } = look
  const { key } = target.dataset
  const taken = target.isAligned ? touched.filter((leaf) => occupied.includes(leaf)) : occupied
  const mayAttach = target.leaves !== undefined && obstacles.length === 0
  const isFree = mayAttach && taken.length === 0
  const landing = (strategy: Strategy): LoadPlan['landing'] => {
    if (strategy === 'append') return 'target'
    if (strategy === 'merge' || !isFree) return 'staging'
    return strategy === 'aside' && needsPlaces(target, options.onDuplicate) ? 'staging' : 'leaves'
  }
  const chosen = (strategy: Strategy, why: string) => ({ strategy, why, landing: landing(strategy) })
  if (options.strategy) {
    refuseForced(look, options.strategy, mayAttach)
    return chosen(options.strategy, 'asked for')
  }
  if (!key)
    return chosen('scope', isFree || isEmpty ? 'no key, and nothing is there to be replaced' : 'no key')
  if (isFree) return chosen('aside', 'the leaves are absent or empty')
  if (!target.leaves) return chosen('merge', 'the table has no leaves')
  if (obstacles.length > 0) return chosen('merge', `the rows must go by ${obstacles[0]}`)
  return chosen('merge', `${taken.slice(0, 3).join(', ')}${taken.length > 3 ? ', …' : ''} hold rows`)
}

function refuseForced({ target, obstacles }: Look, strategy: Strategy, mayAttach: boolean): void {
  const { key, name } = target.dataset
  const refuse = (why: string, hint: string) => {
    throw new DwhError('USAGE', `--strategy ${strategy}: ${why}; nothing was changed`, { hint })
  }
  if ((strategy === 'merge' || strategy === 'aside') && !key)
    refuse(`dataset ${name} has no key`, 'use scope or append, or give the dataset a `key`')
  if (strategy === 'aside' && !mayAttach)
    refuse(
      target.leaves ? `rows must go by ${obstacles[0]}` : `${shown(target.dataset.target)} has no leaves`,
      'use merge',
    )
}

/** Row triggers and rules of the user, and indexes that cannot be built on a leaf alone. */
async function obstacles(session: Session, { oid }: LoadTarget): Promise<string[]> {
  const rows = await session.rows<{ obstacle: string }>(sql('load/obstacles'), [oid])
  return rows.map(({ obstacle }) => obstacle)
}

async function isEmptyTable(session: Session, { dataset }: LoadTarget): Promise<boolean> {
  const { empty } = await session.one<{ empty: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM ${relation(dataset.target)}) AS empty`,
  )
  return empty
}

/** One date for each period or leaf that positions lie in, within the limits of the policy. */
function leafDates(policy: Policy, target: LoadTarget, positions: string[]): Temporal.PlainDate[] {
  const { compare } = Temporal.PlainDate
  const { floor, ceiling } = limits(policy)
  const byLeaf = new Map<string, Temporal.PlainDate>()
  for (const position of new Set(positions)) {
    const date = positionDate(policy, position)
    if (compare(date, floor) < 0 || compare(date, ceiling) >= 0) continue
    const { name } = leafName(policy, target, date)
    if (!byLeaf.has(name)) byLeaf.set(name, date)
  }
  return [...byLeaf.values()].toSorted(compare)
}

function leafName(
  policy: Policy,
  { leaves = [], dataset }: Pick<LoadTarget, 'leaves' | 'dataset'>,
  date: Temporal.PlainDate,
): { name: string; isThere: boolean } {
  const { compare } = Temporal.PlainDate
  for (const { range, name } of leaves) {
    if (!range) continue
    const { from, until } = datesOf(policy, range)
    if (compare(from, date) <= 0 && compare(date, until) < 0) return { name, isThere: true }
  }
  const label = periodLabel(periodOf(date, policy.grain), policy.grain)
  return { name: `${dataset.target.name}_${label}`, isThere: false }
}

/** The predicate with its `:parameters` as literals. */
function fillScope({ scope, name }: Dataset, parameters: Record<string, string>): string | undefined {
  return scope?.replace(/(?<![:\w]):([a-z_]\w*)/gi, (_, parameter: string) => {
    const value = parameters[parameter]
    if (value === undefined) {
      throw new DwhError('USAGE', `the scope of ${name} asks for ${parameter}; nothing was changed`, {
        hint: `add --param ${parameter}=…`,
      })
    }
    return literal(value)
  })
}

/** Without a declared scope nobody has said that a file stands for all rows of its days. */
async function refuseSilentReplacement(
  session: Session,
  target: LoadTarget,
  policy: Policy | undefined,
  positions: string[],
): Promise<void> {
  const ordered = positions.toSorted(byValue)
  const [low, high] = [ordered[0], ordered.at(-1)]
  const window = policy && low && high ? windowCondition(policy, low, high) : 'true'
  const { found } = await session.one<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM ${relation(target.dataset.target)} WHERE ${window}) AS found`,
  )
  if (!found) return
  throw new DwhError(
    'USAGE',
    `dataset ${target.dataset.name} has no key, and ${shown(target.dataset.target)} has rows of the days of this file; nothing was changed`,
    {
      hint: 'say what becomes of them: --strategy scope replaces them, --strategy append keeps them; or declare a `key` or a `scope`',
    },
  )
}

/** Positions are numbers or ISO texts. */
function byValue(a: string, b: string): number {
  return /^-?\d+$/.test(a) && /^-?\d+$/.test(b) ? Number(a) - Number(b) : a < b ? -1 : 1
}
