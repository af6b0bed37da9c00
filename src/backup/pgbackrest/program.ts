import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { type Account, userOf } from '../../postgres/server/account.ts'
import { failureOf } from './failure.ts'
import type { Repository } from './repository.ts'

/** The oldest pgBackRest that was tried; `verify` says nothing that can be read before. */
const oldestVersion = [2, 45] as const

/** The program as it is installed. */
export interface Program {
  /** Absolute path. */
  path: string
  /** `2.45` */
  version: string
}

/** A line of its log; what follows indented belongs to it. */
export interface LogLine {
  level: 'ERROR' | 'WARN' | 'INFO' | 'DETAIL'
  text: string
}

/** Who runs it, and who listens. */
export interface Run {
  account: Account | undefined
  work: Work
  /** Its warnings become events in any case. */
  onLine?: (line: LogLine) => void
}

type Verb = 'backup' | 'check' | 'info' | 'restore' | 'stanza-create' | 'verify'

/** @throws DwhError TOOL_MISSING when it is not on the PATH, or too old */
export function findPgBackRest(): Program {
  const paths = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  const path = paths.map((folder) => join(folder, 'pgbackrest')).find((file) => existsSync(file))
  if (!path)
    throw new DwhError('TOOL_MISSING', 'pgbackrest is not installed here; nothing was changed', {
      hint: `${howToInstall()}; or set backup.engine to pg_dump`,
    })
  const { stdout } = spawnSync(path, ['version'], { encoding: 'utf8', cwd: '/', env: {} })
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(stdout ?? '') ?? []
  const version = `${major}.${minor}`
  const [leastMajor, leastMinor] = oldestVersion
  if (+major > leastMajor || (+major === leastMajor && +minor >= leastMinor)) return { path, version }
  throw new DwhError(
    'TOOL_MISSING',
    `${path} is pgBackRest ${version}; dwh needs ${oldestVersion.join('.')}`,
    {
      hint: 'newer ones are at https://apt.postgresql.org; nothing was changed',
    },
  )
}

function howToInstall(): string {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  if (existsSync('/usr/bin/apt-get'))
    return `type: ${sudo}apt-get update && ${sudo}apt-get install -y pgbackrest`
  if (existsSync('/usr/bin/dnf')) return `type: ${sudo}dnf install pgbackrest`
  return 'see https://pgbackrest.org'
}

/**
 * Runs one command of pgBackRest to its end, as the user who owns the data, with next to no environment: its options could
 * come from variables, and our own hold passwords. An abort ends it as it wants to be ended; it tidies up by itself.
 *
 * @param options beyond those that say which repository
 * @returns what it wrote on stdout
 * @throws DwhError by what it says went wrong; see failure.ts
 */
export async function pgBackRest(
  repository: Repository,
  verb: Verb,
  options: string[],
  { account, work, onLine }: Run,
): Promise<string> {
  work.signal.throwIfAborted()
  const { path } = findPgBackRest()
  const { PATH } = process.env
  const child = spawn(path, [...repositoryOptions(repository), ...logOptions, ...options, verb], {
    ...account,
    cwd: '/',
    env: { PATH, LC_ALL: 'C', HOME: userOf(account).home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = () => void child.kill('SIGTERM')
  work.signal.addEventListener('abort', stop)
  try {
    const errors: string[] = []
    const listening = readLog(child.stderr, (line) => {
      if (line.level === 'ERROR') errors.push(line.text)
      if (line.level === 'WARN') work.emit({ type: 'warning', message: `pgBackRest: ${line.text}` })
      onLine?.(line)
    })
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close'), listening])
    work.signal.throwIfAborted()
    if (code !== 0) throw failureOf(repository, verb, code, errors)
    return out
  } finally {
    work.signal.removeEventListener('abort', stop)
  }
}

/** What tells pgBackRest where the repository is; where we wrote the configuration, its folder may have been moved since. */
export function repositoryOptions({ stanza, folder, config, ours }: Repository): string[] {
  return [`--config=${config}`, `--stanza=${stanza}`, ...(ours ? [`--repo1-path=${folder}`] : [])]
}

const logOptions = ['--log-level-console=off', '--log-level-stderr=detail', '--no-log-timestamp']

/** Puts lines that are indented to the one that they belong to. */
async function readLog(stream: Readable, onLine: (line: LogLine) => void): Promise<void> {
  let last: LogLine | undefined
  for await (const line of createInterface({ input: stream })) {
    const [, level, said = ''] = /^(?:P\d+\s+)?(ERROR|ASSERT|WARN|INFO|DETAIL): (.*)$/.exec(line) ?? []
    if (level === undefined) {
      if (last) last.text += `; ${line.trim()}`
      continue
    }
    if (last) onLine(last)
    last = { level: (level === 'ASSERT' ? 'ERROR' : level) as LogLine['level'], text: said }
  }
  if (last) onLine(last)
}
