import { DwhError } from '../../errors.ts'
import { ident } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { systemIdentifier } from '../describe.ts'
import { refuseOccupants, renameDatabases } from './exchange.ts'
import { Journal } from './journal.ts'
import { isOfServer } from './plan.ts'
import { endOccupants, findDatabase } from './server.ts'

/** An exchange that can be taken back, or whose other database can be dropped. */
export interface Exchanged {
  journal: Journal
  live: string
  /** What lies beside now: the old one, or after an undo the restored one. */
  beside: { name: string; oid: number; bytes: number | null }
}

/**
 * The newest exchange on this server.
 *
 * @param folder of backups
 * @param database that was restored; any unless given
 * @throws DwhError USAGE where there is none, or nothing is left of it
 */
export async function findExchange(
  session: Session,
  folder: string,
  database: string | undefined,
  verb: 'undo' | 'finish',
): Promise<Exchanged> {
  const identifier = await systemIdentifier(session)
  const wanted = verb === 'undo' ? ['exchanged'] : ['exchanged', 'undone']
  for (const journal of await Journal.list(folder)) {
    const { state } = journal
    if (!wanted.includes(state.phase) || !isOfServer(state.server, session, identifier)) continue
    if (!state.live || (database !== undefined && state.live.name !== database)) continue
    const beside = state.phase === 'exchanged' ? state.kept : state.into
    const found = beside && (await findDatabase(session, beside.name))
    if (beside && found && found.oid === beside.oid) return { journal, live: state.live.name, beside: found }
  }
  const of = database === undefined ? '' : ` of ${database}`
  throw new DwhError(
    'USAGE',
    `${folder} knows of no restore${of} on this server with a database left beside; nothing was changed`,
    {
      hint: 'name the folder of backups with --folder; psql -l lists the databases',
    },
  )
}

/** Gives the old database its name back; the restored one is kept beside. */
export async function undoExchange(
  session: Session,
  { journal, live, beside }: Exchanged,
  endSessions: boolean,
): Promise<string> {
  const { into } = journal.state
  const renames = [
    { from: live, oid: into.oid as number, to: into.name },
    { from: beside.name, oid: beside.oid, to: live },
  ]
  await renameDatabases(session, renames, endSessions)
  await journal.reach('undone')
  return into.name
}

/** Drops what lies beside; there is no way back. */
export async function finishExchange(
  session: Session,
  { journal, beside }: Exchanged,
  endSessions: boolean,
): Promise<void> {
  await refuseOccupants(session, beside.name, endSessions)
  if (endSessions) await endOccupants(session, beside.name)
  await session.run(`DROP DATABASE ${ident(beside.name)}`)
  await journal.reach('finished')
}
