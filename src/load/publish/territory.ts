import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../../errors.ts'
import { datesOf, positionDate, positionOf, positionSql, type Range } from '../../partitions/bounds.ts'
import { periodOf } from '../../partitions/periods.ts'
import type { Leaf } from '../../partitions/tree.ts'
import { literal } from '../../postgres/identifiers.ts'
import type { Window } from '../../sources/window.ts'
import type { Dataset } from '../../warehouse/load.ts'
import type { Policy } from '../../warehouse/schema.ts'

/** The rows that a chunk stands for: those of its scope within its window. */
export class Territory {
  /** SQL over the columns of the target, with its parameters filled in; undefined for all rows. */
  readonly scope: string | undefined
  /** SQL; undefined where the dataset has no windows. */
  readonly window: string | undefined
  /** SQL, true for rows that sources of a higher priority have brought, and that stay as they are. */
  readonly spared: string | undefined
  readonly #policy: Policy | undefined
  readonly #dates: { from: Temporal.PlainDate; to: Temporal.PlainDate } | undefined

  /** @throws DwhError USAGE for a parameter of the scope that is not given, and a window of what has no policy */
  constructor(
    dataset: Dataset,
    parameters: Record<string, string>,
    window: Window | undefined,
    yields: string[] = [],
  ) {
    const policy = dataset.partition
    if (window && !policy) throw windowless(dataset)
    this.scope = fillScope(dataset, parameters)
    this.spared = yields.length > 0 ? yields.map((one) => `(${one})`).join(' OR ') : undefined
    this.#policy = policy
    this.#dates = policy && window ? wholePeriods(policy, window) : undefined
    this.window = policy && this.#dates ? betweenDates(policy, this.#dates) : undefined
  }

  /** One SQL condition, true for the rows of the territory and for no others. */
  get condition(): string {
    const parts = [this.scope, this.window].flatMap((part) => (part === undefined ? [] : [`(${part})`]))
    return parts.length === 0 ? 'true' : parts.join(' AND ')
  }

  /** The same, for the rows of it that may give way. */
  get own(): string {
    return this.spared === undefined ? this.condition : `${this.condition} AND (${this.spared}) IS NOT TRUE`
  }

  /** Some row of it may lie in this leaf; undefined is the unknown one. */
  touches(range: Range | undefined): boolean {
    if (!this.#policy || !this.#dates || !range) return true
    const { from, until } = datesOf(this.#policy, range)
    const { compare } = Temporal.PlainDate
    return compare(from, this.#dates.to) < 0 && compare(this.#dates.from, until) < 0
  }

  /** Every row within these bounds lies in the window. */
  spans(range: Range | undefined): boolean {
    if (!this.#policy || !this.#dates) return this.window === undefined
    if (!range) return false
    const { from, until } = datesOf(this.#policy, range)
    const { compare } = Temporal.PlainDate
    return compare(this.#dates.from, from) <= 0 && compare(until, this.#dates.to) <= 0
  }

  /** Every row within these bounds is one of the territory, and may give way. */
  covers(range: Range | undefined): boolean {
    return this.scope === undefined && this.spared === undefined && this.spans(range)
  }

  /** A position as text, as `positionSql` gives it, lies in the window. */
  holds(position: string): boolean {
    if (!this.#policy || !this.#dates) return true
    const date = positionDate(this.#policy, position)
    const { compare } = Temporal.PlainDate
    return compare(this.#dates.from, date) <= 0 && compare(date, this.#dates.to) < 0
  }
}

/** The leaves that rows of a territory may lie in. */
export function touchedLeaves(territory: Territory, leaves: Leaf[]): Leaf[] {
  return leaves.filter(({ range }) => territory.touches(range))
}

/** The predicate of a dataset's scope with its `:parameters` as literals. */
export function fillScope(
  { scope, name }: Pick<Dataset, 'scope' | 'name'>,
  parameters: Record<string, string>,
): string | undefined {
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

/** SQL, true for the rows of the days of some windows. */
export function daysCondition(policy: Policy, windows: Window[]): string {
  const each = windows.map((window) => `(${betweenDates(policy, wholePeriods(policy, window))})`)
  return each.length === 0 ? 'false' : each.join(' OR ')
}

/** A quarter that a window cuts belongs to it whole: rows know no more of their date. */
function wholePeriods(policy: Policy, { from, to }: Window) {
  if (policy.kind !== 'year_quarter') return { from, to }
  return { from: periodOf(from, 'quarter').start, to: periodOf(to.subtract({ days: 1 }), 'quarter').end }
}

function betweenDates(
  policy: Policy,
  { from, to }: { from: Temporal.PlainDate; to: Temporal.PlainDate },
): string {
  const position = positionSql(policy)
  return `${position} >= ${positionOf(policy, from)} AND ${position} < ${positionOf(policy, to)}`
}

function windowless({ name }: Dataset): DwhError {
  return new DwhError(
    'USAGE',
    `dataset ${name} has no \`partition\`: which rows belong to a window cannot be told; nothing was changed`,
    { hint: `describe its policy, or take all there is in one chunk, without --from and --to` },
  )
}
