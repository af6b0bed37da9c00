import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'

/**
 * Starts `initdb` or `postgres` as `account`, where every user may stand and with next to no environment: PGPORT and
 * the like would change the server, and passwords in our environment are none of its business.
 */
export function spawnProgram(
  { folder }: Binaries,
  program: 'initdb' | 'postgres',
  words: string[],
  account: Account | undefined,
  options: SpawnOptions,
): ChildProcess {
  const { PATH, LD_LIBRARY_PATH } = process.env
  const env = { PATH, LC_ALL: 'C', ...(LD_LIBRARY_PATH ? { LD_LIBRARY_PATH } : {}) }
  return spawn(join(folder, program), words, { ...options, ...account, cwd: '/', env })
}

/**
 * Runs a program to its end.
 *
 * @throws DwhError FAILED with what it said
 */
export async function runProgram(
  binaries: Binaries,
  program: 'initdb' | 'postgres',
  words: string[],
  { account, input = '', work }: { account: Account | undefined; input?: string; work: Work },
): Promise<void> {
  const child = spawnProgram(binaries, program, words, account, { stdio: ['pipe', 'ignore', 'pipe'] })
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve(code ?? signal))
  })
  child.stdin?.on('error', () => {}).end(input)
  const said = child.stderr ? text(child.stderr) : ''
  const how = await ended
  // Ctrl-C in a terminal reaches the program as well as us.
  work.signal.throwIfAborted()
  if (how !== 0) throw new DwhError('FAILED', `${program} ended with ${how}:\n${(await said).trim()}`)
}
