import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { packageRoot } from '../../package.ts'
import { stateFolder } from '../../state-folder.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'

/**
 * The folder of the embedded server that serves `cwd`: one for each warehouse folder (the nearest above with a
 * dwh.yaml), for a clone of this project, or for `cwd` itself. It need not be there.
 *
 *     <stateFolder()>/servers/<name>/     mode 0700, of the server's user; holds its socket, too
 *       data/ postgresql.log password last-start.json
 */
export function serverFolder(cwd: string): string {
  const served = servedFolder(realpathSync(cwd))
  const hash = createHash('sha256').update(served).digest('hex').slice(0, 8)
  // Short, because the path of a socket has at most 103 bytes.
  const name = basename(served)
    .replace(/[^\w-]/g, '')
    .slice(0, 12)
  return join(serversFolder(), `${name || 'root'}-${hash}`)
}

/** Canonical, so that the data folder in a postmaster's command line can be compared. */
function serversFolder(): string {
  const folder = join(resolve(stateFolder()), 'servers')
  return existsSync(folder) ? realpathSync(folder) : folder
}

function servedFolder(cwd: string): string {
  const clone = realpathSync(packageRoot)
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (folder === clone || existsSync(join(folder, 'dwh.yaml'))) return folder
    if (folder === dirname(folder)) return cwd
  }
}

/** The parts of a server's folder. */
export const dataFolder = (folder: string) => join(folder, 'data')
export const logFile = (folder: string) => join(folder, 'postgresql.log')
export const passwordFile = (folder: string) => join(folder, 'password')
const lastStartFile = (folder: string) => join(folder, 'last-start.json')

/** The major version that initialised the data; undefined where there is none. */
export function dataVersion(folder: string): number | undefined {
  const file = join(dataFolder(folder), 'PG_VERSION')
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined
}

/** What the last start chose: its port is tried again, its binaries are what `status` tells. */
export interface LastStart {
  port: number
  binaries: Binaries
}

export function readLastStart(folder: string): LastStart | undefined {
  const file = lastStartFile(folder)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

export function writeLastStart(folder: string, start: LastStart, account: Account | undefined): void {
  writeOwned(lastStartFile(folder), `${JSON.stringify(start, null, 2)}\n`, account)
}

/** Makes a folder and its parents; those that are new can be entered by the server's user, whatever our umask. */
export function makeEnterable(folder: string): void {
  const first = mkdirSync(folder, { recursive: true })
  if (first === undefined || process.getuid?.() !== 0) return
  for (let made = folder; made.startsWith(first); made = dirname(made)) chmodSync(made, 0o755)
}

/**
 * Makes a folder in the state folder that is ours alone. The state folder itself stays enterable: the user of the embedded
 * servers, which lie in it too, must be able to pass.
 */
export function makePrivate(...names: string[]): string {
  const folder = join(stateFolder(), ...names)
  makeEnterable(stateFolder())
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/** Deletes a folder, in which the initdb of a killed command may still be writing for a moment. */
export async function deleteFolder(folder: string): Promise<void> {
  // Not rmSync: it gives up on such a folder and says nothing.
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}

/**
 * Writes a file, mode 0600, that belongs to the server's user; whole or not at all. Root writes where another user
 * may: O_EXCL and rename follow no link that was planted there.
 */
export function writeOwned(path: string, content: string, account: Account | undefined): void {
  const partial = `${path}.${process.pid}`
  rmSync(partial, { force: true })
  const file = openSync(partial, 'wx', 0o600)
  try {
    writeFileSync(file, content)
    if (account) fchownSync(file, account.uid, account.gid)
  } finally {
    closeSync(file)
  }
  renameSync(partial, path)
}
