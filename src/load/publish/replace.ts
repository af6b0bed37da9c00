import { DwhError, type ErrorCode } from '../../errors.ts'
import { positionDate, positionOf, positionSql } from '../../partitions/bounds.ts'
import { literal, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Policy } from '../../warehouse/schema.ts'
import type { LandingLeaf } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { refuseCascade } from './refuse-cascade.ts'

/** What a file stands for. */
interface Replacing {
  target: LoadTarget
  /** Those that have rows of it. */
  leaves: LandingLeaf[]
  scope: string | undefined
  mayReplace: boolean
}

/**
 * Deletes the rows that the file stands for: those of its scope within the days that its rows reach over. A file without
 * rows stands for none.
 *
 * @throws DwhError ROWS_UNFIT for rows of the file outside the scope, and for rows of the table that nobody spoke of
 */
export async function replaceScope(
  session: Session,
  { target, leaves, scope, mayReplace }: Replacing,
): Promise<number> {
  const policy = target.leaves ? target.dataset.partition : undefined
  if (leaves.length === 0) return 0
  const condition = scope ?? 'true'
  const spans: string[] = []
  for (const leaf of leaves) {
    const position = policy ? positionSql(policy) : 'NULL'
    const { outside, low, high } = await session.one<{
      outside: number
      low: string | null
      high: string | null
    }>(
      `SELECT count(*) FILTER (WHERE (${condition}) IS NOT TRUE) AS outside, min(${position})::text AS low, max(${position})::text AS high FROM ${relation(leaf)}`,
    )
    if (outside > 0) throw outsideScope(target, outside, condition)
    // The unknown leaf has what lies before all others and what lies behind them: between the two are days of others.
    if (policy && leaf.range === undefined) spans.push(dayCondition(policy, relation(leaf)))
    else if (policy && low !== null && high !== null) spans.push(windowCondition(policy, low, high))
  }
  const window = spans.length === 0 ? '' : ` AND (${spans.join(' OR ')})`
  const replaced = await session.run(
    `DELETE FROM ${relation(target.dataset.target)} WHERE (${condition})${window}`,
  )
  if (replaced > 0 && !mayReplace) throw daysTaken(target, 'ROWS_UNFIT')
  if (replaced > 0) await refuseCascade(session, target)
  return replaced
}

/** From the start of the day of the first row to the end of the day of the last one. */
export function windowCondition(policy: Policy, low: string, high: string): string {
  const position = positionSql(policy)
  const step = policy.kind === 'year_quarter' ? { months: 3 } : { days: 1 }
  const from = low === '-infinity' ? literal(low) : positionOf(policy, positionDate(policy, low))
  const until = positionOf(policy, positionDate(policy, high).add(step))
  if (policy.kind === 'date_key' || policy.kind === 'year_quarter') {
    // -1 and 20231301 are no days.
    const [first, end] = [Math.min(Number(from), Number(low)), Math.max(Number(until), Number(high) + 1)]
    return `(${position} >= ${first} AND ${position} < ${end})`
  }
  if (high === '-infinity') return `(${position} = ${literal(high)})`
  return `(${position} >= ${from} AND ${high === 'infinity' ? 'true' : `${position} < ${until}`})`
}

/** The days that some rows have, and none between them. */
function dayCondition(policy: Policy, rows: string): string {
  const day = daySql(policy)
  const isNull = `${day} IS NULL`
  return `(${day} IN (SELECT ${day} FROM ${rows}) OR (${isNull} AND EXISTS (SELECT FROM ${rows} WHERE ${isNull})))`
}

export function daySql(policy: Policy): string {
  const position = positionSql(policy)
  if (policy.kind === 'timestamp') return `date_trunc('day', ${position})`
  return policy.kind === 'timestamptz' ? `date_trunc('day', ${position}, ${literal(policy.zone)})` : position
}

export function outsideScope({ dataset }: LoadTarget, rows: number, scope: string): DwhError {
  return new DwhError(
    'ROWS_UNFIT',
    `${rows.toLocaleString('en')} rows of the file lie outside the scope of ${dataset.name}, ${scope}; nothing was loaded`,
    { hint: 'give the parameters of the scope with --param, or mend the file' },
  )
}

/** Without a declared scope nobody has said that a file stands for all rows of its days. */
export function daysTaken({ dataset }: LoadTarget, code: ErrorCode): DwhError {
  return new DwhError(
    code,
    `dataset ${dataset.name} has no key, and ${shown(dataset.target)} has rows of the days of this file; nothing was changed`,
    {
      hint: 'say what becomes of them: --strategy scope replaces them, --strategy append keeps them, a backfill replaces them with --force; or declare a `key` or a `scope`',
    },
  )
}
