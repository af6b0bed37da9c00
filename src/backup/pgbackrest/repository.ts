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
  if (!existsSync(folder)) makeEnterable(dirname(folder))
  refuseClosed(
    account,
    dirname(folder),
    'name a folder that every user may reach in backup.pgbackrest.repository',
  )
  for (const path of [folder, join(folder, 'log')]) {
    const isThere = existsSync(path)
    if (!isThere) mkdirSync(path, { mode: 0o750 })
    if (account && (!isThere || readdirSync(path).length === 0)) chownSync(path, account.uid, account.gid)
  }
}
