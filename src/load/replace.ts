import { DwhError, type ErrorCode } from '../errors.ts'
import { positionDate, positionOf, positionSql } from '../partitions/bounds.ts'
import { literal, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Policy } from '../warehouse/schema.ts'
import type { LoadTarget } from './target.ts'

/** What a file stands for. */
interface Replacing {
  target: LoadTarget
  /** Its rows. */
  leaves: RelationName[]
  scope: string | undefined
  mayReplace: boolean
}

/**
 * Deletes the rows that the file stands for: those of its scope within the days that its rows reach over.
 *
 * @throws DwhError ROWS_UNFIT for rows of the file outside the scope, and for rows of the table that nobody spoke of
 */
export async function replaceScope(
  session: Session,
  { target, leaves, scope, mayReplace }: Replacing,
): Promise<number> {
  const policy = target.leaves ? target.dataset.partition : undefined
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
    if (policy && low !== null && high !== null) spans.push(windowCondition(policy, low, high))
  }
  if (policy && spans.length === 0) return 0
  const window = spans.length === 0 ? '' : ` AND (${spans.join(' OR ')})`
  const replaced = await session.run(
    `DELETE FROM ${relation(target.dataset.target)} WHERE (${condition})${window}`,
  )
  if (replaced > 0 && !mayReplace) throw daysTaken(target, 'ROWS_UNFIT')
  return replaced
}

/** From the start of the day of the first row to the end of the day of the last one. */
export function windowCondition(policy: Policy, low: string, high: string): string {
  const position = positionSql(policy)
  const step = policy.kind === 'year_quarter' ? { months: 3 } : { days: 1 }
  const from = low === '-infinity' ? literal(low) : positionOf(policy, positionDate(policy, low))
  const until = positionOf(policy, positionDate(policy, high).add(step))
  return `(${position} >= ${from} AND ${high === 'infinity' ? 'true' : `${position} < ${until}`})`
}

function outsideScope({ dataset }: LoadTarget, rows: number, scope: string): DwhError {
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
      hint: 'say what becomes of them: --strategy scope replaces them, --strategy append keeps them; or declare a `key` or a `scope`',
    },
  )
}
