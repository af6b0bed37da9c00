import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DwhEvent } from '../../src/events.ts'
import { packageRoot } from '../../src/package.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Target } from '../../src/postgres/target.ts'
import { runWarm } from './warm.ts'
import { quietWork } from './work.ts'

export interface CliOptions {
  cwd?: string
  /** Beyond the environment of the tests; undefined takes a variable away. */
  env?: Record<string, string | undefined>
  /** Standard input, which is no terminal. */
  input?: string
  /** Root may run it as somebody else. */
  uid?: number
  gid?: number
  /** Kills the process with SIGKILL within the publication of the first event that has all these members. */
  killAt?: Moment
  /** As killAt, but with SIGSTOP: the process stands still until it gets SIGCONT. */
  stopAt?: Moment
  /** As killAt, but with SIGINT: as Ctrl-C. */
  interruptAt?: Moment
}

/** An event; or several, of which the last counts that comes after all the others, in this order. */
export type Moment = Partial<DwhEvent> | Partial<DwhEvent>[]

export interface CliResult {
  /** null when a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Runs `dwh WORDS` to its end: in a process of its own where that matters, see `runWarm`. */
export async function dwh(words: string[], options: CliOptions = {}): Promise<CliResult> {
  const warm = await runWarm(words, options)
  if (warm) return warm
  const result = await ended(startDwh(words, options), options.input)
  if (result.signal === 'SIGKILL') await backendsGone(options.env ?? {})
  return result
}

/**
 * The server notices that a client was killed a moment later: till then its run lives and its locks are held. Not waited
 * for beyond two seconds, as others may be at work in the database.
 */
async function backendsGone({ PGHOST, PGPORT, PGUSER = '', PGDATABASE = '' }: NodeJS.ProcessEnv) {
  if (!PGHOST) return
  const target: Target = {
    ...{ host: PGHOST, port: Number(PGPORT), user: PGUSER, database: PGDATABASE },
    ...{ sslmode: 'prefer', connectTimeout: 10 },
  }
  await using session = await Session.open(target, 'test', quietWork())
  const theirs = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'dwh %' AND application_name NOT LIKE 'dwh test%'`
  const latest = Date.now() + 2000
  while ((await session.rows(theirs)).length > 0 && Date.now() < latest) await sleep(20)
}

/** The result of a process that `startDwh` started; to be called in the same breath, so that no output is lost. */
export async function ended(child: ChildProcess, input = ''): Promise<CliResult> {
  const { stdout, stderr, stdin } = child
  if (!stdout || !stderr || !stdin) throw new Error('no pipes')
  stdin.on('error', () => {}).end(input)
  const [[code, signal], out, err] = await Promise.all([once(child, 'close'), text(stdout), text(stderr)])
  return { code, signal, stdout: out, stderr: err }
}

/** Waits until a process has said something on stderr; to be called before `ended`, in the same breath. */
export async function says(child: ChildProcess, what: RegExp): Promise<void> {
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk
      if (what.test(said)) resolve()
    })
    child.once('close', () => reject(new Error(`it ended without ${what}:\n${said}`)))
  })
}

/** Runs `dwh WORDS` where anything but success is a mistake, told with what it said. */
export async function dwhDone(words: string[], options: CliOptions = {}): Promise<CliResult> {
  const result = await dwh(words, options)
  if (result.code !== 0)
    throw new Error(`dwh ${words.join(' ')} ended with ${result.code ?? result.signal}:\n${result.stderr}`)
  return result
}

/** Starts `dwh WORDS` and does not wait: for tests that signal it. */
export function startDwh(words: string[], options: CliOptions = {}): ChildProcess {
  const { cwd, env, uid, gid, killAt, stopAt, interruptAt } = options
  const at = killAt ?? stopAt ?? interruptAt
  const signal = killAt ? 'SIGKILL' : stopAt ? 'SIGSTOP' : 'SIGINT'
  const preload = at ? ['--import', join(packageRoot, 'test', 'support', 'kill-at-event.ts')] : []
  return spawn(process.execPath, [...preload, join(packageRoot, 'bin', 'dwh.js'), ...words], {
    cwd,
    env: { ...process.env, ...env, ...(at ? preloaded(at, signal) : {}) },
    uid,
    gid,
  })
}

const preloaded = (event: Moment, signal: NodeJS.Signals) => ({
  DWH_TEST_KILL_AT: JSON.stringify(event),
  DWH_TEST_KILL_WITH: signal,
})
