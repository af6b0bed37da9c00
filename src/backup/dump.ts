import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { packageVersion } from '../package.ts'
import { type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { describeTarget, type Target } from '../postgres/target.ts'
import { findClientTool } from './client-tools.ts'

/** What a backup is, written last: a folder without a manifest is no backup. */
export interface Manifest {
  format: 'dwh-backup/1'
  made_at: string
  dwh_version: string
  server_version: number
  tool_version: string
  database: string
  tables: string[]
  /** Hexadecimal SHA-256 and bytes of every file, by its path in the folder. */
  files: Record<string, { bytes: number; sha256: string }>
}

export interface Dumped {
  folder: string
  bytes: number
  files: number
}

/**
 * Dumps some tables with pg_dump in directory format, hashes every file, and gives the folder its name only when it is
 * whole. Restore it with `pg_restore -d DATABASE FOLDER`.
 *
 * @param parent the folder of backups; made where it is missing
 * @param name of the backup
 * @param jobs tables that are dumped at the same time
 * @throws DwhError TOOL_MISSING, BACKUP_FAILED, DISK_FULL; nothing is left behind
 */
export async function dumpTables(
  session: Session,
  work: Work,
  tables: RelationName[],
  { parent, name, jobs }: { parent: string; name: string; jobs: number },
): Promise<Dumped> {
  const tool = findClientTool('pg_dump', session.serverVersion)
  const partial = join(parent, `${name}.partial`)
  const folder = join(parent, name)
  try {
    await mkdir(parent, { recursive: true, mode: 0o700 })
    await rm(partial, { recursive: true, force: true })
    await runDump(tool.path, session.target, work, tables, partial, jobs)
    const files = await hashFiles(partial)
    const manifest: Manifest = {
      format: 'dwh-backup/1',
      made_at: new Date().toISOString(),
      dwh_version: packageVersion,
      server_version: session.serverVersion,
      tool_version: tool.version,
      database: describeTarget(session.target),
      tables: tables.map(relation),
      files,
    }
    await writeFile(join(partial, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true })
    await syncFolder(partial)
    await rename(partial, folder)
    await syncFolder(parent)
    const sizes = Object.values(files).map(({ bytes }) => bytes)
    return { folder, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0), files: sizes.length }
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {})
    throw backupError(error, folder)
  }
}

async function runDump(
  path: string,
  target: Target,
  work: Work,
  tables: RelationName[],
  folder: string,
  jobs: number,
) {
  await using secret = await passwordFile(target)
  const words = [
    '--format=directory',
    `--file=${folder}`,
    `--jobs=${jobs}`,
    '--compress=1',
    ...tables.map((table) => `--table=${relation(table)}`),
  ]
  const child = spawn(path, words, {
    env: { ...clientEnvironment(target), ...(secret ? { PGPASSFILE: secret.path } : {}) },
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: work.signal,
    killSignal: 'SIGTERM',
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000)
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new DwhError('BACKUP_FAILED', `pg_dump ended with ${code}: ${errors.trim()}`)
}

/** How libpq programs are told where to connect: by variables, because a command line is seen by everybody. */
function clientEnvironment(target: Target): NodeJS.ProcessEnv {
  const { PATH, LANG, LC_ALL, HOME, SYSTEMROOT } = process.env
  return {
    PATH,
    LANG,
    LC_ALL,
    HOME,
    SYSTEMROOT,
    PGHOST: target.host,
    PGHOSTADDR: target.hostaddr,
    PGPORT: String(target.port),
    PGDATABASE: target.database,
    PGUSER: target.user,
    PGSSLMODE: target.host.startsWith('/') ? undefined : target.sslmode,
    PGSSLROOTCERT: target.sslrootcert,
    PGSSLCERT: target.sslcert,
    PGSSLKEY: target.sslkey,
    PGOPTIONS: target.options,
    PGCONNECT_TIMEOUT: String(target.connectTimeout),
    PGAPPNAME: 'dwh backup',
  }
}

/** The password in a file that only this user can read, deleted when the block is left; nothing without a password. */
async function passwordFile({ password }: Target): Promise<({ path: string } & AsyncDisposable) | undefined> {
  if (password === undefined) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'dwh-'))
  const path = join(folder, 'pgpass')
  await writeFile(path, `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`, { mode: 0o600 })
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

async function hashFiles(folder: string): Promise<Manifest['files']> {
  const files: Manifest['files'] = {}
  for (const entry of (await readdir(folder, { recursive: true, withFileTypes: true })).toSorted(byName)) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path)) hash.update(chunk)
    await using file = await open(path, 'r')
    await file.sync()
    files[relative(folder, path)] = { bytes: (await stat(path)).size, sha256: hash.digest('hex') }
  }
  return files
}

const byName = (a: { name: string }, b: { name: string }) =>
  a.name.localeCompare(b.name, 'en', { numeric: true })

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

function backupError(thrown: unknown, folder: string): Error {
  if (thrown instanceof DwhError && thrown.code !== 'BACKUP_FAILED') return thrown
  const { code, name, message } = thrown as NodeJS.ErrnoException
  if (name === 'AbortError')
    return new DwhError('INTERRUPTED', 'interrupted while dumping; nothing was changed', { cause: thrown })
  const full = code === 'ENOSPC' || /No space left on device/.test(message)
  return new DwhError(
    full ? 'DISK_FULL' : 'BACKUP_FAILED',
    `no backup in ${folder}: ${message}; nothing was changed`,
    {
      cause: thrown,
      hint: full
        ? 'free some room, or name another folder with --backup-folder'
        : 'mend it, or go without: --no-backup',
    },
  )
}
