import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError, toDwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import type { Session } from '../postgres/session.ts'
import { findArchiveTools } from './archive.ts'
import { forgetFailures, noteFailure } from './attempts.ts'
import type { Compression } from './compress.ts'
import { writeContents } from './contents.ts'
import { syncPath } from './files.ts'
import { BackupFolder, partial } from './folder.ts'
import type { FolderLock } from './folder-lock.ts'
import { type Manifest, writeManifest } from './manifest.ts'
import type { Scope } from './scope.ts'

export interface BackupOptions {
  /** Of backups. */
  folder: string
  /** In front of the time in the name of the backup. */
  name: string
  scope: Scope
  /** Tables that are dumped at the same time. */
  jobs: number
  compression: Compression
  /** Of the ledger; null where it is not recorded. */
  run: number | null
}

/** A backup that is complete. */
export interface Created {
  name: string
  /** Absolute path of its folder. */
  path: string
  manifest: Manifest
  /** Of the files that it wrote; those that it shares with earlier backups do not count. */
  bytes: number
  files: number
}

/**
 * Makes a backup: one snapshot, in which pg_dump writes an archive while the rows of each table are proved. It has its name
 * when it is whole and on the disk; until then, and after a failure at any point, there is none.
 *
 * Locks: ACCESS SHARE on every table in scope, to the end; the folder of backups, against another writer.
 *
 * @throws DwhError TOOL_MISSING, LOCK_HELD, PRIVILEGE_MISSING, BACKUP_FAILED, DISK_FULL …; of the files nothing is left
 */
export async function createBackup(session: Session, work: Work, options: BackupOptions): Promise<Created> {
  const folder = new BackupFolder(options.folder)
  await using lock = await takeLock(folder, options.run)
  const name = await freeName(folder, options.name)
  const path = join(folder.path, name + partial)
  try {
    await folder.sweep()
    const tools = findArchiveTools(session.serverVersion)
    await mkdir(path, { mode: 0o700 })
    const manifest = await writeContents(session, work, { ...options, folder, name, path, tools })
    await step(work, 'publish', () => publish(lock, manifest, path))
    await forgetFailures(folder.path, name).catch(() => {})
    return { name, path: join(folder.path, name), manifest, ...written(manifest) }
  } catch (thrown) {
    const error = creationError(thrown, work, folder)
    // The rest first: the note of a full disk needs room.
    const pack = join(folder.path, 'sealed', name)
    for (const rest of [path, pack + partial, ...(existsSync(join(folder.path, name)) ? [] : [pack])])
      await rm(rest, { recursive: true, force: true }).catch(() => {})
    await noteFailure(folder.path, name, options.run, error)
    throw error
  }
}

async function takeLock(folder: BackupFolder, run: number | null): Promise<FolderLock> {
  try {
    return await folder.lock('dwh backup create', run)
  } catch (error) {
    if (error instanceof DwhError) throw error
    throw noBackup(folder, error)
  }
}

/** `sales-2026-11-22T10-00-00Z`: the name of another is not taken, nor that of one in the same second. */
async function freeName(folder: BackupFolder, prefix: string): Promise<string> {
  for (;;) {
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
    const name = `${prefix}-${time.replaceAll(':', '-')}`
    if (!existsSync(join(folder.path, name))) return name
    await sleep(200)
  }
}

/** The manifest last, everything on the disk, and then the name. */
async function publish(lock: FolderLock, manifest: Manifest, path: string): Promise<void> {
  await writeManifest(path, manifest)
  await syncPath(path)
  await lock.check()
  await rename(path, path.slice(0, -partial.length))
  await syncPath(dirname(path))
}

function written({ backup, files, references }: Manifest): { bytes: number; files: number } {
  const pack = Object.entries(references).filter(([file]) => file.startsWith(`sealed/${backup}/`))
  const all = [...Object.values(files), ...pack.map(([, digest]) => digest)]
  return { bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), files: all.length }
}

function creationError(thrown: unknown, work: Work, folder: BackupFolder): DwhError {
  if (work.signal.aborted) return toDwhError(work.signal.reason)
  const { code } = toDwhError(thrown)
  return ['LEASE_LOST', 'INTERRUPTED', 'TIMED_OUT'].includes(code)
    ? toDwhError(thrown)
    : noBackup(folder, thrown)
}

function noBackup({ path }: BackupFolder, thrown: unknown): DwhError {
  const error = toDwhError(thrown)
  const system = [thrown, error.cause].map((one) => (one as NodeJS.ErrnoException | undefined)?.code)
  const isFull = error.code === 'DISK_FULL' || system.includes('ENOSPC') || system.includes('EDQUOT')
  const code = isFull ? 'DISK_FULL' : error.code === 'FAILED' ? 'BACKUP_FAILED' : error.code
  const hint = isFull ? 'free some room, or name a folder on another disk' : error.hint
  const what = error.message.replace(/; nothing was changed$/, '')
  return new DwhError(code, `no backup in ${path}: ${what}; nothing was changed`, {
    cause: thrown,
    ...(hint ? { hint } : {}),
  })
}
