import { Temporal } from 'temporal-polyfill'
import { limits } from '../partitions/bounds.ts'
import type { PlannedChunk } from './plan.ts'
import type { Check } from './preflight.ts'

/** What is told of windows with days for which their policy makes no leaf: of them every row may be refused, window after window. */
export function leaflessWindows(chunks: PlannedChunk[]): Check[] {
  const taken = chunks.filter(({ taken }) => taken)
  return [...Map.groupBy(taken, ({ pair }) => pair.dataset)].flatMap(([dataset, planned]) => {
    const policy = dataset.partition
    if (!policy) return []
    const { floor, ceiling } = limits(policy)
    const { compare } = Temporal.PlainDate
    const early = planned.filter(({ window }) => window && compare(window.from, floor) < 0)
    const late = planned.filter(({ window }) => window && compare(window.to, ceiling) > 0)
    const fate = policy.unknown ? 'may go to the leaf of the unknown' : 'are refused where no leaf is there'
    const check = (some: PlannedChunk[], where: string, setting: string): Check[] =>
      some.length === 0
        ? []
        : [
            {
              what: 'leaves',
              state: 'warning',
              finding: `${dataset.name} gets no leaves ${where}, and ${windowsText(some)} those days: their rows ${fate}`,
              hint: `if they are wanted set \`${setting}\` in the policy of ${dataset.name}, or ask for fewer days`,
            },
          ]
    return [...check(early, `before ${floor}`, 'from'), ...check(late, `from ${ceiling} on`, 'ceiling')]
  })
}

function windowsText({ length }: PlannedChunk[]): string {
  return length === 1 ? '1 window has' : `${length} windows have`
}
