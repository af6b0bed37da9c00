import { type FailedAttempt, failedAttempts } from './attempts.ts'
import { type DrillReceipt, drillsOf } from './drills.ts'
import type { Backup, BackupFolder, DamagedBackup } from './folder.ts'
import type { FileDigest, Manifest } from './manifest.ts'

/** A backup in a list. */
export interface BackupLine extends Backup {
  /** Of its own files. */
  bytes: number
  /** Of the files that it shares with other backups. */
  sharedBytes: number
  rows: number
  /** A drill has restored it, and found everything equal. */
  proved: boolean
  lastDrill: DrillReceipt | undefined
  /** When the last drill was that found everything equal. */
  lastGoodDrill: string | undefined
}

export interface BackupList {
  /** Newest first. */
  backups: BackupLine[]
  damaged: DamagedBackup[]
  /** Attempts that have not been made good since, newest first. */
  failed: FailedAttempt[]
}

/** What lies in a folder of backups, by what it says of itself; no file of a backup is read. */
export async function listBackups(folder: BackupFolder): Promise<BackupList> {
  const { backups, damaged } = await folder.list()
  return {
    backups: await Promise.all(backups.map((backup) => lineOf(folder, backup))),
    damaged,
    failed: await failedAttempts(folder.path),
  }
}

async function lineOf(folder: BackupFolder, backup: Backup): Promise<BackupLine> {
  const drills = await drillsOf(folder.path, backup.name)
  const { files, references, tables } = backup.manifest
  return {
    ...backup,
    bytes: totalBytes(files),
    sharedBytes: totalBytes(references),
    rows: tables.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
    proved: drills.some(({ ok }) => ok),
    lastDrill: drills[0],
    lastGoodDrill: drills.find(({ ok }) => ok)?.at,
  }
}

export function totalBytes(files: Record<string, FileDigest>): number {
  return Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0)
}

/** `database`, `schemas a, b`, `2 tables` */
export function scopeText(scope: Manifest['scope']): string {
  if (scope.kind === 'database') return 'database'
  if (scope.kind === 'schemas') return `schema ${scope.schemas.join(', ')}`
  return `table ${scope.tables.join(', ')}`
}
