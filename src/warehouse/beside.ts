import { dirname, join, resolve } from 'node:path'
import { packageRoot } from '../package.ts'
import { stateFolder } from '../state-folder.ts'
import type { Warehouse } from './load.ts'

/**
 * Where files of a warehouse lie: beside its own file, but in the state folder for the warehouses that ship with the program.
 *
 * @param kind what the folder is called there
 * @param folder as the warehouse file has it, relative to itself
 */
export function folderBeside({ path, name }: Warehouse, kind: string, folder: string): string {
  const ships = dirname(path) === join(packageRoot, 'warehouses')
  return ships ? join(stateFolder(), kind, name) : resolve(dirname(path), folder)
}
