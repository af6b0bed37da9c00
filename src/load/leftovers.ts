import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { failLoad, findAbandonedLoads, listLoads } from '../ledger/loads.ts'
import { climbInTransaction } from '../postgres/ladder.ts'
import { Session } from '../postgres/session.ts'
import { dropTables } from './landing.ts'
import type { LoadTarget } from './target.ts'

/**
 * Tables of loads that died, and of a run that lost this file to us and stands still. What somebody is reading, such as a
 * dump of the database, is left to the next load.
 */
export async function removeLeftovers(
  session: Session,
  work: Work,
  { dataset }: LoadTarget,
  input: string,
): Promise<void> {
  for (const { load, landing } of await findAbandonedLoads(session, dataset.target, input)) {
    try {
      await dropAll(session, work, landing)
    } catch (error) {
      if (!(error instanceof DwhError) || error.code !== 'LOCK_HELD') throw error
      work.emit({
        type: 'note',
        message: `what load ${load} has left behind stays for now: ${error.message}`,
      })
      continue
    }
    await failLoad(
      session,
      load,
      new DwhError('INTERRUPTED', 'the run died; its tables were removed by a later one'),
    )
  }
}

/** @throws DwhError LOCK_HELD soon: nobody has to wait for it */
async function dropAll(session: Session, work: Work, tables: string[]): Promise<void> {
  await climbInTransaction(session, work, { relations: [], rungs: [1000] }, () => dropTables(session, tables))
}

/** What a load that failed has made goes at once; where the server has gone, with the next load. */
export async function giveUp(session: Session, load: number, error: DwhError): Promise<void> {
  try {
    // The session of the run may have been told to stop.
    const quiet: Work = { emit: () => {}, signal: new AbortController().signal }
    await using own = await Session.open(session.target, 'dwh load', quiet)
    const [attempt] = await listLoads(own, { load })
    await dropAll(own, quiet, attempt?.landing ?? [])
    await failLoad(own, load, error)
  } catch {
    // The next load of the table finds them.
  }
}
