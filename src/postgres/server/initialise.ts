import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Work } from '../../events.ts'
import { ident } from '../identifiers.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { dataFolder, deleteFolder, makeEnterable, passwordFile, writeOwned } from './folder.ts'
import { isAlive } from './postmaster.ts'
import { runProgram } from './programs.ts'
import { refuseClosed } from './runnable.ts'
import { clientAuthentication } from './settings.ts'

/** The role and the database that every embedded server has. */
export const superuser = 'postgres'
export const firstDatabase = 'dwh'

/**
 * Makes the folder of a server, with data by initdb: checksums, UTF-8, a superuser with a password of its own, the
 * database `dwh`. All of it is made under another name and renamed at the end, so that a server's folder is whole or
 * not there; of two at once, the second finds the first's folder and drops its own.
 *
 * @param durable whether initdb flushes to disk
 * @throws DwhError CONFIG_INVALID when the server's user cannot enter, FAILED with the words of initdb
 */
export async function initialise(
  folder: string,
  binaries: Binaries,
  account: Account | undefined,
  work: Work,
  durable: boolean,
): Promise<void> {
  makeEnterable(dirname(folder))
  refuseClosed(account, dirname(folder))
  await clearLeftovers(folder)
  const partial = leftoverName(folder)
  try {
    mkdirSync(partial, { mode: 0o700 })
    if (account) chownSync(partial, account.uid, account.gid)
    writeOwned(passwordFile(partial), `${randomBytes(24).toString('base64url')}\n`, account)
    const data = dataFolder(partial)
    const words = [
      ...['-D', data, '--username', superuser, '--pwfile', passwordFile(partial)],
      ...['--auth-local', 'trust', '--auth-host', 'scram-sha-256', '--data-checksums', '--no-instructions'],
      ...['--encoding', 'UTF8', ...locale(binaries), ...(durable ? [] : ['--no-sync'])],
    ]
    await runProgram(binaries, 'initdb', words, { account, work })
    writeOwned(join(data, 'pg_hba.conf'), clientAuthentication, account)
    // Without this setting the server in its single-user mode ends with 0 whatever the statement did.
    const single = ['--single', '-D', data, '-c', 'exit_on_error=on', ...(durable ? [] : ['-F']), 'postgres']
    const input = `CREATE DATABASE ${ident(firstDatabase)}\n`
    await runProgram(binaries, 'postgres', single, { account, input, work })
    rename(partial, folder)
  } finally {
    await deleteFolder(partial)
  }
}

/** Deletes the folder of a server that does not run; renamed first, so that no start ever sees half of it. */
export async function discard(folder: string): Promise<void> {
  const leftover = leftoverName(folder)
  renameSync(folder, leftover)
  await deleteFolder(leftover)
  await clearLeftovers(folder)
}

/** Code points order text on every system alike, as C.UTF-8 does: within the server since 17, else by the C library. */
function locale({ major }: Binaries): string[] {
  if (major >= 17) return ['--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8']
  const { stdout } = spawnSync('locale', ['-a'], { encoding: 'utf8' })
  return ['--locale', /^C\.utf-?8$/im.exec(stdout ?? '')?.[0] ?? 'C']
}

function rename(partial: string, folder: string): void {
  try {
    renameSync(partial, folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
  }
}

/** `<folder>.<pid>-<random>.partial`: the pid tells whether whoever made it still lives. */
function leftoverName(folder: string): string {
  return `${folder}.${process.pid}-${randomBytes(3).toString('hex')}.partial`
}

/** Clears what a killed initialisation or reset of this server left behind. */
async function clearLeftovers(folder: string): Promise<void> {
  const servers = dirname(folder)
  for (const name of existsSync(servers) ? readdirSync(servers) : []) {
    const [, owner, pid] = /^(.+)\.(\d+)-\w+\.partial$/.exec(name) ?? []
    if (owner === basename(folder) && !isAlive(Number(pid))) await deleteFolder(join(servers, name))
  }
}
