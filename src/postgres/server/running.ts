import { readFileSync } from 'node:fs'
import { DwhError } from '../../errors.ts'
import type { Target } from '../target.ts'
import { passwordFile, serverFolder } from './folder.ts'
import { firstDatabase, superuser } from './initialise.ts'
import { postmaster } from './postmaster.ts'

/**
 * The embedded server that serves `cwd`, if one is ready. Reads a few small files and starts nothing.
 *
 * @returns its socket and its database `dwh`
 */
export function runningTarget(cwd: string): Target | undefined {
  const folder = serverFolder(cwd)
  try {
    const found = postmaster(folder)
    return found?.state === 'ready' ? socketTarget(folder, found.port) : undefined
  } catch (error) {
    // Another user's server is nobody's default.
    if (error instanceof DwhError && error.code === 'PRIVILEGE_MISSING') return undefined
    throw error
  }
}

/** By the socket: no password, since only the server's user and root may enter its folder. */
export function socketTarget(folder: string, port: number): Target {
  return {
    host: folder,
    port,
    database: firstDatabase,
    user: superuser,
    sslmode: 'disable',
    connectTimeout: 10,
  }
}

/** By TCP on loopback, for clients that know no sockets; with the password of the server's folder. */
export function tcpTarget(folder: string, port: number): Target {
  const password = readFileSync(passwordFile(folder), 'utf8').trim()
  return { ...socketTarget(folder, port), host: '127.0.0.1', password }
}

/** A connection URI for libpq and for DATABASE_URL. A socket's folder stands in the query, where it can be read. */
export function targetUrl({ host, port, database, user, password }: Target): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll('%2F', '/')
  if (host.startsWith('/'))
    return `postgresql:///${encode(database)}?host=${encode(host)}&port=${port}&user=${encode(user)}`
  const secret = password === undefined ? '' : `:${encode(password)}`
  return `postgresql://${encode(user)}${secret}@${host}:${port}/${encode(database)}`
}
