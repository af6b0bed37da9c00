import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../../errors.ts'
import { ident } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { hasState, sqlstate } from '../../postgres/sqlstate.ts'
import { Transaction } from '../../postgres/transaction.ts'
import { endOccupants, findDatabase, listOccupants, type Occupant } from './server.ts'

/** A database that is given another name. */
export interface Rename {
  from: string
  /** That it must have: not whatever bears the name. */
  oid: number
  to: string
}

/**
 * Renames databases in one transaction: either all have their new names or none. Nobody comes in while it is at work: the
 * lock of a rename makes whoever connects wait. Unlike ALLOW_CONNECTIONS, it leaves with us.
 *
 * @param renames in this order
 * @param endSessions ends those who are connected; without it they are in the way
 * @throws DwhError LOCK_HELD naming who is connected; nothing was changed then
 */
export async function renameDatabases(
  session: Session,
  renames: Rename[],
  endSessions: boolean,
): Promise<void> {
  for (const { from, oid } of renames) {
    const found = await findDatabase(session, from)
    if (found?.oid !== oid) throw anotherOne(from)
  }
  for (const { from } of renames) await refuseOccupants(session, from, endSessions)
  await using helper = await session.sibling('dwh restore')
  await using transaction = await Transaction.begin(session)
  await session.run(`SET LOCAL lock_timeout = '10s'`)
  for (const { from, to } of renames) {
    const renaming = new AbortController()
    // The server itself waits 5 s for those who are connected, with newcomers locked out.
    const ending = endSessions ? endUntil(helper, from, renaming.signal) : Promise.resolve()
    try {
      await session.run(`ALTER DATABASE ${ident(from)} RENAME TO ${ident(to)}`)
    } catch (error) {
      if (!hasState(error, sqlstate.objectInUse, sqlstate.lockNotAvailable)) throw error
      throw occupied(from, await listOccupants(helper, from), endSessions, error)
    } finally {
      renaming.abort()
      await ending
    }
  }
  await transaction.commit()
}

async function endUntil(helper: Session, database: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await endOccupants(helper, database).catch(() => {})
    await sleep(50, undefined, { signal }).catch(() => {})
  }
}

/** @throws DwhError LOCK_HELD naming who is in the way */
export async function refuseOccupants(
  session: Session,
  database: string,
  endSessions: boolean,
): Promise<void> {
  const occupants = (await listOccupants(session, database)).filter(({ kind }) =>
    endSessions ? kind === 'prepared transaction' : kind === 'session' || kind === 'prepared transaction',
  )
  if (occupants.length > 0) throw occupied(database, occupants, endSessions)
}

function occupied(database: string, occupants: Occupant[], endSessions: boolean, cause?: unknown): DwhError {
  const named = occupants
    .slice(0, 5)
    .map(({ kind, pid, who }) => `${kind}${pid === null ? '' : ` ${pid}`} (${who})`)
  const more = occupants.length > named.length ? `, and ${occupants.length - named.length} more` : ''
  const who = named.length > 0 ? `${named.join('; ')}${more}` : 'somebody who has just gone'
  const prepared = occupants.some(({ kind }) => kind === 'prepared transaction')
  return new DwhError('LOCK_HELD', `${database} is in use: ${who}; no database was renamed`, {
    cause,
    hint: prepared
      ? 'COMMIT PREPARED or ROLLBACK PREPARED what is there, and run the same command again'
      : endSessions
        ? 'run the same command again'
        : 'end them, or let it be done: run the same command again with --block-connections',
  })
}

function anotherOne(name: string): DwhError {
  return new DwhError(
    'RESTORE_FAILED',
    `the database ${name} is not there any more, or is another one; nothing was changed`,
    {
      hint: 'see: psql -l, and the journal of the restore',
    },
  )
}
