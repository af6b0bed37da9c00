import type { DatasetFile, WarehouseFile } from './schema.ts'

/** A dataset with its name. */
export interface Dataset extends DatasetFile {
  name: string
}

/** A warehouse file, read and checked, with its folders as absolute paths. */
export interface Warehouse extends Omit<WarehouseFile, 'datasets' | 'migrations' | 'sql'> {
  /** Absolute path of the file. */
  path: string
  migrationsFolder: string
  sqlFolder: string
  datasets: Dataset[]
}

export function loadWarehouse(_path: string): Warehouse {
  throw new Error('later')
}
