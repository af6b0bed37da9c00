import type { Duplex } from 'node:stream'
import pg from 'pg'
import { DwhError } from '../errors.ts'
import { classify } from './sqlstate.ts'
import { describeTarget, type Target } from './target.ts'
import { tlsAttempts } from './tls.ts'

/** Connects by the first way of `tlsAttempts` that the server takes. */
export async function connect(
  target: Target,
  application: string,
): Promise<{ client: pg.Client; version: number }> {
  const attempts = tlsAttempts(target)
  for (const [index, ssl] of attempts.entries()) {
    const client = new pg.Client({
      host: target.hostaddr ?? target.host,
      port: target.port,
      database: target.database,
      user: target.user,
      // A function, because `pg` would otherwise look for a missing one in PGPASSWORD and .pgpass by itself: what the
      // settings say is all that counts.
      password: () => target.password as string,
      ...(target.options ? { options: target.options } : {}),
      ssl,
      application_name: application,
      connectionTimeoutMillis: target.connectTimeout * 1000,
      keepAlive: true,
      types: { getTypeParser },
    })
    let version = 0
    client.on('error', () => {})
    // The typings do not know that the connection reports the server's parameters.
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter & { stream: Duplex } }
    connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'server_version') version = versionNumber(parameterValue)
    })
    try {
      await client.connect()
      return { client, version }
    } catch (error) {
      // A login that failed on our side leaves the socket open, until the server loses its patience.
      connection.stream.destroy()
      const another = index + 1 < attempts.length && mayTryAnother(error)
      if (!another) throw withTarget(classify(error), target)
    }
  }
  throw new DwhError('SERVER_UNREACHABLE', `no way to reach ${describeTarget(target)}`)
}

/** prefer and allow fall to their second way when the server has no TLS, or refuses a connection without it. */
function mayTryAnother(error: unknown): boolean {
  return (
    /does not support SSL/.test(String(error)) ||
    (error instanceof pg.DatabaseError && error.code === '28000')
  )
}

function withTarget(error: DwhError, target: Target): DwhError {
  return new DwhError(error.code, `cannot connect to ${describeTarget(target)}: ${error.message}`, {
    cause: error.cause,
    ...(error.hint ? { hint: error.hint } : {}),
  })
}

/** `15.18 (Debian 15.18-0+deb12u1)` → 150018, `18beta1` → 180000. */
function versionNumber(text: string): number {
  const [, major, minor] = /^(\d+)(?:\.(\d+))?/.exec(text) ?? []
  return Number(major ?? 0) * 10_000 + Number(minor ?? 0)
}

const int8 = 20

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === int8) return Number
  return format ? pg.types.getTypeParser(oid, format as 'text') : pg.types.getTypeParser(oid)
}
