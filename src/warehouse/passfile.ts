import { accessSync, constants, readFileSync } from 'node:fs'
import { lookAt } from './files.ts'

/** What a line of a password file is matched with. */
export interface Login {
  host: string
  port: string
  database: string
  user: string
}

/**
 * The password on the first line of a password file that matches, by libpq's rules
 * (https://www.postgresql.org/docs/current/libpq-pgpass.html).
 *
 * @returns the password with its line, or why the file does not count, or neither when no line matches
 */
export function lookUpPassword(
  path: string,
  { host, port, database, user }: Login,
): { password?: string; line?: number; refused?: string } {
  const file = lookAt(path)
  if (!file?.isFile()) return {}
  const refused = whyRefused(path, file.mode)
  if (refused) return { refused }
  const login = [host, port, database, user]
  for (const [index, line] of readFileSync(path, 'utf8').split(/\r?\n/).entries()) {
    if (line.startsWith('#')) continue
    const fields = [...line.matchAll(/((?:\\.|[^\\:])*)(?::|$)/g)].map(([, field = '']) => field)
    const matches = login.every(
      (wanted, part) => fields[part] === '*' || withoutEscapes(fields[part]) === wanted,
    )
    if (matches && fields[4]) return { password: withoutEscapes(fields[4]) as string, line: index + 1 }
  }
  return {}
}

/** libpq passes over a file that others may read, and over one that it may not. */
function whyRefused(path: string, mode: number): string | undefined {
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) return 'others may read it; type: chmod 600'
  try {
    accessSync(path, constants.R_OK)
    return undefined
  } catch {
    return 'it cannot be read'
  }
}

function withoutEscapes(field: string | undefined): string | undefined {
  return field?.replace(/\\(.)/g, '$1')
}
