import { DwhError } from '../../errors.ts'
import { step, type Work } from '../../events.ts'
import type { Session } from '../../postgres/session.ts'
import { archivingObjections, checkArchiving, refuseWithoutArchiving } from './archiving.ts'
import { type Cluster, inspectCluster } from './cluster.ts'
import { ensureConfig } from './config.ts'
import { backupDetails, listPhysical, type PhysicalBackup } from './info.ts'
import { findPgBackRest, type LogLine, pgBackRest } from './program.ts'
import type { Repository } from './repository.ts'

/** Older than this, and the next backup is a full one, or a differential one: a nightly run begins before the last had ended. */
const hoursOfFull = 7 * 24 - 2
const hoursOfDiff = 24 - 2

export interface PhysicalOptions {
  /** Undefined: what there is decides. */
  kind?: PhysicalBackup['kind'] | undefined
  /** Processes that compress and copy. */
  jobs: number
}

/** What a backup will be, to be shown before it is made. */
export interface PhysicalBackupPlan {
  kind: PhysicalBackup['kind']
  stanza: string
  /** Of the repository, and of the data of the server. */
  folder: string
  data: string
  /** Of all databases. */
  bytes: number
  /** What stands in the way of archiving WAL; null where nothing does. */
  archiving: string | null
}

export interface PhysicalCreated {
  backup: PhysicalBackup
  /** Files of the server's data with pages whose checksum is wrong: the backup is whole, and holds them as they are. */
  damagedFiles: string[]
}

/**
 * Looks at the server and at the repository; nothing is written.
 *
 * @throws DwhError as createPhysical, before it has changed anything
 */
export async function planPhysicalBackup(
  session: Session,
  work: Work,
  repository: Repository,
  kind: PhysicalOptions['kind'],
): Promise<PhysicalBackupPlan> {
  findPgBackRest()
  const cluster = await inspectCluster(session)
  const { backups } = await listPhysical(repository, work)
  const objections = archivingObjections(repository, cluster)
  return {
    kind: kind ?? kindByAge(backups, new Date()),
    ...{ stanza: repository.stanza, folder: repository.folder, data: cluster.data, bytes: cluster.bytes },
    archiving: objections.length > 0 ? objections.map(({ why }) => why).join('; ') : null,
  }
}

/**
 * Backs a server up by pgBackRest: writes or checks its configuration, makes the stanza where it is missing, makes sure that WAL
 * arrives in the repository, and then backs up, all of it as the user who owns the data. What is there already is left as it
 * is, so that the same command, after the settings it asks for were made, goes on.
 *
 * @throws DwhError TOOL_MISSING, PRIVILEGE_MISSING; CONFIG_INVALID when the server is on another machine, the configuration is
 *   another's, or WAL is not archived (with the settings to type); LOCK_HELD, DISK_FULL, BACKUP_FAILED; nothing was made then
 */
export async function createPhysical(
  session: Session,
  work: Work,
  repository: Repository,
  { kind, jobs }: PhysicalOptions,
): Promise<PhysicalCreated> {
  findPgBackRest()
  const cluster = await inspectCluster(session)
  const { account } = cluster
  ensureConfig(repository, cluster, jobs, work)
  const { backups: earlier, state } = await listPhysical(repository, work)
  // Before archive_command can be right: it would fail without one.
  if (state === 'no stanza' || state === 'mixed')
    await step(work, 'stanza', () => pgBackRest(repository, 'stanza-create', [], { account, work }))
  refuseWithoutArchiving(repository, cluster)
  await step(work, 'archiving of WAL', () => checkArchiving(session, work, repository, cluster))
  const chosen = kind ?? kindByAge(earlier, new Date())
  const made = await step(
    work,
    `${chosen} backup`,
    () => backUp(repository, work, cluster, chosen),
    ({ backup }) => backup,
  )
  const { damagedFiles } = made.damaged
    ? await backupDetails(repository, work, account, made.backup)
    : { damagedFiles: [] }
  return { backup: made, damagedFiles }
}

/** A full one a week, a differential one a day, and what changed since in between. */
export function kindByAge(backups: PhysicalBackup[], now: Date): PhysicalBackup['kind'] {
  const hours = (kinds: PhysicalBackup['kind'][]) => {
    const times = backups.filter(({ kind }) => kinds.includes(kind)).map(({ at }) => Date.parse(at))
    return (now.getTime() - Math.max(...times, Number.NEGATIVE_INFINITY)) / 3_600_000
  }
  if (hours(['full']) >= hoursOfFull) return 'full'
  return hours(['full', 'diff']) >= hoursOfDiff ? 'diff' : 'incr'
}

async function backUp(
  repository: Repository,
  work: Work,
  { account, bytes }: Cluster,
  kind: PhysicalBackup['kind'],
): Promise<PhysicalBackup> {
  const onLine = tellShare(work, `${kind} backup`, bytes)
  let label: string | undefined
  await pgBackRest(repository, 'backup', [`--type=${kind}`], {
    account,
    work,
    onLine: (line) => {
      label ??= /^new backup label = (\S+)/.exec(line.text)?.[1]
      onLine(line)
    },
  })
  const { backups } = await listPhysical(repository, work)
  const made = backups.find(({ backup }) => backup === label)
  if (made) return made
  throw new DwhError('BACKUP_FAILED', `pgbackrest made the backup ${label}, and its list does not have it`)
}

/** Listens to the lines of pgBackRest that tell which share of the bytes has been copied: `… (8KB, 12.34%) checksum …`. */
export function tellShare({ emit }: Work, name: string, total: number): (line: LogLine) => void {
  let told = 0
  return ({ text }) => {
    const share = Math.floor(Number(/\((?:[^()]*, )?(\d+)(?:\.\d+)?%\)/.exec(text)?.[1] ?? 0))
    if (share <= told) return
    told = share
    emit({ type: 'progress', step: name, done: Math.round((total * share) / 100), total, unit: 'bytes' })
  }
}
