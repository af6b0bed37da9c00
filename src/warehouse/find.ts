import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DwhError } from '../errors.ts'
import { packageRoot } from '../package.ts'
import { readEnvironment } from './environment.ts'
import { lookAt } from './files.ts'
import { didYouMean } from './nearest.ts'

const fileNames = ['dwh.yaml', 'dwh.yml']
const shippedFolder = join(packageRoot, 'warehouses')

/**
 * The path of the warehouse file.
 *
 * @param named a file, a folder that holds a dwh.yaml, or the name of a warehouse that ships; without it DWH_WAREHOUSE
 *   counts, and then the dwh.yaml of the current folder or of one above
 * @throws DwhError CONFIG_MISSING
 */
export function findWarehouse(named?: string): string {
  const located = locateWarehouse(named)
  if (located) return located.path
  const message = `no warehouse file: no dwh.yaml in ${process.cwd()} or in a folder above it`
  throw new DwhError('CONFIG_MISSING', message, {
    hint: `go to the folder of yours, or name one with -w PATH or -w NAME; these ship: ${shipped().join(', ')}`,
  })
}

/**
 * As `findWarehouse`, with what led there.
 *
 * @returns undefined when none is named and none is found
 * @throws DwhError CONFIG_MISSING when the one that is named does not exist
 */
export function locateWarehouse(named?: string): { path: string; origin: string } | undefined {
  if (named) return { path: byName(named, '--warehouse'), origin: '--warehouse' }
  const variable = readEnvironment([process.cwd()])('DWH_WAREHOUSE')
  if (variable) return { path: byName(variable.value, variable.origin), origin: variable.origin }
  const path = upwards(process.cwd())
  return path === undefined ? undefined : { path, origin: 'found upwards from the current folder' }
}

function byName(name: string, origin: string): string {
  const path = resolve(name)
  const kind = lookAt(path)
  if (kind?.isFile()) return path
  const inside = kind?.isDirectory() ? inFolder(path) : undefined
  if (inside) return inside
  if (shipped().includes(name)) return join(shippedFolder, `${name}.yaml`)
  const looked = kind?.isDirectory() ? `the folder ${path} holds no dwh.yaml` : `there is no file ${path}`
  throw new DwhError(
    'CONFIG_MISSING',
    `no warehouse ${JSON.stringify(name)} (${origin}): ${looked}, and none of that name ships with dwh`,
    { hint: `these ship: ${shipped().join(', ')}${didYouMean(name, shipped())}` },
  )
}

function upwards(folder: string): string | undefined {
  const above = dirname(folder)
  return inFolder(folder) ?? (above === folder ? undefined : upwards(above))
}

function inFolder(folder: string): string | undefined {
  return fileNames.map((name) => join(folder, name)).find((path) => existsSync(path))
}

/** The names of the warehouses that ship, in alphabetical order. */
function shipped(): string[] {
  return readdirSync(shippedFolder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .toSorted()
}
