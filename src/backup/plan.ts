import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { proofVectors } from '../proof/hash.ts'
import { findArchiveTools } from './archive.ts'
import { systemIdentifier } from './describe.ts'
import type { BackupFolder } from './folder.ts'
import { listTables, requireAll, requireReadable, type Scope } from './scope.ts'
import { planSealed } from './sealed.ts'
import { tableBytes } from './tables.ts'

/** What a backup would do. */
export interface BackupPlan {
  scope: Scope
  /** Of pg_dump. */
  toolVersion: string
  /** Ordinary tables and leaves in scope, and what they take in the server. */
  tables: number
  bytes: number
  /** Sealed leaves that an earlier backup has. */
  referenced: { tables: number; bytes: number }
  /** Sealed leaves that no backup has yet. */
  fresh: { tables: number; bytes: number }
  /** On the disk of the folder; undefined where it cannot be told. */
  free: number | undefined
}

/**
 * Looks at what a backup would take; reads only, and nothing of the rows.
 *
 * @throws DwhError TARGET_UNFIT where something that is named is not there, PRIVILEGE_MISSING, TOOL_MISSING
 */
export async function planBackup(session: Session, folder: BackupFolder, scope: Scope): Promise<BackupPlan> {
  const { dump } = findArchiveTools(session.serverVersion)
  const listed = await listTables(session, scope)
  requireAll(scope, listed)
  requireReadable(listed, session.target.user)
  const tables = listed.filter(({ is_partitioned }) => !is_partitioned)
  const bytes = await tableBytes(
    session,
    tables.map(({ oid }) => oid),
  )
  const { referenced, fresh } = await planSealed(session, folder, tables, {
    system_identifier: await systemIdentifier(session),
    database: (await session.one<{ oid: number }>(sql('backup/database'))).oid,
    vectors: await proofVectors(session),
  })
  const sum = (oids: Iterable<number>) => [...oids].reduce((total, oid) => total + (bytes.get(oid) ?? 0), 0)
  return {
    scope,
    toolVersion: dump.version,
    tables: tables.length,
    bytes: sum(bytes.keys()),
    referenced: { tables: referenced.size, bytes: sum(referenced.keys()) },
    fresh: { tables: fresh.length, bytes: sum(fresh.map(({ oid }) => oid)) },
    free: await freeBytes(folder.path),
  }
}

/** Of the nearest folder above that is there. */
async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    return dirname(path) === path ? undefined : freeBytes(dirname(path))
  }
}
