import { DwhError } from '../../errors.ts'
import { step, type Work } from '../../events.ts'
import { fitName } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { ClientTool } from '../client-tools.ts'
import { type Backup, type BackupFolder, manifestHash } from '../folder.ts'
import { nameStamp } from '../stamp.ts'
import { type Verified, verifyBackup } from '../verify.ts'
import { Journal } from './journal.ts'
import { examineServer, findRestoreTool, requireRoom, type ServerFacts } from './preflight.ts'
import { findDatabase, listOccupants, type Occupant, type ServerDatabase } from './server.ts'

export interface RestoreWishes {
  folder: BackupFolder
  backup: Backup
  /** The database that it is to be exchanged for; null where it is kept beside. */
  live: string | null
  /** Its name, where somebody wants one. */
  into: string | undefined
  jobs: number
  tablespace: string | undefined
  blockConnections: boolean
  trust: boolean
  /** What an earlier attempt has made is given up. */
  anew: boolean
}

/** What a restore would do, with everything that could be known before it. */
export interface RestorePlan {
  wishes: RestoreWishes
  verified: Verified
  tool: ClientTool
  server: ServerFacts
  /** Bytes on the disk of the server, at most. */
  needed: number
  /** The database that would be exchanged; null where there is none of that name. */
  live: ServerDatabase | null
  occupants: Occupant[]
  into: string
  /** What the live one would be called. */
  kept: string | null
  /** The attempt that goes on. */
  resumed: Journal | undefined
  /** Attempts for the same database that were given up or never ended, with what they have left. */
  leftovers: Journal[]
  /** SHA-256 of the manifest. */
  manifest: string
}

/**
 * Verifies every file of a backup and looks at the server; makes nothing.
 *
 * @param session in a database that is not the live one
 * @throws DwhError INPUT_BROKEN, RESTORE_UNFIT, TOOL_MISSING, TOOL_UNSAFE, DISK_FULL, USAGE
 */
export async function planRestore(session: Session, work: Work, wishes: RestoreWishes): Promise<RestorePlan> {
  const { folder, backup, tablespace, trust } = wishes
  refusePart(wishes)
  const server = await examineServer(session, backup.manifest, tablespace)
  const tool = findRestoreTool(backup.manifest, server, trust)
  const verified = await verify(folder, work, backup.name)
  const manifest = await manifestHash(backup)
  const open = (await Journal.list(folder.path)).filter((journal) => isOpen(journal, session, server, wishes))
  const same = open.find(({ state }) => state.backup === backup.name && state.manifest === manifest)
  const resumed = wishes.anew ? undefined : same
  const stamp = nameStamp()
  const into = resumed?.state.into.name ?? wishes.into ?? fitName(wishes.live as string, `_restore_${stamp}`)
  if (!resumed && wishes.into !== undefined) await refuseTaken(session, open, wishes.into, wishes.anew)
  const live = wishes.live === null ? null : await findDatabase(session, wishes.live)
  const needed = requireRoom(backup.manifest, resumed?.has('data') ? null : server.free)
  return {
    ...{ wishes, verified, tool, server, needed, live, into, resumed, manifest },
    occupants: live ? await listOccupants(session, live.name) : [],
    kept: live ? fitName(live.name, `_before_restore_${stamp}`) : null,
    leftovers: open.filter((journal) => journal !== resumed),
  }
}

/** What is not in the backup would be gone after the exchange. */
function refusePart({ backup, live }: RestoreWishes): void {
  const { scope } = backup.manifest
  if (live === null || scope.kind === 'database') return
  throw new DwhError(
    'USAGE',
    `${backup.name} holds some ${scope.kind} of its database only: exchanged for it, all else would be gone`,
    {
      hint: 'restore it beside: --into NAME',
    },
  )
}

async function verify(folder: BackupFolder, work: Work, name: string): Promise<Verified> {
  const verified = await step(
    work,
    'verify',
    () => verifyBackup(folder, work, name),
    ({ files, bytes }) => `${files} files, ${Math.ceil(bytes / 1024 ** 2)} MB`,
  )
  if (verified.damages.length === 0) return verified
  const named = verified.damages.slice(0, 5).map(({ file, message }) => `${file}: ${message}`)
  const more =
    verified.damages.length > named.length ? `; and ${verified.damages.length - named.length} more` : ''
  throw new DwhError('INPUT_BROKEN', `${name} is damaged: ${named.join('; ')}${more}; nothing was made`, {
    hint: 'fetch the files again, or take another backup; see: dwh backup list',
  })
}

/** An attempt at the same database of the same server that has not come to its end. */
function isOpen(
  { state }: Journal,
  session: Session,
  server: ServerFacts,
  { live, into }: RestoreWishes,
): boolean {
  if (!isOfServer(state.server, session, server.systemIdentifier)) return false
  if (['exchanged', 'undone', 'finished'].includes(state.phase)) return false
  if (live !== null) return state.live?.name === live && (into === undefined || into === state.into.name)
  return state.live === null && state.into.name === into && state.phase !== 'proved'
}

export function isOfServer(
  written: Journal['state']['server'],
  { target }: Session,
  systemIdentifier: string | null,
): boolean {
  if (written.system_identifier !== null && systemIdentifier !== null)
    return written.system_identifier === systemIdentifier
  return written.host === target.host && written.port === target.port
}

async function refuseTaken(session: Session, open: Journal[], name: string, anew: boolean): Promise<void> {
  if (!(await findDatabase(session, name))) return
  if (anew && open.some(({ state }) => state.into.name === name)) return
  throw new DwhError('USAGE', `there is a database ${JSON.stringify(name)} already; nothing was made`, {
    hint: 'take another name, or drop it: dropdb',
  })
}
