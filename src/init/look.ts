import type { DwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import { datasetNames } from './names.ts'
import { isProposal, type LeftAlone, type Proposal, propose, type Thoroughness } from './propose.ts'
import { type Listing, listTables, type Scope } from './tables.ts'

/** What a database holds that is worth a dataset, and what is not. */
export interface Findings {
  database: string
  /** With the name of its dataset, the largest table first. */
  proposals: (Proposal & { name: string })[]
  left: LeftAlone[]
}

/**
 * Looks at the tables of a database; reads only.
 *
 * @throws DwhError USAGE when a table or schema of the scope is not there
 */
export async function look(
  session: Session,
  work: Work,
  scope: Scope,
  thoroughness: Thoroughness,
): Promise<Findings> {
  const listings = await listTables(session, scope)
  const asked = new Set(scope.tables?.map(relation))
  const proposals: Proposal[] = []
  const left: LeftAlone[] = []
  await step(work, `look at ${session.target.database}`, async () => {
    for (const [index, table] of listings.entries()) {
      work.signal.throwIfAborted()
      const found = await lookAtTable(session, table, asked.has(relation(table)), thoroughness)
      if (isProposal(found)) proposals.push(found)
      else left.push(found)
      work.emit({ type: 'progress', step: 'look', done: index + 1, total: listings.length, unit: 'tables' })
    }
  })
  const names = datasetNames(proposals.map(({ table }) => table))
  return {
    database: session.target.database,
    proposals: proposals.map((proposal, index) => ({ ...proposal, name: names[index] as string })),
    left,
  }
}

/** A table that cannot be read, or not in the time, is left alone and keeps nobody from looking at the others. */
async function lookAtTable(
  session: Session,
  table: Listing,
  asked: boolean,
  thoroughness: Thoroughness,
): Promise<Proposal | LeftAlone> {
  try {
    return await propose(session, table, asked, thoroughness)
  } catch (error) {
    const { queryCanceled, lockNotAvailable, insufficientPrivilege, undefinedTable } = sqlstate
    if (!hasState(error, queryCanceled, lockNotAvailable, insufficientPrivilege, undefinedTable)) throw error
    const [message] = (error as DwhError).message.split('\n')
    return { table, reason: `${shown(table)} could not be looked at: ${message}` }
  }
}
