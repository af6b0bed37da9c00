import { ident, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Dataset } from '../warehouse/load.ts'

/** Milliseconds that finding the freshest row of one dataset may take. */
const freshnessTimeout = 1000

/** The greatest value of a dataset's freshness column, or of its partition key; null where finding it takes long. */
export async function freshness(session: Session, dataset: Dataset): Promise<string | null> {
  const column =
    dataset.freshness ?? (dataset.partition?.key.length === 1 ? dataset.partition.key[0] : undefined)
  if (column === undefined) return null
  try {
    const { value } = await inTransaction(
      session,
      async () => {
        await session.run(`SET LOCAL statement_timeout = ${freshnessTimeout}`)
        return session.one<{ value: string | null }>(
          `SELECT max(${ident(column)})::text AS value FROM ${relation(dataset.target)}`,
        )
      },
      'READ ONLY',
    )
    return value
  } catch (error) {
    if (hasState(error, sqlstate.queryCanceled)) return null
    throw error
  }
}
