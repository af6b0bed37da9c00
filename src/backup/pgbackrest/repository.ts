import { accessSync, chownSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DwhError } from '../../errors.ts'
import { type Account, serverAccount, userOf } from '../../postgres/server/account.ts'
import { makeEnterable } from '../../postgres/server/folder.ts'
import { refuseClosed } from '../../postgres/server/runnable.ts'
import type { Warehouse } from '../../warehouse/load.ts'

/** Where pgBackRest keeps the backups of a server, and the configuration that says so. */
export interface Repository {
  stanza: string
  /** Absolute path. */
  folder: string
  /** Absolute path of the configuration. */
  config: string
  /** Whether dwh writes that file, within the repository; a user's own is only read. */
  ours: boolean
}

/** @throws DwhError CONFIG_INVALID where the warehouse file says nothing of pgBackRest */
export function findRepository({ path, backup }: Warehouse): Repository {
  const { pgbackrest } = backup
  if (!pgbackrest)
    throw new DwhError('CONFIG_INVALID', 'the warehouse file has no backup.pgbackrest', {
      hint: 'see docs/pgbackrest.md',
    })
  const from = (file: string) => resolve(dirname(path), file)
  const { stanza, repository, config } = pgbackrest
  const folder = from(repository)
  // Beside the backups: whoever may read them may read it, archive_command finds it, and it moves with them.
  return {
    stanza,
    folder,
    config: config === undefined ? join(folder, `${stanza}.conf`) : from(config),
    ours: config === undefined,
  }
}

/**
 * Who reads the repository: its owner, for root; everybody else is who they are.
 *
 * @throws DwhError PRIVILEGE_MISSING for who may not; TOOL_MISSING where it belongs to root, as whom nothing here runs
 */
export function readerOf({ folder }: Repository): Account | undefined {
  if (process.getuid?.() === 0) return serverAccount(folder)
  const found = statSync(folder, { throwIfNoEntry: false })
  try {
    if (found) accessSync(folder, constants.R_OK | constants.X_OK)
    return undefined
  } catch (cause) {
    const { name } = userOf({ uid: found?.uid ?? 0, gid: found?.gid ?? 0 })
    throw new DwhError('PRIVILEGE_MISSING', `${folder} belongs to ${name}, and you may not read it`, {
      hint: `type the same behind: sudo -u ${name}`,
      cause,
    })
  }
}

/** Makes the folders of a repository for those who will write them. An empty one that root made is handed over. */
export function makeRepository({ folder }: Repository, account: Account | undefined): void {
  const where = 'backup.pgbackrest.repository'
  makeFolders([folder, join(folder, 'log')], 0o750, account, where)
  refuseClosed(account, dirname(folder), `name a folder that every user may reach in ${where}`)
}

/**
 * Makes folders that are not there, the first with all above it; what is new or empty belongs to `account` then.
 *
 * @param named how another first folder can be named
 * @throws DwhError PRIVILEGE_MISSING
 */
export function makeFolders(
  paths: [first: string, ...others: string[]],
  mode: number,
  account: Account | undefined,
  named: string,
): void {
  try {
    makeEnterable(dirname(paths[0]))
    for (const path of paths) {
      const isNew = !existsSync(path)
      if (isNew) mkdirSync(path, { mode })
      if (account && (isNew || readdirSync(path).length === 0)) chownSync(path, account.uid, account.gid)
    }
  } catch (cause) {
    const { message } = cause as Error
    throw new DwhError('PRIVILEGE_MISSING', `${paths[0]} cannot be made: ${message}; nothing was changed`, {
      hint: `name another folder with ${named}, or make it as root`,
      cause,
    })
  }
}
