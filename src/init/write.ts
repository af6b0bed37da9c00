import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DwhError } from '../errors.ts'

const fileNames = ['dwh.yaml', 'dwh.yml']

/** @throws DwhError USAGE when the folder holds a warehouse file: nobody's work is written over */
export function refuseExisting(folder: string): void {
  const existing = fileNames.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (!existing) return
  throw new DwhError('USAGE', `${existing} is there already, and was left as it is`, {
    hint: 'name another folder, or see what would be written: dwh init --dry-run',
  })
}

/**
 * Writes the warehouse file and makes the folders that it names.
 *
 * @returns the path of the file
 * @throws DwhError USAGE when the file is there already, CONFIG_INVALID when the folder cannot be written to
 */
export async function writeWarehouse(folder: string, yaml: string): Promise<string> {
  const path = join(folder, 'dwh.yaml')
  refuseExisting(folder)
  try {
    for (const name of ['migrations', 'sql']) await mkdir(join(folder, name), { recursive: true })
    await writeFile(path, yaml, { flag: 'wx' })
  } catch (cause) {
    throw new DwhError('CONFIG_INVALID', `${path} cannot be written: ${(cause as Error).message}`, {
      cause,
      hint: 'name a folder of yours, or print the file: dwh init --dry-run',
    })
  }
  return path
}
