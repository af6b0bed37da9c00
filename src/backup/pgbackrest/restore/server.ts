import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DwhError } from '../../../errors.ts'
import type { Work } from '../../../events.ts'
import type { Account } from '../../../postgres/server/account.ts'
import { dataFolder, logFile, writeOwned } from '../../../postgres/server/folder.ts'
import { launch } from '../../../postgres/server/launch.ts'
import { clearStaleLocks, pause, postmaster } from '../../../postgres/server/postmaster.ts'
import { runnableBy } from '../../../postgres/server/runnable.ts'
import { stopServer } from '../../../postgres/server/server.ts'
import { clientAuthentication, type Settings } from '../../../postgres/server/settings.ts'
import type { Target } from '../../../postgres/target.ts'
import type { PhysicalPlan } from './plan.ts'

/** The server of a restored data folder, held with `await using`: stopped when the block is left, unless it is kept. */
export class RestoredServer implements AsyncDisposable {
  readonly folder: string
  readonly port: number
  /** A superuser of the server that was backed up. */
  readonly role: string
  #isKept = false

  private constructor(folder: string, port: number, role: string) {
    this.folder = folder
    this.port = port
    this.role = role
  }

  /**
   * Starts it and waits until its recovery has ended.
   *
   * @throws DwhError FAILED with why it gave up; it does not run then
   */
  static async start(
    { folder, binaries, port, segments }: PhysicalPlan,
    account: Account | undefined,
    role: string,
    work: Work,
  ): Promise<RestoredServer> {
    const programs = runnableBy(account, binaries)
    writeOwned(join(folder, 'postgresql.conf'), note, account)
    writeOwned(join(folder, 'pg_hba.conf'), clientAuthentication, account)
    writeOwned(join(folder, 'pg_ident.conf'), '', account)
    clearStaleLocks(folder, port)
    const server = new RestoredServer(folder, port, role)
    try {
      const settings = settingsFor(folder, preparedTransactions(programs.folder, folder, account))
      // Of this start alone: it is read where the server gives up.
      rmSync(logFile(folder), { force: true })
      await launch(folder, programs, account, port, work, settings)
      while (!hasRecovered(folder)) {
        if (!postmaster(folder)) throw gaveUp(folder)
        if (segments !== null) tellRecovery(folder, segments, work)
        await pause(200, work)
      }
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  }

  /** By its socket, without a password: only the user of the server and root may enter its folder. */
  target(database: string): Target {
    const { folder: host, port, role: user } = this
    return { host, port, database, user, sslmode: 'disable', connectTimeout: 10 }
  }

  keep(): void {
    this.#isKept = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Stopped even when the work was interrupted.
    if (!this.#isKept) await stopServer(this.folder, { emit: () => {}, signal: new AbortController().signal })
  }
}

const note = `# What \`dwh restore\` started the server with stood on its command line, so that nothing of the server that was backed up
# is called or changed by its copy; the settings of that server are in data/, where it kept them there.
`

/**
 * A copy must not act for its original: it archives nothing, takes part in no replication, and loads no library that works by
 * itself (pg_cron). On the command line, because the original's ALTER SYSTEM wins over every file.
 */
function settingsFor(folder: string, prepared: number): Settings {
  const file = (name: string) => join(folder, name)
  return {
    config_file: file('postgresql.conf'),
    hba_file: file('pg_hba.conf'),
    ident_file: file('pg_ident.conf'),
    external_pid_file: file('server.pid'),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    unix_socket_permissions: '0700',
    ssl: 'off',

    archive_mode: 'off',
    max_logical_replication_workers: 0,
    synchronous_standby_names: '',
    shared_preload_libraries: '',
    session_preload_libraries: '',
    local_preload_libraries: '',
    // Nobody reads before the end: then it may have other limits than its original.
    hot_standby: 'off',
    max_connections: 100,
    max_prepared_transactions: prepared,
    max_locks_per_transaction: 256,
    shared_buffers: '256MB',
    huge_pages: 'off',

    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '%m [%p] ',
    // What it says is read below.
    lc_messages: 'C',
    log_min_messages: 'warning',
  }
}

/** Of the original: transactions that were prepared in its WAL must find their place. */
function preparedTransactions(programs: string, folder: string, account: Account | undefined): number {
  const options = { ...account, cwd: '/', encoding: 'utf8', env: { LC_ALL: 'C' } } as const
  const { stdout } = spawnSync(join(programs, 'pg_controldata'), [dataFolder(folder)], options)
  return Number(/max_prepared_xacts setting:\s+(\d+)/.exec(stdout ?? '')?.[1] ?? 0)
}

function tellRecovery(folder: string, total: number, { emit }: Work): void {
  const done = readFileSync(logFile(folder), 'utf8').match(/restored log file/g)?.length ?? 0
  emit({ type: 'progress', step: 'recovery', done: Math.min(done, total), total, unit: 'segments' })
}

/** A server that no one may read before its recovery has ended notes `standby` until then, and `ready` afterwards. */
function hasRecovered(folder: string): boolean {
  const file = join(dataFolder(folder), 'postmaster.pid')
  return existsSync(file) && readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready'
}

function gaveUp(folder: string): DwhError {
  const said = readFileSync(logFile(folder), 'utf8')
  const last = /last completed transaction was at log time (.*)/.exec(said)?.[1]
  if (/recovery ended before configured recovery target was reached/.test(said))
    return new DwhError(
      'FAILED',
      `the WAL that was archived ends before that time${last ? `: its last transaction is of ${last}` : ''}; the live server is as it was`,
      {
        hint: 'name an earlier time with --at, or leave it away to restore all there is; a live server archives what it has by: SELECT pg_switch_wal(); then type the same command again',
      },
    )
  if (/recovery stop point is before consistent recovery point/.test(said))
    return new DwhError('FAILED', 'that time is before the backup had ended; the live server is as it was', {
      hint: 'name a later time with --at, or an earlier backup',
    })
  const lines = said.trim().split('\n').slice(-5).join('\n')
  return new DwhError(
    'FAILED',
    `the restored server did not start; the live one is as it was. It said:\n${lines}`,
    {
      hint: `the whole log: ${logFile(folder)}`,
    },
  )
}
