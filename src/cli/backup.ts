import { resolve } from 'node:path'
import { z } from 'zod'
import { BackupFolder, backupsOf } from '../backup/folder.ts'
import { option } from './command.ts'
import type { Context } from './context.ts'

export const backupFolderOption = option(
  '--folder <folder>',
  'of the backups; that of the warehouse file unless named',
  z.string().min(1).optional(),
)

/** The folder that is named, or that of the warehouse; no database is asked. */
export function chosenBackups(context: Context, named: string | undefined): BackupFolder {
  return new BackupFolder(named === undefined ? backupsOf(context.warehouse()) : resolve(named))
}

/** Whether pgBackRest is meant: not where a folder of backups is named. */
export function isByPgBackRest(context: Context, folder: string | undefined): boolean {
  return folder === undefined && context.warehouseIfAny()?.backup.engine === 'pgbackrest'
}
