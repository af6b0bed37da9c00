import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { DwhError } from '../errors.ts'
import type { Target } from './target.ts'

/**
 * What `pg` shall try, in order, for a target's sslmode: `false` is a plain connection.
 *
 * The meaning is libpq's (https://www.postgresql.org/docs/current/libpq-ssl.html), spelled out because `pg` reads
 * `require` as `verify-full` today and will read it otherwise tomorrow.
 */
export function tlsAttempts(target: Target): (ConnectionOptions | false)[] {
  if (target.host.startsWith('/')) return [false]
  switch (target.sslmode) {
    case 'disable':
      return [false]
    case 'allow':
      return [false, unverified(target)]
    case 'prefer':
      return [unverified(target), false]
    case 'require':
      // As in libpq: a root certificate that is there is used.
      return [rootCertificate(target) ? chainOnly(target) : unverified(target)]
    case 'verify-ca':
      return [chainOnly(target)]
    case 'verify-full':
      return [{ ...certificates(target), rejectUnauthorized: true, servername: target.host }]
  }
}

const unverified = (target: Target) => ({ ...certificates(target), rejectUnauthorized: false })

const chainOnly = (target: Target) => ({
  ...certificates(target),
  rejectUnauthorized: true,
  checkServerIdentity: () => undefined,
})

function certificates(target: Target): ConnectionOptions {
  const root = rootCertificate(target)
  return {
    ...(root ? { ca: read(root, 'sslrootcert') } : {}),
    ...(target.sslcert ? { cert: read(target.sslcert, 'sslcert') } : {}),
    ...(target.sslkey ? { key: read(target.sslkey, 'sslkey') } : {}),
  }
}

/** The named root certificate, else libpq's default place, else none: then Node.js's own authorities serve. */
function rootCertificate({ sslrootcert }: Target): string | undefined {
  if (sslrootcert === 'system') return undefined
  if (sslrootcert) return sslrootcert
  const usual = join(homedir(), '.postgresql', 'root.crt')
  return existsSync(usual) ? usual : undefined
}

function read(path: string, setting: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new DwhError('TLS_FAILED', `${setting} ${path} cannot be read`, {
      cause,
      hint: 'see: dwh config show',
    })
  }
}
