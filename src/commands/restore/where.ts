import { resolve } from 'node:path'
import { backupsOf } from '../../backup/folder.ts'
import type { Context } from '../../cli/context.ts'

/** Where backups lie: as the warehouse file says, or `backups` here. */
export function folderOf(context: Context, given: string | undefined): string {
  if (given !== undefined) return resolve(given)
  const warehouse = context.warehouseIfAny()
  return warehouse ? backupsOf(warehouse) : resolve('backups')
}

/** Where nobody has named a database, its name is that of the backup. */
export function connectionOf(context: Context) {
  const { target, settings } = context.connection()
  const origin = settings.find((setting) => setting.name === 'database')?.origin ?? ''
  return { target, isNamed: !origin.startsWith('default') }
}
