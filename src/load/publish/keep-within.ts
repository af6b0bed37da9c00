import type { Work } from '../../events.ts'
import type { Crew } from '../../postgres/crew.ts'
import { relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { ChunkLoad } from '../chunk.ts'
import type { Landing, LandingLeaf } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { outsideScope } from './replace.ts'
import { daysCondition, type Territory } from './territory.ts'

/**
 * Deletes from a landing what lies outside the window of a chunk: an API may give a day more than it was asked for, and
 * those rows belong to the chunk beside. Where there is none that is told, for nobody else will bring them.
 *
 * @returns how many were deleted, and how many of them are of no other window
 * @throws DwhError ROWS_UNFIT for rows within the window and outside the scope
 */
export async function keepWithin(
  work: Work,
  crew: Crew,
  target: LoadTarget,
  landing: Landing,
  territory: Territory,
  chunk: ChunkLoad | undefined,
): Promise<{ outside: number; unplanned: number }> {
  const { window, scope } = territory
  const policy = target.dataset.partition
  const windows = window === undefined ? undefined : await chunk?.beside?.()
  const beside = policy && windows && daysCondition(policy, windows)
  let [outside, unplanned, astray] = [0, 0, 0]
  await crew.each(landing.leaves, async (worker, leaf) => {
    work.signal.throwIfAborted()
    if (window !== undefined && !territory.spans(leaf.range)) {
      const left = await leaveOut(worker, leaf, window, beside)
      outside += left.rows
      unplanned += left.unplanned
    }
    // Without a key they would stand beside those that have precedence.
    if (territory.spared !== undefined && !target.dataset.key)
      outside += (await leaveOut(worker, leaf, `(${territory.spared}) IS NOT TRUE`)).rows
    if (scope !== undefined) astray += await count(worker, leaf, `(${scope}) IS NOT TRUE`)
  })
  if (scope !== undefined && astray > 0) throw outsideScope(target, astray, scope)
  tell(work, outside, unplanned)
  return { outside, unplanned }
}

function tell(work: Work, outside: number, unplanned: number): void {
  const rows = (number: number) => `${number.toLocaleString('en')} rows`
  if (outside > 0) work.emit({ type: 'note', message: `${rows(outside)} outside the window were left out` })
  if (unplanned > 0)
    work.emit({
      type: 'warning',
      message: `${rows(unplanned)} lie in no window that is planned or done, and were left out`,
    })
}

/** @param beside SQL, true for rows that another window takes */
async function leaveOut(
  session: Session,
  leaf: LandingLeaf,
  window: string,
  beside = 'true',
): Promise<{ rows: number; unplanned: number }> {
  return session.one(
    `WITH gone AS (DELETE FROM ${relation(leaf)} WHERE (${window}) IS NOT TRUE RETURNING *) ` +
      `SELECT count(*) AS rows, count(*) FILTER (WHERE (${beside}) IS NOT TRUE) AS unplanned FROM gone`,
  )
}

async function count(session: Session, leaf: LandingLeaf, condition: string): Promise<number> {
  const { rows } = await session.one<{ rows: number }>(
    `SELECT count(*) AS rows FROM ${relation(leaf)} WHERE ${condition}`,
  )
  return rows
}
