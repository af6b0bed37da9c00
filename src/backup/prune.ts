import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { seriesOf } from './attempts.ts'
import { filesIn, syncPath } from './files.ts'
import { type BackupFolder, removed } from './folder.ts'
import { type BackupLine, type BackupList, listBackups } from './list.ts'

/** How many are kept: of the last days, weeks and months that have any. */
export interface Keep {
  daily: number
  weekly: number
  monthly: number
}

export type KeepReason = 'newest' | 'daily' | 'weekly' | 'monthly' | 'last proved' | 'in use'

/** A backup, and why it is kept; it goes where there is no reason. */
export interface Judged {
  backup: BackupLine
  reasons: KeepReason[]
}

export interface PrunePlan {
  backups: Judged[]
  /** Files in `sealed/` that no backup which is kept refers to, by their path in the folder of backups. */
  files: string[]
  /** Folders of backups that an earlier command was killed in removing. */
  leftovers: string[]
  /** That come free, without the leftovers. */
  bytes: number
}

export interface Pruned {
  backups: string[]
  files: number
  bytes: number
}

/**
 * Judges every backup. Days, weeks and months (of UTC) are counted by the backups that there are and not by the calendar, so
 * that where no new one comes no old one goes.
 *
 * @throws DwhError CHECK_FAILED where the newest attempt failed: then nothing goes
 */
export async function planPrune(folder: BackupFolder, keep: Keep): Promise<PrunePlan> {
  const list = await listBackups(folder)
  refuseAfterFailure(list)
  const inUse = await backupsInUse(folder)
  const series = Map.groupBy(list.backups, (backup) => seriesKey(backup))
  const backups = [...series.values()].flatMap((members) => judge(members, keep, inUse))
  const kept = backups.filter(({ reasons }) => reasons.length > 0).map(({ backup }) => backup)
  const files = list.damaged.length > 0 ? [] : await unreferenced(folder, kept)
  const gone = backups.filter(({ reasons }) => reasons.length === 0)
  return {
    backups: backups.toSorted((a, b) => newer(a.backup, b.backup)),
    files: files.map(({ path }) => path),
    leftovers: await folder.leftovers(),
    bytes:
      gone.reduce((sum, { backup }) => sum + backup.bytes, 0) +
      files.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** @throws DwhError as planPrune, LOCK_HELD, LEASE_LOST */
export async function prune(folder: BackupFolder, work: Work, keep: Keep): Promise<Pruned> {
  await using lock = await folder.lock('dwh backup prune', null)
  await folder.sweep()
  const plan = await planPrune(folder, keep)
  const gone = plan.backups.filter(({ reasons }) => reasons.length === 0).map(({ backup }) => backup.name)
  for (const name of gone) {
    work.signal.throwIfAborted()
    await lock.check()
    // First the name, at once, then the files: a backup is there or it is not.
    await rename(join(folder.path, name), join(folder.path, name + removed))
    await syncPath(folder.path)
    work.emit({ type: 'step', step: `remove ${name}`, state: 'done' })
  }
  for (const name of gone) await rm(join(folder.path, 'drills', name), { recursive: true, force: true })
  for (const file of plan.files) {
    await lock.check()
    await rm(join(folder.path, file), { force: true })
  }
  await folder.sweep()
  return { backups: gone, files: plan.files.length, bytes: plan.bytes }
}

/** Retention after a failure is how the last good backup gets lost. */
function refuseAfterFailure({ backups, failed }: BackupList): void {
  const bad = failed.find(({ backup, at }) => {
    const since = backups.filter(({ manifest }) => manifest.made_at > at)
    const isNewest = since.length === 0
    return isNewest || !since.some(({ name }) => seriesOf(name) === seriesOf(backup))
  })
  if (!bad) return
  throw new DwhError(
    'CHECK_FAILED',
    `nothing is removed after a failure: ${bad.backup} was not made (${bad.code}: ${bad.message})`,
    { hint: 'make it first: dwh backup create' },
  )
}

/** Backups of other databases, or of other tables, do not replace each other. */
function seriesKey({ name, manifest: { server, database, scope } }: BackupLine): string {
  return JSON.stringify([seriesOf(name), server.system_identifier, database.name, scope])
}

function judge(members: BackupLine[], keep: Keep, inUse: Set<string>): Judged[] {
  const sorted = members.toSorted(newer)
  const reasons = new Map(sorted.map(({ name }) => [name, [] as KeepReason[]]))
  const keepFor = (reason: KeepReason, backup: BackupLine | undefined) =>
    backup && reasons.get(backup.name)?.push(reason)
  keepFor('newest', sorted[0])
  keepFor(
    'last proved',
    sorted.find(({ proved }) => proved),
  )
  for (const backup of newestOfEach(sorted, day, keep.daily)) keepFor('daily', backup)
  for (const backup of newestOfEach(sorted, week, keep.weekly)) keepFor('weekly', backup)
  for (const backup of newestOfEach(sorted, month, keep.monthly)) keepFor('monthly', backup)
  for (const backup of sorted) if (inUse.has(backup.name)) keepFor('in use', backup)
  return sorted.map((backup) => ({ backup, reasons: reasons.get(backup.name) ?? [] }))
}

/** The newest of each of the last `number` periods that have any. */
function newestOfEach(sorted: BackupLine[], period: (at: Date) => string, number: number): BackupLine[] {
  const groups = Map.groupBy(sorted, ({ manifest }) => period(new Date(manifest.snapshot.at)))
  return [...groups.values()].slice(0, number).flatMap(([newest]) => newest ?? [])
}

const day = (at: Date) => at.toISOString().slice(0, 10)
const month = (at: Date) => at.toISOString().slice(0, 7)
/** By its Monday. */
const week = (at: Date) => day(new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * 86_400_000))

const newer = (a: BackupLine, b: BackupLine) =>
  Date.parse(b.manifest.snapshot.at) - Date.parse(a.manifest.snapshot.at) || (a.name < b.name ? 1 : -1)

const journalSchema = z.looseObject({ backup: z.string(), ended_at: z.string().nullish() })

/** Those that a restore has begun with and not ended: it may be resumed. */
async function backupsInUse(folder: BackupFolder): Promise<Set<string>> {
  const place = join(folder.path, 'restores')
  const names = (await readdir(place).catch(() => [])).filter((name) => name.endsWith('.json'))
  const journals = await Promise.all(names.map((name) => readJournal(join(place, name))))
  return new Set(journals.flatMap(({ backup, ended_at }) => (ended_at ? [] : [backup])))
}

async function readJournal(path: string): Promise<z.infer<typeof journalSchema>> {
  try {
    return journalSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new DwhError(
      'INPUT_BROKEN',
      `${path} does not say which backup a restore uses; nothing was removed`,
      {
        cause,
        hint: 'end that restore, or delete the file if there is none',
      },
    )
  }
}

async function unreferenced(
  folder: BackupFolder,
  kept: BackupLine[],
): Promise<{ path: string; bytes: number }[]> {
  const referenced = new Set(kept.flatMap(({ manifest }) => Object.keys(manifest.references)))
  const files = (await filesIn(join(folder.path, 'sealed'))).map((file) => `sealed/${file}`)
  const left = files.filter((path) => !referenced.has(path))
  return Promise.all(left.map(async (path) => ({ path, bytes: (await stat(join(folder.path, path))).size })))
}
