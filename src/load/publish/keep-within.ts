import type { Work } from '../../events.ts'
import type { Crew } from '../../postgres/crew.ts'
import { relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Landing, LandingLeaf } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { outsideScope } from './replace.ts'
import type { Territory } from './territory.ts'

/**
 * Deletes from a landing what lies outside the window of a chunk: an API may give a day more than it was asked for, and
 * those rows belong to the chunk beside.
 *
 * @returns how many were deleted
 * @throws DwhError ROWS_UNFIT for rows within the window and outside the scope
 */
export async function keepWithin(
  work: Work,
  crew: Crew,
  target: LoadTarget,
  landing: Landing,
  territory: Territory,
): Promise<number> {
  const { window, scope } = territory
  let left = 0
  let astray = 0
  await crew.each(landing.leaves, async (worker, leaf) => {
    work.signal.throwIfAborted()
    if (window !== undefined && !territory.spans(leaf.range)) left += await leaveOut(worker, leaf, window)
    // Without a key they would stand beside those that have precedence.
    if (territory.spared !== undefined && !target.dataset.key)
      left += await leaveOut(worker, leaf, `(${territory.spared}) IS NOT TRUE`)
    if (scope !== undefined) astray += await count(worker, leaf, `(${scope}) IS NOT TRUE`)
  })
  if (scope !== undefined && astray > 0) throw outsideScope(target, astray, scope)
  if (left > 0)
    work.emit({
      type: 'note',
      message: `${left.toLocaleString('en')} rows outside the window were left out`,
    })
  return left
}

async function leaveOut(session: Session, leaf: LandingLeaf, window: string): Promise<number> {
  return session.run(`DELETE FROM ${relation(leaf)} WHERE (${window}) IS NOT TRUE`)
}

async function count(session: Session, leaf: LandingLeaf, condition: string): Promise<number> {
  const { rows } = await session.one<{ rows: number }>(
    `SELECT count(*) AS rows FROM ${relation(leaf)} WHERE ${condition}`,
  )
  return rows
}
