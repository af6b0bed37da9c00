import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import { Session } from '../../src/postgres/session.ts'
import { sslModes, type Target } from '../../src/postgres/target.ts'
import { type Certificate, TlsServer } from './tls-server.ts'

const execute = promisify(execFile)
const work = { emit: () => {}, signal: new AbortController().signal }

let server: TlsServer

beforeAll(async () => {
  server = await TlsServer.create()
}, 60_000)

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

/** `encrypted`, `plain`, or the code of the error. */
async function attempt(settings: Partial<Target>): Promise<string> {
  const target: Target = {
    host: 'localhost',
    port: server.port,
    database: 'postgres',
    user: 'either',
    sslmode: 'prefer',
    connectTimeout: 10,
    ...settings,
  }
  try {
    await using session = await Session.open(target, 'dwh test', work)
    const { ssl } = await session.one<{ ssl: boolean }>(
      'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    )
    return ssl ? 'encrypted' : 'plain'
  } catch (error) {
    if (error instanceof DwhError) return error.code
    throw error
  }
}

/** What libpq itself makes of the same settings: `encrypted`, `plain` or `refused`. */
async function askPsql({
  user = 'either',
  sslmode = 'prefer',
  sslrootcert,
  host = 'localhost',
}: Partial<Target>) {
  const env = {
    PGHOST: host,
    PGPORT: String(server.port),
    PGUSER: user,
    PGDATABASE: 'postgres',
    PGSSLMODE: sslmode,
    PGGSSENCMODE: 'disable',
    // Not the developer's own ~/.postgresql/root.crt.
    PGSSLROOTCERT: sslrootcert ?? '/nonexistent',
  }
  const query = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
  return execute(`${server.bin}/psql`, ['-XAtc', query], { env }).then(
    ({ stdout }) => (stdout.trim() === 't' ? 'encrypted' : 'plain'),
    () => 'refused',
  )
}

const certificates: Certificate[] = ['localhost', 'db.example.org', 'none']

describe.each(certificates)('a server with the certificate %s', (certificate) => {
  beforeAll(async () => {
    await server.start(certificate)
  })

  it('is reached, or not, as by psql, whatever the mode, the role and the root certificate', async () => {
    const differences: string[] = []
    for (const sslmode of sslModes) {
      for (const user of ['either', 'encrypted', 'plain']) {
        for (const authority of [undefined, 'ours', 'other'] as const) {
          // Where psql gives up an encryption that it cannot verify, though it was not asked to, we keep it.
          if (authority === 'other' && (sslmode === 'prefer' || sslmode === 'allow')) continue
          const settings = { sslmode, user, ...(authority ? { sslrootcert: server.root(authority) } : {}) }
          const [ours, psql] = await Promise.all([attempt(settings), askPsql(settings)])
          const same = psql === 'refused' ? /^[A-Z_]+$/.test(ours) : ours === psql
          if (!same) differences.push(`${sslmode} ${user} ${authority}: ${ours}, but psql ${psql}`)
        }
      }
    }
    expect(differences).toEqual([])
  }, 60_000)
})

describe('a server with its own name in its certificate', () => {
  beforeAll(async () => {
    await server.start('localhost')
  })

  it.each([
    ['disable', 'plain'],
    ['allow', 'plain'],
    ['prefer', 'encrypted'],
    ['require', 'encrypted'],
    ['verify-ca', 'encrypted'],
    ['verify-full', 'encrypted'],
  ] as const)('sslmode %s: %s', async (sslmode, outcome) => {
    expect(await attempt({ sslmode, sslrootcert: server.root('ours') })).toBe(outcome)
  })

  it.each(['verify-ca', 'verify-full'] as const)(
    '%s refuses an authority that it does not know',
    async (sslmode) => {
      expect(await attempt({ sslmode, sslrootcert: server.root('other') })).toBe('TLS_FAILED')
    },
  )

  it.each(['verify-ca', 'verify-full'] as const)(
    '%s refuses to go without a root certificate',
    async (sslmode) => {
      expect(await attempt({ sslmode })).toBe('TLS_FAILED')
    },
  )

  it('require verifies where a root certificate is there', async () => {
    expect(await attempt({ sslmode: 'require' })).toBe('encrypted')
    expect(await attempt({ sslmode: 'require', sslrootcert: server.root('other') })).toBe('TLS_FAILED')
  })

  it('the authorities of the system do not vouch for it', async () => {
    expect(await attempt({ sslmode: 'verify-full', sslrootcert: 'system' })).toBe('TLS_FAILED')
  })

  it('a certificate for a name does not vouch for an address', async () => {
    const settings = { sslmode: 'verify-full', host: '127.0.0.1', sslrootcert: server.root('ours') } as const
    expect(await attempt(settings)).toBe('TLS_FAILED')
    expect(await attempt({ ...settings, host: 'localhost', hostaddr: '127.0.0.1' })).toBe('encrypted')
  })

  it('allow and prefer fall to their second way where the server wants it', async () => {
    expect(await attempt({ sslmode: 'allow', user: 'encrypted' })).toBe('encrypted')
    expect(await attempt({ sslmode: 'prefer', user: 'plain' })).toBe('plain')
  })

  it('encryption is not given up when require or more asks for it', async () => {
    expect(await attempt({ sslmode: 'require', user: 'plain' })).toBe('LOGIN_REFUSED')
    expect(await attempt({ sslmode: 'disable', user: 'encrypted' })).toBe('LOGIN_REFUSED')
  })

  it('a root certificate that cannot be read is an error that names it', async () => {
    expect(await attempt({ sslmode: 'require', sslrootcert: '/nonexistent/ca.crt' })).toBe('TLS_FAILED')
  })
})

describe('a server with another name in its certificate', () => {
  beforeAll(async () => {
    await server.start('db.example.org')
  })

  it('is refused by verify-full and accepted by verify-ca', async () => {
    const sslrootcert = server.root('ours')
    expect(await attempt({ sslmode: 'verify-full', sslrootcert })).toBe('TLS_FAILED')
    expect(await attempt({ sslmode: 'verify-ca', sslrootcert })).toBe('encrypted')
  })

  it('is accepted by verify-full under that name at a given address', async () => {
    const settings = {
      sslrootcert: server.root('ours'),
      hostaddr: '127.0.0.1',
      sslmode: 'verify-full',
    } as const
    expect(await attempt({ ...settings, host: 'db.example.org' })).toBe('encrypted')
    expect(await attempt({ ...settings, host: 'other.example.org' })).toBe('TLS_FAILED')
  })
})

describe('a server without TLS', () => {
  beforeAll(async () => {
    await server.start('none')
  })

  it.each(['disable', 'allow', 'prefer'] as const)('is reached plainly by %s', async (sslmode) => {
    expect(await attempt({ sslmode })).toBe('plain')
  })

  it.each(['require', 'verify-ca', 'verify-full'] as const)('is refused by %s', async (sslmode) => {
    expect(await attempt({ sslmode, sslrootcert: server.root('ours') })).toBe('TLS_FAILED')
  })

  it('is reached through its socket whatever the mode', async () => {
    const settings = { host: server.folder, user: 'postgres', sslmode: 'verify-full' } as const
    expect(await attempt(settings)).toBe('plain')
  })
})

describe('the password of a target', () => {
  it('is the only one that is tried', async () => {
    expect(await attempt({ user: 'scram', password: 'correct horse' })).toBe('plain')
    expect(await attempt({ user: 'scram', password: 'wrong' })).toBe('LOGIN_REFUSED')
    vi.stubEnv('PGPASSWORD', 'correct horse')
    expect(await attempt({ user: 'scram' })).toBe('LOGIN_REFUSED')
    vi.unstubAllEnvs()
  })
})
