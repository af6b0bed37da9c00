import { chmodSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import type { Target } from '../../src/postgres/target.ts'
import {
  type ResolvedConnection,
  resolveConnection,
  resolveNamedConnection,
} from '../../src/warehouse/connection.ts'
import { loadWarehouse, type Warehouse } from '../../src/warehouse/load.ts'
import { Folder, forgetEnvironment } from './folder.ts'

let home: Folder

beforeEach(() => {
  home = new Folder()
  forgetEnvironment(home)
  vi.spyOn(process, 'cwd').mockReturnValue(home.path)
})

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  home[Symbol.dispose]()
})

function warehouse(text: string): Warehouse {
  return loadWarehouse(home.write('mine/dwh.yaml', `name: mine\n${text}`))
}

const resolved = (from: Partial<Parameters<typeof resolveConnection>[0]> = {}) =>
  resolveConnection({ flags: {}, warehouse: undefined, ...from })

/** `value (origin)` of one setting. */
function shown({ settings }: ResolvedConnection, name: string): string {
  const { value, origin } = settings.find((setting) => setting.name === name) ?? {}
  return `${value} (${origin})`
}

function complaint(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof DwhError && error.code === 'CONFIG_INVALID')
      return error.message.replaceAll(home.path, '~')
    throw error
  }
  throw new Error('it went well')
}

const embedded = (): Target => ({
  host: '/run/embedded',
  port: 54_321,
  database: 'dwh',
  user: 'dwh',
  password: 'pw-embedded',
  sslmode: 'disable',
  connectTimeout: 10,
})

describe('of two places the stronger decides', () => {
  const service = '[prod]\nhost=h-service\npassword=pw-service\n'
  /** From the weakest to the strongest; each is added to those before it. */
  const places: { name: string; set: () => void; host: string; password: string }[] = [
    {
      name: 'the service that the file names',
      set: () =>
        home.write('.pg_service.conf', service.replaceAll('service', 'of-file').replace('prod', 'file')),
      host: 'h-of-file (~/.pg_service.conf:2)',
      password: 'pw-of-file (~/.pg_service.conf:3)',
    },
    {
      name: 'the variables of the prefix that the file names',
      set: () => {
        vi.stubEnv('MINE_DB_HOST', 'h-prefix')
        vi.stubEnv('MINE_DB_PASSWORD', 'pw-prefix')
      },
      host: 'h-prefix (MINE_DB_HOST)',
      password: 'pw-prefix (MINE_DB_PASSWORD)',
    },
    {
      name: 'PG* in .env',
      set: () => home.write('.env', 'PGHOST=h-env-file\nPGPASSWORD="pw-env-file"\n'),
      host: 'h-env-file (PGHOST in .env)',
      password: 'pw-env-file (PGPASSWORD in .env)',
    },
    {
      name: 'PG*',
      set: () => {
        vi.stubEnv('PGHOST', 'h-pg')
        vi.stubEnv('PGPASSWORD', 'pw-pg')
      },
      host: 'h-pg (PGHOST)',
      password: 'pw-pg (PGPASSWORD)',
    },
    {
      name: 'PGSERVICE',
      set: () => {
        vi.stubEnv('PGSERVICEFILE', home.write('services', service))
        vi.stubEnv('PGSERVICE', 'prod')
        home.write('services', `${service}[file]\nhost=h-of-file\npassword=pw-of-file\n`)
      },
      host: 'h-service (~/services:2)',
      password: 'pw-service (~/services:3)',
    },
    {
      name: 'DATABASE_URL',
      set: () => vi.stubEnv('DATABASE_URL', 'postgres://u:pw-url@h-url/d'),
      host: 'h-url (DATABASE_URL)',
      password: 'pw-url (DATABASE_URL)',
    },
    {
      name: 'DBT_PASSWORD of the original procedure',
      set: () => vi.stubEnv('DBT_PASSWORD', 'pw-dbt'),
      host: 'h-url (DATABASE_URL)',
      password: 'pw-dbt (DBT_PASSWORD)',
    },
    {
      name: 'DWH_DB_*',
      set: () => {
        vi.stubEnv('DWH_DB_HOST', 'h-dwh')
        vi.stubEnv('DWH_DB_PASSWORD', 'pw-dwh')
      },
      host: 'h-dwh (DWH_DB_HOST)',
      password: 'pw-dwh (DWH_DB_PASSWORD)',
    },
    {
      name: 'DWH_DATABASE_URL',
      set: () => vi.stubEnv('DWH_DATABASE_URL', 'postgresql://u:pw-dwh-url@h-dwh-url/d'),
      host: 'h-dwh-url (DWH_DATABASE_URL)',
      password: 'pw-dwh-url (DWH_DATABASE_URL)',
    },
  ]

  it('place by place, for host and password', () => {
    const mine = warehouse('connection: { service: file, environment: MINE_DB }\n')
    for (const { name, set, host, password } of places) {
      set()
      const connection = resolved({ warehouse: mine, embedded })
      const of = (setting: string) => shown(connection, setting).replace(home.path, '~')
      expect({ name, host: of('host'), password: of('password') }).toEqual({ name, host, password })
    }
    const withFlag = resolved({ warehouse: mine, flags: { host: 'h-flag' } })
    expect(shown(withFlag, 'host')).toBe('h-flag (--host)')
    expect(shown(withFlag, 'password')).toBe('pw-dwh-url (DWH_DATABASE_URL)')
  })

  it('the fields of the file stand between its variables and its service', () => {
    home.write('.pg_service.conf', '[file]\nhost=h-service\nport=1\nuser=u-service\n')
    vi.stubEnv('MINE_DB_PORT', '3')
    const mine = warehouse(
      'connection:\n  service: file\n  environment: MINE_DB\n  host: h-file\n  port: 2\n',
    )
    const connection = resolved({ warehouse: mine, embedded })
    expect(shown(connection, 'host')).toBe('h-file (mine/dwh.yaml:5)')
    expect(shown(connection, 'port')).toBe('3 (MINE_DB_PORT)')
    expect(shown(connection, 'user')).toBe(`u-service (${home.path}/.pg_service.conf:4)`)
  })

  it('an empty variable counts as none', () => {
    vi.stubEnv('DWH_DB_HOST', '')
    vi.stubEnv('PGHOST', 'h-pg')
    expect(shown(resolved({ flags: { host: '' } }), 'host')).toBe('h-pg (PGHOST)')
  })

  it('one URL hides the other whole: no password goes to the wrong host', () => {
    vi.stubEnv('DWH_DATABASE_URL', 'postgres://me@h1/db')
    vi.stubEnv('DATABASE_URL', 'postgres://you:pw@h2/db?sslmode=disable&nonsense=1')
    expect(resolved().target).toMatchObject({ host: 'h1', user: 'me', sslmode: 'prefer' })
    expect(resolved().target.password).toBeUndefined()
  })
})

