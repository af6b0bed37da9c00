import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { dataFolder } from './folder.ts'

/** A server process that lives, as its postmaster.pid tells it. */
export interface Postmaster {
  pid: number
  port: number
  startedAt: Date
  state: 'starting' | 'ready' | 'stopping'
}

/** Milliseconds between two looks at postmaster.pid. */
const pollInterval = 25

/**
 * The server process of `folder`, if one lives. A postmaster.pid whose process is gone, or is a process that merely
 * got the same number, is no server.
 */
export function postmaster(folder: string): Postmaster | undefined {
  const data = dataFolder(folder)
  const lock = readLock(join(data, 'postmaster.pid'))
  if (!lock || !isPostmaster(lock.pid, data)) return undefined
  const [, , started, port, , , , status] = lock.text.split('\n')
  return {
    pid: lock.pid,
    port: Number(port),
    startedAt: new Date(Number(started) * 1000),
    state: states[status?.trim() ?? ''] ?? 'starting',
  }
}

/** What the server writes into the eighth line. */
const states: Record<string, Postmaster['state']> = { ready: 'ready', standby: 'ready', stopping: 'stopping' }

/** Waits while a server starts (for as long as its recovery takes) or stops: it is ready then, or gone. */
export async function settled(folder: string, work: Work): Promise<Postmaster | undefined> {
  let told: Postmaster['state'] | undefined
  for (;;) {
    const found = postmaster(folder)
    if (!found || found.state === 'ready') return found
    if (told !== found.state)
      work.emit({
        type: 'note',
        message: `waiting for the server that is ${found.state} (process ${found.pid})`,
      })
    told = found.state
    await pause(pollInterval, work)
  }
}

/** Waits until the server process is gone. */
export async function gone(folder: string, { pid }: Postmaster, work: Work): Promise<void> {
  const data = dataFolder(folder)
  while (isPostmaster(pid, data)) await pause(pollInterval, work)
}

/** Waits some milliseconds; throws the reason of an abort. */
export async function pause(milliseconds: number, { signal }: Work): Promise<void> {
  await sleep(milliseconds)
  signal.throwIfAborted()
}

/**
 * Removes the lock files that a dead server left and whose number belongs to another process by now: PostgreSQL
 * clears those of dead processes itself, but takes any live one for a server.
 *
 * Another start may be doing the same, so a lock file is moved aside, looked at, and put back when it is not the one
 * that was judged. Nor can the data suffer then: a server holds shared memory named after its data folder, and
 * another refuses to start beside it.
 */
export function clearStaleLocks(folder: string, port: number): void {
  const data = dataFolder(folder)
  for (const path of [join(data, 'postmaster.pid'), join(folder, `.s.PGSQL.${port}.lock`)]) {
    const stale = readLock(path)
    if (!stale || !isAlive(stale.pid) || isPostmaster(stale.pid, data)) continue
    const aside = `${path}.${process.pid}`
    if (!changed('ENOENT', () => renameSync(path, aside))) continue
    if (readLock(aside)?.text !== stale.text) changed('EEXIST', () => linkSync(aside, path))
    rmSync(aside)
  }
}

/** Whether a change was made: not, when another start was quicker and the system therefore refuses with `refusal`. */
function changed(refusal: 'ENOENT' | 'EEXIST', change: () => void): boolean {
  try {
    change()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === refusal) return false
    throw error
  }
}

function readLock(path: string): { pid: number; text: string } | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    const pid = Number.parseInt(text, 10)
    return pid > 0 ? { pid, text } : undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code !== 'EACCES') throw error
    throw new DwhError(
      'PRIVILEGE_MISSING',
      `the embedded server in ${dirname(path)} belongs to another user`,
      {
        cause: error,
        hint: 'work as that user, or set DWH_STATE_DIR to a folder of your own',
      },
    )
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether a process is a `postgres -D data`. A dead one that nobody reaped has no command line: it is not. */
function isPostmaster(pid: number, data: string): boolean {
  if (!isAlive(pid)) return false
  const [program = '', ...words] = commandLine(pid)
  if (!/^(postgres|postmaster)/.test(basename(program))) return false
  return words.some((word) => word === data || (word.startsWith('/') && canonical(word) === canonical(data)))
}

/** The words of a process; where there is no /proc (macOS) `ps` splits them no better than at spaces. */
function commandLine(pid: number): string[] {
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    const line = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    const [, program = '', rest = ''] = /^(.*?) -D (.*?)(?: -\w.*)?$/.exec(line) ?? []
    return [program, rest]
  } catch {
    return []
  }
}

function canonical(path: string): string {
  return existsSync(path) ? realpathSync(path) : path
}
