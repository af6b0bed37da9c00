import { argument, positiveInteger } from '../../cli/command.ts'
import { DwhError } from '../../errors.ts'
import { type Load, listLoads } from '../../ledger/loads.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import type { Session } from '../../postgres/session.ts'

export const loadArgument = argument('<load>', 'number of the load', positiveInteger)

/** @throws DwhError USAGE when there is no such load */
export async function theLoad(session: Session, load: number): Promise<Load> {
  const found = (await ledgerPresence(session)).has_loads ? await listLoads(session, { load }) : []
  if (!found[0]) throw new DwhError('USAGE', `there is no load ${load}`, { hint: 'see: dwh rejects list' })
  return found[0]
}