describe('what nobody says', () => {
  it("is libpq's default, and is called one", () => {
    const connection = resolved()
    expect(shown(connection, 'host')).toMatch(/^(\/var\/run\/postgresql|localhost) \(default\)$/)
    expect(shown(connection, 'port')).toBe('5432 (default)')
    expect(shown(connection, 'user')).toBe(`${userInfo().username} (default: the user of the system)`)
    expect(shown(connection, 'database')).toBe(`${userInfo().username} (default: as the user)`)
    expect(shown(connection, 'sslmode')).toBe('prefer (default)')
    expect(shown(connection, 'password')).toBe('undefined (not set)')
    expect(connection.target.connectTimeout).toBe(10)
  })

  it('the database is called as the user, whoever named that one', () => {
    vi.stubEnv('PGUSER', 'etl')
    expect(resolved().target.database).toBe('etl')
  })

  it('is the embedded server where one runs', () => {
    expect(resolved({ embedded }).target).toMatchObject({ ...embedded(), sslmode: 'disable' })
    expect(shown(resolved({ embedded }), 'host')).toBe('/run/embedded (embedded server)')
  })

  it.each(['PGHOST', 'PGHOSTADDR', 'PGPORT'])(
    'is not the embedded server where %s names another',
    (variable) => {
      vi.stubEnv(variable, variable === 'PGPORT' ? '6000' : '192.0.2.1')
      expect(resolved({ embedded }).target).toMatchObject({ user: userInfo().username, sslmode: 'prefer' })
      expect(resolved({ embedded }).target.password).toBeUndefined()
    },
  )

  it('is the embedded server still where a role alone is named', () => {
    expect(resolved({ embedded, flags: { user: 'etl' } }).target).toMatchObject({ port: 54_321, user: 'etl' })
  })

  it('the certificates of ~/.postgresql are found as by libpq', () => {
    const root = home.write('.postgresql/root.crt', '')
    expect(shown(resolved(), 'sslrootcert')).toBe(`${root} (default)`)
  })
})

