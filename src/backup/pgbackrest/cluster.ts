import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DwhError } from '../../errors.ts'
import { type Account, serverAccount, userOf } from '../../postgres/server/account.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'

/** A server whose data folder lies on this machine: what pgBackRest backs up. */
export interface Cluster {
  /** Absolute path of its data folder, letter by letter as the server says it: pgBackRest compares the two. */
  data: string
  /** Of its sockets. */
  socketFolder: string
  port: number
  /** The role and the database that pgBackRest connects to. */
  role: string
  database: string
  /** Who owns the data, where we are root. */
  account: Account | undefined
  archiving: Archiving
  /** Of all databases. */
  bytes: number
}

/** The settings of the server that archive its WAL. */
export interface Archiving {
  wal_level: string
  archive_mode: string
  archive_command: string
  archive_library: string
}

interface Facts extends Archiving {
  data_directory: string | null
  socket_directories: string | null
  port: number
  started: number
  in_recovery: boolean
  has_role: boolean
  role: string
  bytes: number | null
}

/**
 * Looks at the server behind a session and makes sure that it is the one whose data lies here.
 *
 * @throws DwhError PRIVILEGE_MISSING when the role may not ask, or we are not who owns the data; CONFIG_INVALID for a standby,
 *   a server without sockets, or one on another machine
 */
export async function inspectCluster(session: Session): Promise<Cluster> {
  const ask = (user: string) => session.one<Facts>(sql('backup/archiving'), [user])
  const { data_directory: data, socket_directories: sockets } = await ask('')
  if (data === null || sockets === null)
    throw new DwhError('PRIVILEGE_MISSING', 'this role may not see where the data of the server lies', {
      hint: `GRANT pg_read_all_settings TO ${session.target.user}`,
    })
  refuseOtherMachine(session, data)
  const account = serverAccount(data)
  const { name } = userOf(account)
  const facts = await ask(name)
  const server = `the server at ${session.target.host}:${session.target.port}`
  if (facts.in_recovery)
    throw new DwhError('CONFIG_INVALID', `${server} is a standby; nothing was backed up`, {
      hint: 'connect to the primary: see dwh config show',
    })
  refuseOtherServer(data, facts, server)
  const socketFolder = socketFolderOf(session, data, sockets)
  const { wal_level, archive_mode, archive_command, archive_library } = facts
  return {
    data,
    socketFolder,
    port: facts.port,
    role: facts.has_role ? name : facts.role,
    database: session.target.database,
    account,
    archiving: { wal_level, archive_mode, archive_command, archive_library },
    bytes: facts.bytes ?? 0,
  }
}

function refuseOtherMachine({ target }: Session, data: string): void {
  const owner = statSync(data, { throwIfNoEntry: false })
  if (!owner)
    throw new DwhError(
      'CONFIG_INVALID',
      `there is no folder ${data} here: pgBackRest reads the data folder`,
      {
        hint: `run this on the machine of the server (${target.host}), or set backup.engine to pg_dump`,
      },
    )
  const uid = process.getuid?.()
  if (uid === 0 || uid === owner.uid) return
  const { name } = userOf({ uid: owner.uid, gid: owner.gid })
  throw new DwhError(
    'PRIVILEGE_MISSING',
    `${data} belongs to ${name}, and only ${name} and root may read it`,
    {
      hint: `type the same behind: sudo -u ${name}`,
    },
  )
}

/** A folder of the same path may belong to another server: that of a tunnel, or of a container. */
function refuseOtherServer(data: string, { port, started }: Facts, server: string): void {
  const file = join(data, 'postmaster.pid')
  const [, , startedAt, portHere] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  // A postmaster notes when it began, and pg_postmaster_start_time() when it was ready: with huge memory a while later.
  if (Number(portHere) === port && Math.abs(Number(startedAt) - started) < 120) return
  throw new DwhError(
    'CONFIG_INVALID',
    `${server} is not the one whose data lies in ${data} on this machine`,
    {
      hint: 'run this on the machine of the server, or set backup.engine to pg_dump',
    },
  )
}

function socketFolderOf({ target }: Session, data: string, folders: string): string {
  if (target.host.startsWith('/')) return target.host
  const [first = ''] = folders.split(',').map((folder) => folder.trim())
  if (first !== '') return resolve(data, first)
  throw new DwhError('CONFIG_INVALID', 'the server has no socket, and pgBackRest connects by nothing else', {
    hint: "type, then restart the server: ALTER SYSTEM SET unix_socket_directories = '/var/run/postgresql'",
  })
}
