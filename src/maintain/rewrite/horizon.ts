import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { plainCount } from '../words.ts'

interface Holder {
  kind: string
  name: string
  detail: string | null
  transactions: number
}

/**
 * Who keeps dead rows from being removed: the session, prepared transaction, replication slot or standby that still sees the
 * oldest ones; undefined where nobody does, or nobody can be seen.
 */
export async function whoHoldsHorizon(session: Session): Promise<string | undefined> {
  const [oldest] = await session.rows<Holder>(sql('doctor/horizon'), [1])
  if (!oldest) return undefined
  const { kind, name, detail, transactions } = oldest
  return `${kind} ${name}${detail ? ` (${detail})` : ''} still sees rows of ${plainCount(transactions, 'transaction')} ago`
}