describe('variables', () => {
  it('every one of libpq that means something here is heard', () => {
    const variables = {
      PGHOST: 'db.example.org',
      PGHOSTADDR: '192.0.2.1',
      PGPORT: '6432',
      PGDATABASE: 'd',
      PGUSER: 'u',
      PGPASSWORD: 'p',
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: '/ca.crt',
      PGSSLCERT: '/me.crt',
      PGSSLKEY: '/me.key',
      PGCONNECT_TIMEOUT: '3',
      PGOPTIONS: '-c work_mem=64MB',
    }
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
    expect(resolved().target).toEqual({
      host: 'db.example.org',
      hostaddr: '192.0.2.1',
      port: 6432,
      database: 'd',
      user: 'u',
      password: 'p',
      sslmode: 'verify-full',
      sslrootcert: '/ca.crt',
      sslcert: '/me.crt',
      sslkey: '/me.key',
      connectTimeout: 3,
      options: '-c work_mem=64MB',
    })
  })

  it('DWH_SSLMODE and its kin come before those of libpq', () => {
    vi.stubEnv('PGSSLMODE', 'disable')
    vi.stubEnv('DWH_SSLMODE', 'verify-full')
    vi.stubEnv('DWH_SSLROOTCERT', 'system')
    expect(resolved().target).toMatchObject({ sslmode: 'verify-full', sslrootcert: 'system' })
  })

  it('a .env beside the warehouse file comes before that of the current folder, and both behind the process', () => {
    const mine = warehouse('')
    home.write('mine/.env', 'PGHOST=beside\n')
    home.write('.env', 'PGHOST=here\nPGPORT=1\nPGUSER=nobody\n')
    vi.stubEnv('PGUSER', 'somebody')
    const connection = resolved({ warehouse: mine })
    expect(shown(connection, 'host')).toBe('beside (PGHOST in mine/.env)')
    expect(shown(connection, 'port')).toBe('1 (PGPORT in .env)')
    expect(shown(connection, 'user')).toBe('somebody (PGUSER)')
    expect(process.env.PGPORT).toBeUndefined()
  })

  it('a folder called .env, such as one of Python, is none', () => {
    home.write('.env/pyvenv.cfg', '')
    expect(resolved().target.port).toBe(5432)
  })
})

describe('bad values', () => {
  it('are refused all at once, naming where they stand', () => {
    vi.stubEnv('PGPORT', '99999')
    vi.stubEnv('DWH_SSLMODE', 'verify')
    vi.stubEnv('PGCONNECT_TIMEOUT', 'soon')
    home.write('.env', 'PGHOSTADDR=nowhere\n')
    expect(complaint(() => resolved({ flags: { host: 'a,b' } })).split('\n  ')).toEqual([
      'host "a,b" (--host): expected one host name, address or socket folder',
      'hostaddr "nowhere" (PGHOSTADDR in .env): expected an address like 192.0.2.1',
      'port "99999" (PGPORT): expected a port from 1 to 65535',
      'sslmode "verify" (DWH_SSLMODE): expected one of disable, allow, prefer, require, verify-ca, verify-full',
      'connect_timeout "soon" (PGCONNECT_TIMEOUT): expected whole seconds, 0 to wait for ever',
    ])
  })

  it.each(['0', '-1', '65536', '54x', '5432.5', ' ', '1e3'])('a port %j', (port) => {
    expect(complaint(() => resolved({ flags: { port } }))).toContain('(--port): expected a port')
  })

  it('the well-known authorities vouch for nobody unless the name is checked', () => {
    vi.stubEnv('PGSSLROOTCERT', 'system')
    expect(resolved().target.sslmode).toBe('verify-full')
    vi.stubEnv('PGSSLMODE', 'require')
    expect(complaint(() => resolved())).toContain('sslrootcert "system" (PGSSLROOTCERT)')
  })

  it('an address in the place of a host is not told with its password', () => {
    vi.stubEnv('PGHOST', 'postgres://u:s3cret@h/d')
    expect(complaint(() => resolved())).not.toContain('s3cret')
  })
})

