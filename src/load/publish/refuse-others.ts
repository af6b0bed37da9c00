import { DwhError } from '../../errors.ts'
import { relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Conclusion } from './conclusion.ts'

/**
 * Rows that another source has brought do not give way to those of a chunk, whatever its scope says. To be called under the
 * locks of the last transaction, before anything is changed. Scopes that exclude each other cost no look at any row.
 *
 * @throws DwhError ROWS_UNFIT
 */
export async function refuseOthers(
  session: Session,
  { target, territory, clears, chunk }: Pick<Conclusion, 'target' | 'territory' | 'clears' | 'chunk'>,
): Promise<void> {
  if (!clears || !territory || !chunk?.others) return
  const others = await chunk.others(session)
  if (others.length === 0) return
  const table = relation(target.dataset.target)
  await session.run('SET LOCAL constraint_exclusion = on')
  for (const { name, condition } of others) {
    const { rows } = await session.one<{ rows: number }>(
      `SELECT count(*) AS rows FROM ${table} WHERE ${territory.own} AND (${condition})`,
    )
    if (rows > 0)
      throw new DwhError(
        'ROWS_UNFIT',
        `${rows.toLocaleString('en')} rows of ${shown(target.dataset.target)} that would give way lie in the scope of ${name} too; nothing was changed`,
        {
          hint: `give each source of ${target.dataset.name} a \`scope\` of the rows that it alone owns, or a \`priority\` where one shall win`,
        },
      )
  }
}
