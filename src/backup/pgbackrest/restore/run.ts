import { join } from 'node:path'
import { toDwhError } from '../../../errors.ts'
import { step, type Work } from '../../../events.ts'
import type { RelationName } from '../../../postgres/identifiers.ts'
import { type Account, userOf } from '../../../postgres/server/account.ts'
import { dataFolder } from '../../../postgres/server/folder.ts'
import { stopServer } from '../../../postgres/server/server.ts'
import { Session } from '../../../postgres/session.ts'
import { sql } from '../../../postgres/sql-files.ts'
import type { Target } from '../../../postgres/target.ts'
import { configured } from '../config.ts'
import { tellShare } from '../create.ts'
import { pgBackRest } from '../program.ts'
import { makeFolders, type Repository, readerOf } from '../repository.ts'
import { type Compared, compareTables } from './compare.ts'
import { writeJournal } from './journal.ts'
import type { PhysicalPlan, RestoreEnd } from './plan.ts'
import { RestoredServer } from './server.ts'

export interface PhysicalRestoreOptions {
  /** The live database: its tables are compared with the restored ones, where it can be read. */
  live: Target
  tables: RelationName[]
  /** Leave the restored server running. */
  keepRunning: boolean
}

export interface PhysicalRestored {
  backup: string
  end: RestoreEnd
  folder: string
  /** Of the last transaction that was recovered, ISO 8601; null when none was, or when it had been restored before. */
  last_transaction: string | null
  compared: Compared[]
  /** Why nothing was compared; null where it was. */
  uncompared: string | null
  running: boolean
  /** Where the restored server is reached, while it runs. */
  host: string
  port: number
  role: string
  database: string
  /** What stops it, and the user of the system who may: `/usr/lib/postgresql/15/bin/pg_ctl`. */
  pg_ctl: string
  user: string
}

/**
 * Carries a plan out: brings the data folder back, starts a server on it that recovers to the end that is wanted and acts for
 * nobody, compares, and stops it unless it shall be kept. The live server is not touched. Interrupted or failed, the same
 * command goes on with what is there.
 *
 * @throws DwhError by what pgBackRest or the restored server say
 */
export async function restorePhysical(
  repository: Repository,
  work: Work,
  plan: PhysicalPlan,
  { live, tables, keepRunning }: PhysicalRestoreOptions,
): Promise<PhysicalRestored> {
  const account = readerOf(repository)
  const { backup, end, folder, port, state } = plan
  const journal = {
    ...({ format: 'dwh-physical-restore/1', backup: backup.backup, end } as const),
    ...{ repository: repository.folder, stanza: repository.stanza, pid: process.pid },
  }
  if (state !== 'restored') {
    // All of it belongs to the user of the server, and to nobody else.
    const tablespaces = plan.tablespaces.length > 0 ? [join(folder, 'tablespaces')] : []
    makeFolders([folder, dataFolder(folder), ...tablespaces], 0o700, account, '--into')
    if (state === 'resumes') await stopServer(folder, work, 'immediate')
    writeJournal(folder, { ...journal, state: 'restoring' }, account)
    await step(work, 'restore', () => bringBack(repository, work, plan, account))
  }
  const role = configured(repository).get('pg1-user') ?? userOf(account).name
  await using server = await step(work, state === 'restored' ? 'start' : 'recovery', () =>
    RestoredServer.start(plan, account, role, work),
  )
  const last_transaction = await lastTransaction(server, work)
  writeJournal(folder, { ...journal, state: 'restored' }, account)
  const { compared, uncompared } = await step(work, 'compare', () => compare(server, live, tables, work))
  if (keepRunning) server.keep()
  const reached = { host: folder, port, role, database: live.database }
  const stopping = { pg_ctl: join(plan.binaries.folder, 'pg_ctl'), user: userOf(account).name }
  return {
    ...{ backup: backup.backup, end, folder, last_transaction, compared, uncompared },
    ...{ running: keepRunning, ...reached, ...stopping },
  }
}

async function bringBack(
  repository: Repository,
  work: Work,
  { folder, backup, end, tablespaces, state, bytes }: PhysicalPlan,
  account: Account | undefined,
): Promise<void> {
  const options = [
    `--pg1-path=${dataFolder(folder)}`,
    `--set=${backup.backup}`,
    ...recoveryOptions(end),
    // Its WAL would go among that of the live server.
    '--archive-mode=off',
    ...(tablespaces.length > 0 ? [`--tablespace-map-all=${join(folder, 'tablespaces')}`] : []),
    ...(state === 'resumes' ? ['--delta'] : []),
    ...(repository.ours ? [`--lock-path=${join(repository.folder, 'lock')}`] : []),
  ]
  await pgBackRest(repository, 'restore', options, {
    account,
    work,
    onLine: tellShare(work, 'restore', bytes),
  })
}

/** Recovery ends with a promotion: a server that stood still there could not be read. */
function recoveryOptions(end: RestoreEnd): string[] {
  switch (end.kind) {
    case 'time':
      return ['--type=time', `--target=${asTarget(end.at)}`, '--target-action=promote']
    case 'backup':
      return ['--type=immediate', '--target-action=promote']
    case 'archive':
      return ['--type=default']
  }
}

/** `2026-11-22T10:00:00.5Z` → `2026-11-22 10:00:00.5+00` */
function asTarget(at: string): string {
  return at.replace('T', ' ').replace('Z', '+00')
}

async function lastTransaction(server: RestoredServer, work: Work): Promise<string | null> {
  // The database of the warehouse may not have been there then.
  await using session = await Session.open(server.target('template1'), 'dwh restore', work)
  const { last_transaction } = await session.one<{ last_transaction: Date | null }>(sql('backup/recovered'))
  return last_transaction?.toISOString() ?? null
}

async function compare(
  server: RestoredServer,
  live: Target,
  tables: RelationName[],
  work: Work,
): Promise<Pick<PhysicalRestored, 'compared' | 'uncompared'>> {
  await using held = new AsyncDisposableStack()
  let uncompared: string | null = null
  // Information, and no reason to fail: the live server may be what was lost.
  const open = async (target: Target, which: string) => {
    try {
      const session = held.use(await Session.open(target, 'dwh restore', work))
      await session.run('SET default_transaction_read_only = on')
      return session
    } catch (error) {
      work.signal.throwIfAborted()
      uncompared = `${which}: ${toDwhError(error).message}`
      return undefined
    }
  }
  const restored = await open(server.target(live.database), 'the restored database cannot be read')
  const other = restored && (await open(live, 'the live database cannot be read'))
  try {
    const compared = restored ? await compareTables(restored, other, tables, work) : []
    return { compared, uncompared }
  } catch (error) {
    work.signal.throwIfAborted()
    return { compared: [], uncompared: `the tables cannot be compared: ${toDwhError(error).message}` }
  }
}
