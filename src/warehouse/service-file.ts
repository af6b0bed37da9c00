import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import type { Environment, Found } from './environment.ts'
import { type Layer, readKeyword } from './settings.ts'

/** Where packages of PostgreSQL have their system-wide file when PGSYSCONFDIR does not say: Debian, then Red Hat. */
const systemFolders = ['/etc/postgresql-common', '/etc/sysconfig/pgsql', '/usr/local/etc/postgresql', '/etc']

/**
 * The settings of one section of the connection service file, by libpq's rules
 * (https://www.postgresql.org/docs/current/libpq-pgservice.html): PGSERVICEFILE or else ~/.pg_service.conf, then
 * pg_service.conf in PGSYSCONFDIR.
 *
 * @param service the name of the section, with where it was named
 * @throws DwhError CONFIG_INVALID naming file and line
 */
export function readService(service: Found, environment: Environment): Layer {
  const named = environment('PGSERVICEFILE')?.value
  if (named && !existsSync(named))
    throw new DwhError('CONFIG_INVALID', `there is no service file ${named} (PGSERVICEFILE)`)
  const system = environment('PGSYSCONFDIR')?.value
  const paths = [
    named ?? join(homedir(), '.pg_service.conf'),
    ...(system ? [system] : systemFolders).map((folder) => join(folder, 'pg_service.conf')),
  ].filter((path) => existsSync(path))
  for (const path of paths) {
    const layer = readSection(path, service.value)
    if (layer) return layer
  }
  throw new DwhError(
    'CONFIG_INVALID',
    `the service ${JSON.stringify(service.value)} (${service.origin}) is defined nowhere`,
    {
      hint: `looked in ${paths.join(', ') || '~/.pg_service.conf'}; a section begins with [${service.value}]`,
    },
  )
}

/** @returns undefined when the file has no such section */
function readSection(path: string, service: string): Layer | undefined {
  let layer: Layer | undefined
  for (const [index, raw] of readText(path).split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('[')) {
      if (layer) return layer
      if (line.startsWith(`[${service}]`)) layer = {}
    } else if (layer) {
      readSetting(layer, line, `${path}:${index + 1}`)
    }
  }
  return layer
}

function readSetting(layer: Layer, line: string, origin: string): void {
  if (line.startsWith('ldap')) {
    throw new DwhError('CONFIG_INVALID', `${origin} asks an LDAP server, which dwh does not do`, {
      hint: 'write the settings of this section out',
    })
  }
  const [, keyword, value = ''] = /^([^=]*)=(.*)$/.exec(line) ?? []
  if (keyword === undefined)
    throw new DwhError('CONFIG_INVALID', `${origin} is no line like host=db.example.org`)
  // libpq takes the blanks around = for part of the keyword.
  const name = readKeyword(keyword, value)
  if (name === 'unknown') {
    const hint = keyword.trim() === keyword ? {} : { hint: 'a service file has no blanks around =' }
    throw new DwhError(
      'CONFIG_INVALID',
      `${origin} has a setting that dwh does not have: ${JSON.stringify(keyword)}`,
      hint,
    )
  }
  // The first line wins, as in libpq.
  if (name !== 'ignored' && value !== '') layer[name] ??= { value, origin }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new DwhError(
      'CONFIG_INVALID',
      `the service file ${path} cannot be read: ${(cause as Error).message}`,
      { cause },
    )
  }
}
