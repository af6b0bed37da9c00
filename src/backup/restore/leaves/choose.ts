import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../../../errors.ts'
import { datesOf, parseForValues, type Range } from '../../../partitions/bounds.ts'
import { addPeriods, periodStart } from '../../../partitions/periods.ts'
import { shown } from '../../../postgres/identifiers.ts'
import type { Grain, Policy } from '../../../warehouse/schema.ts'
import type { BackedUpTable } from '../../manifest.ts'

/** [from, until) */
export interface Dates {
  from: Temporal.PlainDate
  until: Temporal.PlainDate
}

/** Which leaves of a dataset shall be restored; all of them where nothing is said. */
export interface LeafWish {
  /** `2023`, `2023-06`, `2023-06-15`, `2023-Q2`, or the name of a leaf. */
  partitions: string[]
  from: Temporal.PlainDate | undefined
  until: Temporal.PlainDate | undefined
}

/** A leaf as a backup has it. */
export interface BackedUpLeaf {
  table: BackedUpTable
  /** As in pg_get_expr(relpartbound). */
  bound: string
  /** Undefined for the DEFAULT partition. */
  range: Range | undefined
  /** That it holds; undefined for the DEFAULT partition. */
  dates: Dates | undefined
}

export interface ChosenLeaf extends BackedUpLeaf {
  /** It holds more than was asked for: leaves are restored whole. */
  isMore: boolean
}

/** The leaves of a table in a backup, as they were. */
export function backedUpLeaves(tables: BackedUpTable[], policy: Policy): BackedUpLeaf[] {
  return tables.flatMap((table): BackedUpLeaf[] => {
    const bound = table.parent?.bound
    const range = bound === undefined ? undefined : parseForValues(bound)
    if (bound === undefined || range === undefined) return []
    if (range === 'default') return [{ table, bound, range: undefined, dates: undefined }]
    return [{ table, bound, range, dates: datesOf(policy, range) }]
  })
}

/**
 * The leaves that somebody asks for, in the order of the backup.
 *
 * @throws DwhError USAGE for a word that is neither a period nor a leaf, and where the backup has no such leaf
 */
export function chooseLeaves(dataset: string, leaves: BackedUpLeaf[], wish: LeafWish): ChosenLeaf[] {
  const { partitions, from, until } = wish
  if (partitions.length === 0 && !from && !until) return leaves.map((leaf) => ({ ...leaf, isMore: false }))
  const chosen = new Map<BackedUpLeaf, boolean>()
  const take = (leaf: BackedUpLeaf, isMore: boolean) => chosen.set(leaf, isMore && (chosen.get(leaf) ?? true))
  for (const word of partitions) {
    const named = leaves.filter(({ table }) => table.name === word || shown(table) === word)
    const period = named.length > 0 ? undefined : periodOfText(word)
    if (named.length === 0 && !period) throw unknownWord(dataset, word, leaves)
    const touched = period ? touching(leaves, period) : named.map((leaf) => ({ leaf, isMore: false }))
    if (touched.length === 0) throw nothingThere(dataset, word, leaves)
    for (const { leaf, isMore } of touched) take(leaf, isMore)
  }
  if (from || until) {
    const span = { from: from ?? beginning, until: until ?? end }
    const touched = touching(leaves, span)
    if (touched.length === 0) throw nothingThere(dataset, `${from ?? ''}..${until ?? ''}`, leaves)
    for (const { leaf, isMore } of touched) take(leaf, isMore)
  }
  return leaves.flatMap((leaf) => (chosen.has(leaf) ? [{ ...leaf, isMore: chosen.get(leaf) === true }] : []))
}

const { compare } = Temporal.PlainDate
const beginning = Temporal.PlainDate.from('-099999-01-01')
const end = Temporal.PlainDate.from('+275760-01-01')

/** Which leaves hold dates of a span, and whether others too. */
function touching(leaves: BackedUpLeaf[], span: Dates): { leaf: BackedUpLeaf; isMore: boolean }[] {
  return leaves.flatMap((leaf) => {
    const { dates } = leaf
    if (!dates || compare(dates.from, span.until) >= 0 || compare(dates.until, span.from) <= 0) return []
    return [{ leaf, isMore: compare(dates.from, span.from) < 0 || compare(dates.until, span.until) > 0 }]
  })
}

/** `2023`, `2023-06`, `2023-06-15` or `2023-Q2`; underscores, as in the names of leaves, stand for the hyphens. */
export function periodOfText(text: string): Dates | undefined {
  const [, year, quarter, month, day] =
    /^(\d{4,6})(?:[-_](?:q([1-4])|(\d\d)(?:[-_](\d\d))?))?$/i.exec(text) ?? []
  if (year === undefined) return undefined
  const grain: Grain = day ? 'day' : month ? 'month' : quarter ? 'quarter' : 'year'
  try {
    const date = Temporal.PlainDate.from(
      { year: +year, month: quarter ? +quarter * 3 - 2 : +(month ?? 1), day: +(day ?? 1) },
      { overflow: 'reject' },
    )
    const start = periodStart(date, grain)
    return { from: start, until: addPeriods(start, grain, 1) }
  } catch {
    return undefined
  }
}

function unknownWord(dataset: string, word: string, leaves: BackedUpLeaf[]): DwhError {
  return new DwhError(
    'USAGE',
    `${JSON.stringify(word)} is neither a period such as 2023 or 2023-06 nor a leaf of ${dataset} in the backup; nothing was changed`,
    { hint: `it has ${namesOf(leaves)}` },
  )
}

function nothingThere(dataset: string, what: string, leaves: BackedUpLeaf[]): DwhError {
  return new DwhError('USAGE', `the backup has no leaf of ${dataset} for ${what}; nothing was changed`, {
    hint: `it has ${namesOf(leaves)}`,
  })
}

function namesOf(leaves: BackedUpLeaf[]): string {
  const names = leaves.map(({ table }) => table.name)
  return names.length > 12
    ? `${names.slice(0, 6).join(', ')} … ${names.slice(-3).join(', ')} (${names.length} leaves)`
    : names.join(', ')
}
