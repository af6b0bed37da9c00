import type { PastChunk } from '../ledger/chunks.ts'
import { findChunks } from '../ledger/generations.ts'
import type { OthersRows } from '../load/chunk.ts'
import { Territory } from '../load/publish/territory.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { chunkName, windowOf } from './chunk-work.ts'
import { sourceOf } from './code.ts'
import { type Days, joined } from './gaps.ts'
import { areRivals, type OwnedDays, type Owner, ownerKey, scopeOf, touches } from './owners.ts'
import type { PlannedChunk } from './plan.ts'

/**
 * Looks whether rows that windows would replace lie in the scope and the days of what another owner has brought. One question
 * for each two owners, over all days that they share; where their scopes exclude each other the planner knows the answer.
 */
export async function findSharedRows(
  session: Session,
  warehouse: Warehouse,
  taken: PlannedChunk[],
  counting: PastChunk[],
): Promise<{ one: PlannedChunk; other: PastChunk; rows: number } | undefined> {
  const key = (owner: Owner) => JSON.stringify([owner.dataset, ownerKey(owner)])
  const owners = Map.groupBy(taken, ({ chunk }) => key(chunk))
  const others = Map.groupBy(counting, key)
  for (const [one, ...more] of owners.values())
    for (const [other, ...its] of others.values()) {
      if (!one || !other || !areRivals(warehouse, one.chunk, other)) continue
      const windows = [one, ...more].map(({ chunk }) => chunk)
      const condition = sharedCondition(warehouse, windows, [other, ...its])
      const rows = condition === undefined ? 0 : await countRows(session, one, condition)
      if (rows > 0) return { one, other, rows }
    }
  return undefined
}

/** undefined where they share no day, and where nobody can tell any more which rows the other one owns */
function sharedCondition(
  warehouse: Warehouse,
  own: PlannedChunk['chunk'][],
  its: PastChunk[],
): string | undefined {
  const [one, other] = [own[0], its[0]]
  if (!one || !other) return undefined
  const { dataset } = sourceOf(warehouse, one.dataset, one.source)
  const scope = scopeOf(warehouse, other)
  if (scope === undefined && sourceOf(warehouse, other.dataset, other.source).dataset.scope !== undefined)
    return undefined
  const spans = joined(own.flatMap((chunk) => its.flatMap((past) => commonDays(chunk, past))))
  const isEverywhere = its.some((past) => past.window_from === null) && one.window_from === null
  if (spans.length === 0 && !isEverywhere) return undefined
  const windows = isEverywhere || !dataset.partition ? [undefined] : spans
  const within = windows.map((days) => {
    const window = days && windowOf({ window_from: days[0], window_to: days[1], zone: one.zone })
    return `(${new Territory(dataset, one.parameters, window).condition})`
  })
  return [`(${within.join(' OR ')})`, ...(scope === undefined ? [] : [`(${scope})`])].join(' AND ')
}

function commonDays(one: OwnedDays, other: OwnedDays): Days[] {
  if (!touches(one, other)) return []
  const spans = [one, other].flatMap(({ window_from: from, window_to: to }): Days[] =>
    from === null || to === null ? [] : [[from, to]],
  )
  const from = spans
    .map(([from]) => from)
    .toSorted()
    .at(-1)
  const to = spans.map(([, to]) => to).toSorted()[0]
  return from === undefined || to === undefined ? [] : [[from, to]]
}

async function countRows(
  session: Session,
  { pair: { dataset } }: PlannedChunk,
  condition: string,
): Promise<number> {
  const table = relation(dataset.target)
  return inTransaction(session, async () => {
    const { there } = await session.one<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
      table,
    ])
    if (!there) return 0
    await session.run('SET LOCAL constraint_exclusion = on')
    const { rows } = await session.one<{ rows: number }>(
      `SELECT count(*) AS rows FROM ${table} WHERE ${condition}`,
    )
    return rows
  })
}

/**
 * The rows that others have brought into the days of a chunk and that are not to give way to it: asked under the locks of its
 * last transaction, when nobody brings more of them.
 */
export async function rowsOfOthers(
  session: Session,
  warehouse: Warehouse,
  chunk: OwnedDays,
): Promise<OthersRows[]> {
  const { dataset, window_from: from, window_to: to } = chunk
  const found = await findChunks(session, warehouse.name, {
    datasets: [dataset],
    from: from ?? undefined,
    to: to ?? undefined,
  })
  const rivals = found.filter(
    (other) => (other.state === 'done' || other.state === 'flagged') && areRivals(warehouse, chunk, other),
  )
  return rivals.flatMap((other) => {
    const its = sourceOf(warehouse, other.dataset, other.source).dataset
    if (its.scope !== undefined && scopeOf(warehouse, other) === undefined) return []
    const { condition } = new Territory(its, other.parameters, its.partition && windowOf(other))
    return [{ name: chunkName(other), condition }]
  })
}
