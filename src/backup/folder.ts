import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { DwhError } from '../errors.ts'
import { folderBeside } from '../warehouse/beside.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { didYouMean } from '../warehouse/nearest.ts'
import { noteKilled } from './attempts.ts'
import { digestFile } from './files.ts'
import { FolderLock } from './folder-lock.ts'
import { type Manifest, manifestName, readManifest } from './manifest.ts'

/** A backup whose manifest can be read. */
export interface Backup {
  name: string
  /** Absolute path of its folder. */
  path: string
  manifest: Manifest
}

/** A folder that says it is a backup, and is not one that can be used. */
export interface DamagedBackup {
  name: string
  path: string
  problem: string
}

/** Names in a folder of backups that are no backups. */
const reserved = ['sealed', 'drills', 'restores', 'failed']

/** What ends the name of a backup that is being made, or was never finished. */
export const partial = '.partial'
/** What ends the name of one that is being removed. */
export const removed = '.removed'

/** The folder of a warehouse's backups: beside its file, but for the warehouses that ship with the program. */
export function backupsOf(warehouse: Warehouse): string {
  return folderBeside(warehouse, 'backups', warehouse.backup.folder)
}

/** What of any text can stand in the name of a backup: a file name on every system, and no path. */
export function safeName(text: string): string {
  return text
    .replace(/[^A-Za-z0-9_.-]/g, '_')
    .replace(/^[.-]/, '_')
    .slice(0, 80)
}

/** Where backups lie, with everything that is known of them: nothing of it is in a database. */
export class BackupFolder {
  /** Absolute. */
  readonly path: string

  constructor(path: string) {
    this.path = resolve(path)
  }

  /**
   * Finds a backup by what a user types: its name, a path to it, or nothing for the latest.
   *
   * @param folder where names are looked for
   * @throws DwhError USAGE where there is none of that name, INPUT_BROKEN where its manifest cannot be read
   */
  static async find(
    folder: string,
    wanted: string | undefined,
  ): Promise<{ folder: BackupFolder; backup: Backup }> {
    const place = wanted === undefined ? undefined : BackupFolder.place(wanted, new BackupFolder(folder))
    const found = place?.folder ?? new BackupFolder(folder)
    return { folder: found, backup: await found.backup(place?.name) }
  }

  /** Where a name or a path leads; there may be nothing. */
  static place(wanted: string, folder: BackupFolder): { folder: BackupFolder; name: string } {
    if (!isPath(wanted)) return { folder, name: wanted }
    const path = resolve(wanted)
    return { folder: new BackupFolder(dirname(path)), name: basename(path) }
  }

  /** @param name the latest unless given */
  async backup(name: string | undefined): Promise<Backup> {
    if (name === undefined) return this.#latest()
    const path = join(this.path, name)
    if (!existsSync(join(path, manifestName))) throw await this.#unknown(name)
    return { name, path, manifest: await readManifest(path) }
  }

  /** Newest first; damaged ones at last. */
  async list(): Promise<{ backups: Backup[]; damaged: DamagedBackup[] }> {
    const backups: Backup[] = []
    const damaged: DamagedBackup[] = []
    for (const name of await this.#names()) {
      const path = join(this.path, name)
      try {
        backups.push({ name, path, manifest: await readManifest(path) })
      } catch (error) {
        damaged.push({ name, path, problem: error instanceof Error ? error.message : String(error) })
      }
    }
    return { backups: backups.toSorted(newestFirst), damaged }
  }

  /** One writer at a time; the folder is made where there is none. */
  async lock(command: string, run: number | null): Promise<FolderLock> {
    await mkdir(this.path, { recursive: true, mode: 0o700 })
    return FolderLock.take(this.path, command, run)
  }

  /** Removes what killed writers left, and notes which backups were never finished; to be called under the lock. */
  async sweep(): Promise<void> {
    for (const name of await namesIn(this.path)) {
      if (name.endsWith(partial)) await noteKilled(this.path, name.slice(0, -partial.length))
      if (name.endsWith(partial) || name.endsWith(removed)) await this.#remove(name)
    }
    const packs = await namesIn(join(this.path, 'sealed'))
    const { backups, damaged } = await this.list()
    // What a damaged one refers to, nobody knows.
    if (packs.length === 0 || damaged.length > 0) return
    const referenced = new Set(
      backups.flatMap(({ manifest }) => Object.keys(manifest.references).map(dirname)),
    )
    for (const pack of packs) if (!referenced.has(`sealed/${pack}`)) await this.#remove('sealed', pack)
  }

  /** Backups that have been removed by name, and not yet from the disk. */
  async leftovers(): Promise<string[]> {
    return (await namesIn(this.path)).filter((name) => name.endsWith(removed))
  }

  async #remove(...path: string[]): Promise<void> {
    // The pg_dump of a killed command may write for a moment longer.
    await rm(join(this.path, ...path), { recursive: true, force: true, maxRetries: 5 })
  }

  async #latest(): Promise<Backup> {
    const { backups } = await this.list()
    const [latest] = backups
    if (latest) return latest
    throw new DwhError('USAGE', `there is no backup in ${this.path}`, {
      hint: 'name the folder of backups with --folder, or make one: dwh backup create',
    })
  }

  async #unknown(name: string): Promise<DwhError> {
    const suggestion = didYouMean(name, await this.#names())
    return new DwhError('USAGE', `there is no backup ${JSON.stringify(name)} in ${this.path}${suggestion}`, {
      hint: 'see: dwh backup list',
    })
  }

  /** Of whatever bears a manifest. */
  async #names(): Promise<string[]> {
    const names = await namesIn(this.path)
    const isOther = (name: string) => reserved.includes(name) || /\.(?:partial|removed)$/.test(name)
    return names
      .filter((name) => !isOther(name) && existsSync(join(this.path, name, manifestName)))
      .toSorted()
  }
}

/** SHA-256 of a manifest: whether a backup is the one that it was. */
export async function manifestHash({ path }: Pick<Backup, 'path'>): Promise<string> {
  return (await digestFile(join(path, manifestName))).sha256
}

/** What a user types for a backup is a path where it has a separator, else a name. */
export function isPath(backup: string): boolean {
  return /[/\\]/.test(backup)
}

/** Nothing where there is no folder. */
async function namesIn(path: string): Promise<string[]> {
  return readdir(path).catch((error) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

const newestFirst = (a: Backup, b: Backup) =>
  Date.parse(b.manifest.snapshot.at) - Date.parse(a.manifest.snapshot.at) || (a.name < b.name ? 1 : -1)
