import { existsSync, readdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../../../errors.ts'
import type { Work } from '../../../events.ts'
import { type Binaries, findBinaries } from '../../../postgres/server/binaries.ts'
import { howToInstall } from '../../../postgres/server/install.ts'
import { firstPort, freePort } from '../../../postgres/server/port.ts'
import { isAlive, postmaster } from '../../../postgres/server/postmaster.ts'
import { refuseClosed } from '../../../postgres/server/runnable.ts'
import { backupDetails, listPhysical, type PhysicalBackup } from '../info.ts'
import { type Repository, readerOf } from '../repository.ts'
import { readJournal } from './journal.ts'

/** Where a restore ends: at a time, where the backup ended, or with the last WAL that was archived. */
export type RestoreEnd = { kind: 'time'; at: string } | { kind: 'backup' } | { kind: 'archive' }

export interface PhysicalWish {
  /** Everything that was committed until then. */
  at?: Temporal.Instant | undefined
  /** The label of a backup; without `at`, as it was when that backup ended. */
  backup?: string | undefined
  /** What will hold the data folder; not there yet, or empty. */
  folder: string
}

/** What a restore will do, to be shown before it does anything. */
export interface PhysicalPlan {
  backup: PhysicalBackup
  end: RestoreEnd
  /** Holds data/, tablespaces/ and what the server needs; absolute. */
  folder: string
  /** `resumes` what was interrupted in that folder; `restored` is done already and only starts. */
  state: 'new' | 'resumes' | 'restored'
  tablespaces: { name: string; from: string; to: string }[]
  binaries: Binaries
  port: number
  /** Of the data that comes back, and what the disk of the folder has left. */
  bytes: number
  free_bytes: number
  /** WAL segments that may have to be recovered, about; null where that is not known. */
  segments: number | null
  warnings: string[]
}

/**
 * Plans a restore by looking at the repository and at the folder; nothing is written, no database is asked.
 *
 * @throws DwhError USAGE for a time or a backup that cannot be restored, or a folder that is in use; TOOL_MISSING without server
 *   programs of the backup's version; DISK_FULL when the data would not fit
 */
export async function planPhysical(
  repository: Repository,
  work: Work,
  wish: PhysicalWish,
): Promise<PhysicalPlan> {
  const folder = resolve(wish.folder)
  const account = readerOf(repository)
  const { backups, archives, message } = await listPhysical(repository, work)
  if (backups.length === 0)
    throw new DwhError('USAGE', `there is no backup in ${repository.folder}: ${message}`, {
      hint: 'backup.pgbackrest in the warehouse file says where they are',
    })
  const backup = chooseBackup(backups, wish)
  const end = endOf(wish)
  const state = stateOf(folder, backup, end)
  refuseClosed(account, nearest(folder), 'name a folder that every user may reach with --into')
  const binaries = binariesFor(backup)
  const { tablespaces } = await backupDetails(repository, work, account, backup.backup)
  const { bavail, bsize } = await statfs(nearest(folder))
  const plan: PhysicalPlan = {
    ...{ backup, end, folder, state, binaries },
    tablespaces: tablespaces.map(({ name, folder: from }) => ({
      name,
      from,
      to: join(folder, 'tablespaces', name),
    })),
    port: await freePort(firstPort(folder)),
    bytes: backup.data_bytes,
    free_bytes: bavail * bsize,
    segments: segmentsBehind(
      backup,
      archives.map(({ last }) => last),
    ),
    warnings: backup.damaged
      ? [`pages of the server had wrong checksums when ${backup.backup} was made`]
      : [],
  }
  if (state === 'new' && plan.free_bytes < plan.bytes)
    throw new DwhError(
      'DISK_FULL',
      `${folder} needs ${plan.bytes} bytes and has ${plan.free_bytes}; nothing was changed`,
      {
        hint: 'name a folder on a larger disk with --into',
      },
    )
  return plan
}

/** The newest backup that had ended by the time that is wanted: pgBackRest notes whole seconds. */
function chooseBackup(backups: PhysicalBackup[], { at, backup }: PhysicalWish): PhysicalBackup {
  const ended = (one: PhysicalBackup) => Temporal.Instant.from(one.at).add({ seconds: 1 })
  const isEarly = (one: PhysicalBackup) => !at || Temporal.Instant.compare(ended(one), at) <= 0
  if (at && Temporal.Instant.compare(at, Temporal.Now.instant()) > 0)
    throw new DwhError('USAGE', `${at} lies in the future`, { hint: 'name an earlier time with --at' })
  const named = backup === undefined ? backups : backups.filter((one) => one.backup === backup)
  const [first] = named
  if (!first) throw new DwhError('USAGE', `there is no backup ${backup}`, { hint: 'see: dwh backup list' })
  const chosen = named.findLast(isEarly)
  if (chosen) return chosen
  throw new DwhError('USAGE', `${at} is before ${backup ?? 'the oldest backup'} had ended`, {
    hint: `the earliest time that it can be restored to is ${ended(first)}${backup ? '; leave it to dwh which backup serves' : ''}`,
  })
}

function endOf({ at, backup }: PhysicalWish): RestoreEnd {
  if (at)
    return { kind: 'time', at: at.round({ smallestUnit: 'microsecond', roundingMode: 'floor' }).toString() }
  return backup === undefined ? { kind: 'archive' } : { kind: 'backup' }
}

function stateOf(folder: string, { backup }: PhysicalBackup, end: RestoreEnd): PhysicalPlan['state'] {
  // A socket's path has at most 107 bytes on Linux and 103 on macOS.
  if (Buffer.byteLength(join(folder, '.s.PGSQL.65535')) > 103)
    throw new DwhError('USAGE', `${folder} is too long a path for the socket of a server`, {
      hint: 'name a shorter one with --into',
    })
  if (/[\r\n=,]/.test(folder))
    throw new DwhError('USAGE', `${JSON.stringify(folder)} cannot be handed to pgBackRest`, {
      hint: 'name a folder without = , and line breaks with --into',
    })
  if (!existsSync(folder) || readdirSync(folder).length === 0) return 'new'
  const journal = readJournal(folder)
  const inUse = (why: string) =>
    new DwhError('USAGE', `${folder} ${why}; nothing was changed`, {
      hint: 'name a folder that is not there yet with --into',
    })
  if (!journal) throw inUse('is not empty')
  if (journal.state === 'restoring') {
    // A server may have been left by a dwh that was killed; nobody was told of it.
    if (journal.pid === process.pid || !isAlive(journal.pid)) return 'resumes'
    throw new DwhError('LOCK_HELD', `another dwh restores into ${folder}: process ${journal.pid}`, {
      hint: 'wait until it has ended, or name another folder with --into',
    })
  }
  if (postmaster(folder)) throw inUse('holds a server that runs')
  const isSame = journal.backup === backup && JSON.stringify(journal.end) === JSON.stringify(end)
  if (isSame) return 'restored'
  throw inUse('holds another restore, which is whole')
}

/** Of 16 MB, as nearly all are: an estimate for those who wait. */
function segmentsBehind({ wal }: PhysicalBackup, lasts: (string | null)[]): number | null {
  const last = lasts.find((name) => name?.slice(0, 8) === wal?.first.slice(0, 8))
  if (!wal || !last) return null
  const number = (name: string) =>
    Number.parseInt(name.slice(8, 16), 16) * 256 + Number.parseInt(name.slice(16), 16)
  return number(last) - number(wal.first) + 1
}

function binariesFor({ server }: PhysicalBackup): Binaries {
  const major = Number.parseInt(server, 10)
  try {
    return findBinaries(major)
  } catch (cause) {
    if (!(cause instanceof DwhError && cause.code === 'TOOL_MISSING')) throw cause
    throw new DwhError(
      'TOOL_MISSING',
      `the backup is of PostgreSQL ${major}, whose server programs are not here`,
      {
        hint: howToInstall('server', major),
        cause,
      },
    )
  }
}

/** The folder itself or the nearest above that is there. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder))
}
