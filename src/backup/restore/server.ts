import { DwhError, toDwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { AdvisoryLock, advisoryHolder, restoreKey } from '../../postgres/advisory.ts'
import { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Target } from '../../postgres/target.ts'

/** The databases that every server has, one of which is connected to while others are made, renamed and dropped. */
const maintenanceDatabases = ['postgres', 'template1']

/**
 * Connects to a server without the database that is to be restored.
 *
 * @throws DwhError of the first one that was tried, where none lets us in
 */
export async function openMaintenance(target: Target, work: Work, application: string): Promise<Session> {
  let first: DwhError | undefined
  for (const database of maintenanceDatabases.filter((name) => name !== target.database)) {
    try {
      const session = await Session.open({ ...target, database }, application, work)
      // Idle while pg_restore works, it holds the lock of the restore.
      await session.run('SET idle_session_timeout = 0')
      return session
    } catch (error) {
      const failure = toDwhError(error)
      if (!['DATABASE_MISSING', 'PRIVILEGE_MISSING', 'LOGIN_REFUSED'].includes(failure.code)) throw failure
      first ??= failure
    }
  }
  throw first as DwhError
}

/** A database of the same server to write into, whatever its own settings say: they may be those of a live one that only reads. */
export function writable(target: Target, database: string): Target {
  const options = [target.options, '-c default_transaction_read_only=off'].filter(Boolean).join(' ')
  return { ...target, database, options }
}

export interface ServerDatabase {
  oid: number
  name: string
  bytes: number | null
}

/** Null where the server has none of that name. */
export async function findDatabase(session: Session, name: string): Promise<ServerDatabase | null> {
  return (await session.row<ServerDatabase>(sql('restore/database'), [name])) ?? null
}

/** Who is connected to a database, and what else keeps it from being renamed. */
export interface Occupant {
  kind: 'session' | 'prepared transaction' | 'replication slot' | 'subscription'
  pid: number | null
  who: string
}

export async function listOccupants(session: Session, database: string): Promise<Occupant[]> {
  return session.rows<Occupant>(sql('restore/occupants'), [database])
}

/** Ends everybody who is connected to a database, and waits until they have gone. */
export async function endOccupants(session: Session, database: string): Promise<void> {
  await session.rows(sql('restore/end_sessions'), [database])
}

/**
 * Of all restores into one database of a server one is at work: the lock goes with its connection.
 *
 * @throws DwhError LOCK_HELD naming the holder
 */
export async function lockRestore(session: Session, database: string): Promise<AdvisoryLock> {
  const key = restoreKey(database)
  const lock = await AdvisoryLock.attempt(session, key)
  if (lock) return lock
  const who = await advisoryHolder(session, key)
  throw new DwhError('LOCK_HELD', `${who} is restoring ${database} already; nothing was changed`, {
    hint: 'wait for it, or stop it with Ctrl-C where it runs, and run the same command again',
  })
}
