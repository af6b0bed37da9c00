import { argument, positiveInteger } from '../../cli/command.ts'
import { DwhError } from '../../errors.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { findRun, type Run } from '../../ledger/runs.ts'
import type { Session } from '../../postgres/session.ts'

export const runArgument = argument('<run>', 'number of the run', positiveInteger)

/** @throws DwhError USAGE when there is no such run */
export async function theRun(session: Session, run: number): Promise<Run> {
  const found = (await ledgerPresence(session)).has_ledger ? await findRun(session, run) : undefined
  if (!found) throw new DwhError('USAGE', `there is no run ${run}`, { hint: 'see: dwh runs list' })
  return found
}
