import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { DwhError } from '../../errors.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { type ClientTool, findClientTool } from '../client-tools.ts'
import { systemIdentifier } from '../describe.ts'
import type { Manifest } from '../manifest.ts'

/** What a server says of itself before anything is made there. */
export interface ServerFacts {
  systemIdentifier: string | null
  isSuperuser: boolean
  mayEndSessions: boolean
  /** Bytes free where the database will lie; null where that cannot be seen from here. */
  free: number | null
}

/**
 * Asks a server for everything that a backup needs.
 *
 * @param session in any database of it
 * @throws DwhError RESTORE_UNFIT naming all that is missing, DISK_FULL; nothing was made
 */
export async function examineServer(
  session: Session,
  manifest: Manifest,
  tablespace?: string,
): Promise<ServerFacts> {
  const facts = await session.one<{
    is_superuser: boolean
    may_create: boolean
    may_end_sessions: boolean
    data_folder: string | null
    is_here: boolean
    is_standby: boolean
  }>(sql('restore/server'))
  const missing = await missingParts(session, manifest)
  if (facts.is_standby) missing.push('the right to write: it is a standby')
  if (!facts.may_create) missing.push('the right to create databases: ALTER ROLE … CREATEDB')
  if (missing.length > 0) {
    throw new DwhError(
      'RESTORE_UNFIT',
      `the server lacks what ${manifest.backup} needs: ${missing.join('; ')}; nothing was made`,
      {
        hint: 'make what is missing (CREATE ROLE, CREATE TABLESPACE, the packages of the extensions), and run the same command again',
      },
    )
  }
  const folder = tablespace === undefined ? facts.data_folder : await tablespaceFolder(session, tablespace)
  const free = facts.is_here && folder !== null && existsSync(folder) ? await freeOn(folder) : null
  return {
    systemIdentifier: await systemIdentifier(session),
    isSuperuser: facts.is_superuser,
    mayEndSessions: facts.may_end_sessions,
    free,
  }
}

async function missingParts(session: Session, { needs, database }: Manifest): Promise<string[]> {
  const own = [database.owner, ...database.settings.flatMap(({ role }) => role ?? [])]
  const rows = await session.rows<{ kind: string; name: string }>(sql('restore/missing'), [
    [...new Set([...needs.roles, ...own])],
    needs.extensions.map(({ name }) => name),
    needs.tablespaces,
    database.encoding,
    database.locale_provider === 'libc' ? [...new Set([database.collate, database.ctype])] : [],
  ])
  return rows.map(({ kind, name }) => `${kind} ${name}`)
}

/** Undefined and not null: the default one has no folder of its own, and lies where the data is. */
async function tablespaceFolder(session: Session, tablespace: string): Promise<string | null> {
  const found = await session.row<{ folder: string | null }>(sql('restore/tablespace_folder'), [tablespace])
  if (!found) {
    throw new DwhError(
      'RESTORE_UNFIT',
      `there is no tablespace ${JSON.stringify(tablespace)}; nothing was made`,
      {
        hint: 'create it first: CREATE TABLESPACE … LOCATION …',
      },
    )
  }
  return found.folder
}

async function freeOn(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return null
  }
}

/**
 * What the restored tables will take at most, with their indexes. Tables were measured with the room that dead rows took.
 *
 * @throws DwhError DISK_FULL where not even half of it is free
 */
export function requireRoom(manifest: Manifest, free: number | null): number {
  const needed = manifest.tables.reduce((sum, { bytes }) => sum + bytes, 0)
  if (free === null || free > needed / 2) return needed
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1024 ** 2)} MB`
  throw new DwhError(
    'DISK_FULL',
    `${megabytes(needed)} are needed on the disk of the server, and ${megabytes(free)} are free; nothing was made`,
    {
      hint: 'free some room, or take another disk: --tablespace NAME',
    },
  )
}

/** The first minor version of each major one that does not run what a crafted archive says (CVE-2026-116314). */
const safeVersions: Record<number, number> = { 14: 25, 15: 20, 16: 16, 17: 12, 18: 7 }

/**
 * pg_restore for an archive: as new as the pg_dump that wrote it. What another server has written could be crafted, and is
 * kept from versions that would run it.
 *
 * @param trust who typed the command answers for the archive
 * @throws DwhError TOOL_MISSING, TOOL_UNSAFE; nothing was made
 */
export function findRestoreTool(manifest: Manifest, facts: ServerFacts, trust: boolean): ClientTool {
  const tool = findClientTool('pg_restore', Number.parseInt(manifest.tool_version, 10) * 10_000)
  const { system_identifier: origin } = manifest.server
  const isOwn = origin !== null && origin === facts.systemIdentifier
  if (isOwn || trust || isSafe(tool.version)) return tool
  const [major] = tool.version.split('.')
  const safe = safeVersions[Number(major)]
  throw new DwhError(
    'TOOL_UNSAFE',
    `${manifest.backup} is of another server, and ${tool.path} is ${tool.version}: a crafted archive makes it run programs (CVE-2026-116314); nothing was made`,
    {
      hint: `update it${safe === undefined ? '' : ` to ${major}.${safe}`}; or, if you know where the backup comes from, add --trust`,
    },
  )
}

export function isSafe(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const first = safeVersions[major]
  return first === undefined ? major > 18 : minor >= first
}
