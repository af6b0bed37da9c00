import { once } from 'node:events'
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { dataFolder, logFile, readLastStart, writeLastStart, writeOwned } from './folder.ts'
import { firstPort, freePort } from './port.ts'
import { clearStaleLocks, type Postmaster, pause, postmaster, settled } from './postmaster.ts'
import { spawnProgram } from './programs.ts'
import { renderSettings, type Settings } from './settings.ts'

/** How often a start is tried again when a port is taken or a killed server's sessions linger. */
const mostAttempts = 50

/**
 * Starts the server of a folder that is initialised, on another port where its own is taken.
 *
 * @throws DwhError FAILED with the words of a server that gave up
 */
export async function startUntilReady(
  folder: string,
  binaries: Binaries,
  account: Account | undefined,
  settings: Settings,
  work: Work,
): Promise<Postmaster & { already: boolean }> {
  let preferred = readLastStart(folder)?.port ?? firstPort(folder)
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(preferred)
    clearStaleLocks(folder, port)
    writeLastStart(folder, { port, binaries }, account)
    writeOwned(join(dataFolder(folder), 'postgresql.conf'), renderSettings(settings), account)
    const said = await launch(folder, binaries, account, port, work)
    // Ours, or that of another start which was quicker.
    const found = await settled(folder, work)
    if (found) return { ...found, already: false }
    if (attempt === mostAttempts) throw gaveUp(folder, said)
    if (/could not create any TCP\/IP sockets/.test(said)) preferred = port + 1
    // The sessions of a killed server end when they notice; until then no server may start.
    else if (/pre-existing shared memory block/.test(said)) await pause(200, work)
    else throw gaveUp(folder, said)
  }
}

/**
 * Launches the server and waits until it is ready, after whatever recovery, or has ended.
 *
 * @param settings that nothing else in the data folder overrides
 * @returns what it said in the meantime
 */
export async function launch(
  folder: string,
  binaries: Binaries,
  account: Account | undefined,
  port: number,
  work: Work,
  settings: Settings = {},
): Promise<string> {
  keepOneOldLog(folder)
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants
  const log = openSync(logFile(folder), O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600)
  try {
    if (account) fchownSync(log, account.uid, account.gid)
    const before = fstatSync(log).size
    const words = ['-D', dataFolder(folder), '-p', String(port), ...asWords(settings)]
    // Detached is a session of its own: neither Ctrl-C nor a closed terminal reaches the server.
    const child = spawnProgram(binaries, 'postgres', words, account, {
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.unref()
    await once(child, 'spawn')
    while (child.exitCode === null && child.signalCode === null) {
      const found = postmaster(folder)
      if (found?.pid === child.pid && found?.state === 'ready') break
      await pause(25, work)
    }
    return readFileSync(logFile(folder)).subarray(before).toString()
  } finally {
    closeSync(log)
  }
}

function asWords(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** The log of a server grows while it runs; a start moves one of more than 16 MB aside. */
function keepOneOldLog(folder: string): void {
  const log = logFile(folder)
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  if (size > 16 * 1024 ** 2) renameSync(log, `${log}.old`)
}

function gaveUp(folder: string, said: string): DwhError {
  const lines = said.trim().split('\n').slice(-5).join('\n')
  return new DwhError('FAILED', `PostgreSQL did not start; its data is as it was. It said:\n${lines}`, {
    hint: `the whole log: ${logFile(folder)}`,
  })
}
