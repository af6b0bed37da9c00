import type { Context } from '../../cli/context.ts'
import type { MigrationFolder } from '../../migrate/files.ts'
import { ledgerFolder } from '../../migrate/history.ts'

/** The ledger's migrations, then those of the warehouse where there is one. */
export function foldersOf(context: Context): MigrationFolder[] {
  const warehouse = context.warehouseIfAny()
  return warehouse ? [ledgerFolder, warehouseFolder(context)] : [ledgerFolder]
}

/** The folder of the warehouse, which the command cannot do without. */
export function warehouseFolder(context: Context): MigrationFolder {
  const { name, migrationsFolder } = context.warehouse()
  return { label: name, path: migrationsFolder }
}