describe('a password file', () => {
  const lines = [
    '# a comment:5432:*:*:no',
    'db.example.org:5432:sales:etl:first',
    '*:*:*:etl:pass\\:with\\\\both:ignored',
    'localhost:5432:*:local:through the socket',
  ]

  it('gives the password of the first line that matches, with that line as its origin', () => {
    const path = home.write('.pgpass', lines.join('\n'))
    const asked = (flags: object) => shown(resolved({ flags }), 'password')
    expect(asked({ host: 'db.example.org', database: 'sales', user: 'etl' })).toBe(`first (${path}:2)`)
    expect(asked({ host: 'elsewhere', user: 'etl' })).toBe(`pass:with\\both (${path}:3)`)
    expect(asked({ host: 'elsewhere', user: 'local' })).toBe('undefined (not set)')
    expect(asked({ host: '/var/run/postgresql', user: 'local' })).toBe(`through the socket (${path}:4)`)
    expect(resolved({ flags: { user: 'etl' } }).target.password).toBe('pass:with\\both')
  })

  it('comes behind every other password', () => {
    home.write('.pgpass', '*:*:*:*:weak')
    vi.stubEnv('PGPASSWORD', 'strong')
    expect(shown(resolved(), 'password')).toBe('strong (PGPASSWORD)')
  })

  it('is passed over where others may read it, and that is said', () => {
    const path = home.write('.pgpass', '*:*:*:*:known to all')
    chmodSync(path, 0o640)
    expect(shown(resolved(), 'password')).toBe(
      `undefined (not set; ${path} is passed over: others may read it; type: chmod 600)`,
    )
  })

  it('may lie elsewhere, by PGPASSFILE', () => {
    vi.stubEnv('PGPASSFILE', home.write('elsewhere', '*:*:*:*:found\r\n'))
    expect(resolved().target.password).toBe('found')
  })

  it('matches names with colons and stars as they are written', () => {
    home.write('.pgpass', '*:*:a\\:b:\\*:odd\n*:*:a:b:wrong\n')
    expect(resolved({ flags: { database: 'a:b', user: '*' } }).target.password).toBe('odd')
    expect(resolved({ flags: { database: 'a:b', user: 'x' } }).target.password).toBeUndefined()
  })
})

describe('a named connection', () => {
  const file = `
connections:
  source: { host: h-file, port: 1234, database: sales, sslrootcert: certs/ca.crt }
  legacy: { environment: OLD, service: old }
`

  it('is named by the variables of its prefix, then by the file', () => {
    vi.stubEnv('SOURCE_DB_HOST', 'h-variable')
    vi.stubEnv('SOURCE_DB_NAME', 'sigeti_node_db')
    vi.stubEnv('SOURCE_DB_USER', 'reader')
    home.write('mine/.env', 'SOURCE_DB_PASSWORD=pw\n')
    const connection = resolveNamedConnection('source', warehouse(file))
    expect(connection.target).toMatchObject({
      host: 'h-variable',
      port: 1234,
      database: 'sigeti_node_db',
      user: 'reader',
      password: 'pw',
      sslrootcert: join(home.path, 'mine/certs/ca.crt'),
    })
    expect(shown(connection, 'password')).toBe('pw (SOURCE_DB_PASSWORD in mine/.env)')
    expect(shown(connection, 'port')).toBe('1234 (mine/dwh.yaml:4)')
  })

  it('may have a prefix and a service of its own', () => {
    home.write('.pg_service.conf', '[old]\nhost=h-service\nuser=reader\n')
    vi.stubEnv('OLD_USER', 'other')
    expect(resolveNamedConnection('legacy', warehouse(file)).target).toMatchObject({
      host: 'h-service',
      user: 'other',
    })
  })

  it("hears nothing of the warehouse's own database", () => {
    for (const name of ['PGPASSWORD', 'DWH_DB_PASSWORD', 'PGUSER', 'PGOPTIONS']) vi.stubEnv(name, 'mine')
    vi.stubEnv('DATABASE_URL', 'postgres://mine:mine@mine/mine')
    const { target } = resolveNamedConnection('source', warehouse(file))
    expect(Object.values(target)).not.toContain('mine')
  })

  it('must be one of the file', () => {
    const mine = warehouse(file)
    expect(complaint(() => resolveNamedConnection('sorce', mine))).toContain('did you mean source?')
    expect(complaint(() => resolveNamedConnection('constructor', mine))).toContain(
      'is none of the connections',
    )
  })
})

it('hostile names reach the target as they are', () => {
  const database = 'Robert"); DROP TABLE x;--\n$$'
  vi.stubEnv('PGUSER', "o'hara\t")
  expect(resolved({ flags: { database } }).target).toMatchObject({ database, user: "o'hara\t" })
})
