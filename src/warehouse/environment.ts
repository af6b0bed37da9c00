import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { DwhError } from '../errors.ts'
import { fileForPeople } from './files.ts'

/** The text of a setting and where it was found. */
export interface Found {
  value: string
  /** Such as `--host`, `PGHOST`, `PGHOST in .env`, `dwh.yaml:12` or `default`. */
  origin: string
}

/** Looks a variable up. An empty one counts as not set, as it does for libpq. */
export type Environment = (variable: string) => Found | undefined

/**
 * The variables of the process, and behind them those of the `.env` files in some folders, the first folder first.
 *
 * @throws DwhError CONFIG_INVALID when a `.env` is there and cannot be read
 */
export function readEnvironment(folders: string[]): Environment {
  const files = [...new Set(folders)].map((folder) => join(folder, '.env')).flatMap(readFile)
  return (variable) => {
    const own = process.env[variable]
    if (own) return { value: own, origin: variable }
    for (const { path, variables } of files) {
      const value = variables[variable]
      if (value) return { value, origin: `${variable} in ${fileForPeople(path)}` }
    }
    return undefined
  }
}

function readFile(path: string): { path: string; variables: NodeJS.Dict<string> }[] {
  try {
    return [{ path, variables: parseEnv(readFileSync(path, 'utf8')) }]
  } catch (cause) {
    // A folder of that name is a Python environment.
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return []
    throw new DwhError('CONFIG_INVALID', `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
