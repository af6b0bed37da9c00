import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity } from 'node:tls'
import { DwhError } from '../errors.ts'
import type { Target } from './target.ts'

/**
 * What `pg` shall try, in order, for a target's sslmode: `false` is a plain connection.
 *
 * The meaning is libpq's (https://www.postgresql.org/docs/current/libpq-ssl.html), spelled out because `pg` reads
 * `require` as `verify-full` today and will read it otherwise tomorrow. Stricter than libpq in one thing: a certificate
 * that is named and not there is an error in every mode that could use it.
 *
 * @throws DwhError TLS_FAILED
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
      return [target.sslrootcert ? chainOnly(target) : unverified(target)]
    case 'verify-ca':
      needRootCertificate(target)
      return [chainOnly(target)]
    case 'verify-full':
      needRootCertificate(target)
      return [chainAndHost(target)]
  }
}

const unverified = (target: Target) => ({ ...certificates(target), rejectUnauthorized: false })

const chainOnly = (target: Target) => ({
  ...certificates(target),
  rejectUnauthorized: true,
  checkServerIdentity: () => undefined,
})

/** The name that was asked for is compared, whatever address was connected to. */
const chainAndHost = (target: Target): ConnectionOptions => ({
  ...certificates(target),
  rejectUnauthorized: true,
  checkServerIdentity: (_host, certificate) => checkServerIdentity(target.host, certificate),
})

function certificates({ host, sslrootcert, sslcert, sslkey }: Target): ConnectionOptions {
  return {
    // Without `ca` the authorities that Node.js brings along count, which is what `system` asks for.
    ...(sslrootcert && sslrootcert !== 'system' ? { ca: read(sslrootcert, 'sslrootcert') } : {}),
    ...(sslcert ? { cert: read(sslcert, 'sslcert') } : {}),
    ...(sslkey ? { key: read(sslkey, 'sslkey') } : {}),
    // RFC 6066 knows names only.
    ...(isIP(host) ? {} : { servername: host }),
  }
}

function needRootCertificate({ sslmode, sslrootcert }: Target): void {
  if (sslrootcert) return
  throw new DwhError('TLS_FAILED', `sslmode ${sslmode} needs a root certificate, and there is none`, {
    hint: 'name it in PGSSLROOTCERT, or put it into ~/.postgresql/root.crt; with verify-full, `system` takes the well-known authorities',
  })
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
