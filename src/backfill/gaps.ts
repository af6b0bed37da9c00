import type { Chunk } from '../ledger/chunk.ts'
import type { ChunkFilter } from '../ledger/generations.ts'
import { withoutAddress } from '../sources/http/trouble.ts'

/** Days that no chunk has brought, of one dataset, source and parameters: [from, to). */
export interface Gap {
  dataset: string
  source: string
  parameters: Record<string, string>
  from: string
  to: string
  /** Of the last chunk that should have brought them; null where there is none. */
  state: Chunk['state'] | null
  backfill: number | null
  /** `never loaded`, or what became of the last chunk that should have brought them. */
  why: string
}

export type Days = [from: string, to: string]

/**
 * The days between the first and the last that a chunk speaks of, or those that are asked for, that no chunk which counts has
 * brought. Dates are texts such as 2024-01-31, which sort by themselves.
 */
export function findGaps(chunks: Chunk[], { from, to }: Pick<ChunkFilter, 'from' | 'to'>): Gap[] {
  const groups = Map.groupBy(chunks, ({ dataset, source, parameters }) =>
    JSON.stringify([dataset, source, Object.entries(parameters).toSorted()]),
  )
  return [...groups.values()].flatMap((group) => gapsOf(group, from, to))
}

function gapsOf(group: Chunk[], from: string | undefined, to: string | undefined): Gap[] {
  const [first] = group
  const dated = group.flatMap((chunk): [Chunk, Days][] =>
    chunk.window_from === null || chunk.window_to === null
      ? []
      : [[chunk, [chunk.window_from, chunk.window_to]]],
  )
  if (!first || dated.length === 0) return []
  const start = from ?? (dated.map(([, days]) => days[0]).toSorted()[0] as string)
  const end =
    to ??
    (dated
      .map(([, days]) => days[1])
      .toSorted()
      .at(-1) as string)
  // What gave way to a later one is there by that.
  const counts = ({ state }: Chunk) => state === 'done' || state === 'flagged' || state === 'superseded'
  const there = dated.filter(([chunk]) => counts(chunk)).map(([, days]) => days)
  const of = { dataset: first.dataset, source: first.source, parameters: first.parameters }
  // What another chunk should have brought is told apart from what none was asked for.
  const others = dated.filter(([chunk]) => !counts(chunk)).toSorted((a, b) => b[0].chunk - a[0].chunk)
  const gaps: Gap[] = []
  let left = without([[start, end]], there)
  for (const [chunk, days] of others) {
    for (const [low, high] of within(left, days))
      gaps.push({
        ...of,
        from: low,
        to: high,
        state: chunk.state,
        backfill: chunk.backfill,
        why: reason(chunk),
      })
    left = without(left, [days])
  }
  for (const [low, high] of left)
    gaps.push({ ...of, from: low, to: high, state: null, backfill: null, why: 'never loaded' })
  return gaps.toSorted((a, b) => (a.from < b.from ? -1 : 1))
}

function reason({ state, chunk, backfill, error }: Chunk): string {
  const of = `${state} (chunk ${chunk} of backfill ${backfill})`
  return error === null ? of : `${of}: ${withoutAddress(error.split('\n')[0] ?? '')}`
}

/** What is left of some spans where others are taken away. */
export function without(spans: Days[], taken: Days[]): Days[] {
  let left = spans
  for (const [low, high] of taken)
    left = left.flatMap(([from, to]): Days[] => {
      if (high <= from || to <= low) return [[from, to]]
      const before: Days[] = from < low ? [[from, low]] : []
      return high < to ? [...before, [high, to]] : before
    })
  return left
}

/** What of some spans lies in another. */
function within(spans: Days[], [low, high]: Days): Days[] {
  return spans.flatMap(([from, to]): Days[] => {
    const [start, end] = [from > low ? from : low, to < high ? to : high]
    return start < end ? [[start, end]] : []
  })
}

/** Spans that touch or overlap become one. */
export function joined(spans: Days[]): Days[] {
  const all: Days[] = []
  for (const [from, to] of spans.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const last = all.at(-1)
    if (!last || from > last[1]) all.push([from, to])
    else if (to > last[1]) last[1] = to
  }
  return all
}
