import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { DwhError, type ErrorCode } from '../errors.ts'
import { isAlive } from '../postgres/server/postmaster.ts'
import type { Target } from '../postgres/target.ts'
import type { ClientTool } from './client-tools.ts'

export interface ToolRun {
  /** The database to connect to; undefined for work on files. */
  target?: Target
  /** What its connections are called behind `dwh `; the name of the program unless given. */
  application?: string
  signal: AbortSignal
  /** Told each line that the program writes on stderr. */
  onMessage?: (line: string) => void
  /** What its failure is. */
  failure: ErrorCode
}

/**
 * Runs a client program to its end. It is told where to connect by variables and a file, because a command line is seen by
 * everybody; and it speaks English, so that its messages can be read.
 *
 * @returns what it wrote on stdout
 * @throws DwhError of the code `failure` with the last lines of stderr, or DISK_FULL; the reason of an aborted signal
 */
export async function runTool(
  { name, path }: Pick<ClientTool, 'name' | 'path'>,
  words: string[],
  run: ToolRun,
): Promise<{ stdout: string }> {
  run.signal.throwIfAborted()
  await using secret = run.target && (await passwordFile(run.target))
  const child = spawn(path, words, {
    env: {
      ...ownEnvironment(),
      ...(run.target ? connectionEnvironment(run.target, run.application ?? name) : {}),
      ...(secret ? { PGPASSFILE: secret.path } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: run.signal,
    killSignal: 'SIGTERM',
  })
  let complaints = ''
  createInterface({ input: child.stderr }).on('line', (line) => {
    run.onMessage?.(line)
    if (!isChatter(line)) complaints = `${complaints}${line}\n`.slice(-4000)
  })
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  failed.catch(() => {})
  const [stdout, [code, signal]] = await Promise.all([
    text(child.stdout),
    Promise.race([once(child, 'close'), failed.then(() => [])]).catch(async (error) => {
      // An aborted one has been told to end: what it writes must have come to an end before anything is cleared away.
      if (child.exitCode === null && child.signalCode === null && child.pid) await once(child, 'close')
      throw error
    }),
  ]).catch((error) => {
    run.signal.throwIfAborted()
    throw error
  })
  if (code === 0) return { stdout }
  run.signal.throwIfAborted()
  const full = /No space left on device/.test(complaints)
  throw new DwhError(
    full ? 'DISK_FULL' : run.failure,
    `${name} ended with ${code ?? signal}: ${complaints.trim()}`,
  )
}

/** What --verbose adds: not worth repeating when it fails. */
function isChatter(line: string): boolean {
  return /^\w+: (?!error|warning|hint|detail|fatal)/.test(line)
}

function ownEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, SYSTEMROOT, TMPDIR } = process.env
  return { PATH, HOME, SYSTEMROOT, TMPDIR, LC_ALL: 'C' }
}

function connectionEnvironment(target: Target, name: string): NodeJS.ProcessEnv {
  return {
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
    PGAPPNAME: `dwh ${name}`,
  }
}

/** The password in a file that only this user can read, deleted when the block is left; nothing without a password. */
async function passwordFile({ password }: Target): Promise<({ path: string } & AsyncDisposable) | undefined> {
  if (password === undefined) return undefined
  await forgetAbandoned()
  const folder = await mkdtemp(join(tmpdir(), `dwh-pgpass-${process.pid}-`))
  const path = join(folder, 'pgpass')
  await writeFile(path, `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`, { mode: 0o600 })
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

/** Those of processes that were killed. */
async function forgetAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = /^dwh-pgpass-(\d+)-/.exec(name) ?? []
    if (pid === undefined || isAlive(Number(pid))) continue
    // Another user's is theirs to forget.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})
  }
}
