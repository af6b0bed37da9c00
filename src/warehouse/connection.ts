import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { DwhError } from '../errors.ts'
import { type SslMode, sslModes, type Target } from '../postgres/target.ts'
import { readConnectionUrl } from './connection-url.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { showValue } from './explain.ts'
import {
  type ConnectionFlags,
  dwhVariables,
  embeddedLayer,
  fileLayers,
  flagLayer,
  pgVariables,
  strongest,
  variableLayer,
} from './layers.ts'
import type { Warehouse } from './load.ts'
import { didYouMean } from './nearest.ts'
import { lookUpPassword } from './passfile.ts'
import { readService } from './service-file.ts'
import { type Layer, type SettingName, settingNames } from './settings.ts'
import { hostName } from './values.ts'

/** One setting with its value and where that came from. */
export interface ResolvedSetting {
  name: SettingName
  /** Not masked: whoever shows it looks at `secret`. */
  value: string | undefined
  /** Such as `--host`, `PGHOST`, `PGHOST in .env`, `dwh.yaml:12`, `/home/dba/.pgpass:3`, `default` or `not set`. */
  origin: string
  secret: boolean
}

export interface ResolvedConnection {
  target: Target
  settings: ResolvedSetting[]
}

/**
 * Where the warehouse's database is. Setting by setting the first that says something decides: flags, DWH_* variables,
 * DATABASE_URL, the service of PGSERVICE, the other PG* variables, the warehouse file, the embedded server of this
 * folder, and what libpq takes by itself.
 *
 * @param embedded the embedded server of this folder while it runs
 * @throws DwhError CONFIG_INVALID naming every setting that is wrong and where it came from
 */
export function resolveConnection({
  flags,
  warehouse,
  embedded = () => undefined,
}: {
  flags: ConnectionFlags
  warehouse: Warehouse | undefined
  embedded?: () => Target | undefined
}): ResolvedConnection {
  const environment = environmentOf(warehouse)
  const ownUrl = environment('DWH_DATABASE_URL')
  // A URL is one whole address: the password of the general one is not sent to the host of our own.
  const generalUrl = ownUrl ? undefined : environment('DATABASE_URL')
  const service = environment('PGSERVICE')
  const layers = [
    flagLayer(flags),
    ownUrl ? readConnectionUrl(ownUrl) : {},
    variableLayer(environment, dwhVariables),
    generalUrl ? readConnectionUrl(generalUrl) : {},
    service ? readService(service, environment) : {},
    variableLayer(environment, pgVariables),
    ...(warehouse ? fileLayers(warehouse, environment, 'connection', warehouse.connection) : []),
  ]
  // The embedded server is a whole address too: it counts where nothing else says where to go.
  const elsewhere = layers.some(({ host, hostaddr, port }) => host ?? hostaddr ?? port)
  const server = elsewhere ? undefined : embedded()
  return conclude(strongest([...layers, server ? embeddedLayer(server) : {}]))
}

/**
 * Where one of the other servers is, which the file lists under `connections`: the variables of its prefix (for
 * `source`: SOURCE_DB_HOST, SOURCE_DB_PASSWORD …), then what the file says. The PG* variables speak of the warehouse's
 * database, not of this one, but for the place of the password file.
 *
 * @throws DwhError CONFIG_INVALID
 */
export function resolveNamedConnection(name: string, warehouse: Warehouse): ResolvedConnection {
  const settings = Object.hasOwn(warehouse.connections, name) ? warehouse.connections[name] : undefined
  if (!settings) {
    const suggestion = didYouMean(name, Object.keys(warehouse.connections))
    const message = `${JSON.stringify(name)} is none of the connections in ${warehouse.path}${suggestion}`
    throw new DwhError('CONFIG_INVALID', message)
  }
  const environment = environmentOf(warehouse)
  const withPrefix = { environment: `${name.toUpperCase()}_DB`, ...settings }
  const layers = fileLayers(warehouse, environment, `connections.${name}`, withPrefix)
  return conclude(strongest([...layers, variableLayer(environment, { passfile: ['PGPASSFILE'] })]))
}

function environmentOf(warehouse: Warehouse | undefined): Environment {
  return readEnvironment([...(warehouse ? [dirname(warehouse.path)] : []), process.cwd()])
}

/** Adds the defaults and the password file, and checks every value. */
function conclude(given: Layer): ResolvedConnection {
  const settled = { ...defaults(given), ...given }
  refuseBadValues(settled)
  const text = (name: SettingName) => settled[name]?.value
  const { host, port, database, user } = settled
  if (!host || !port || !database || !user) {
    throw new DwhError('CONFIG_INVALID', 'no user is named, and the system has no name for this one', {
      hint: 'name one with --user or PGUSER',
    })
  }
  const login = { host: host.value, port: port.value, database: database.value, user: user.value }
  const { found, missing } = settled.password
    ? { found: settled.password, missing: '' }
    : fromPasswordFile(text('passfile') ?? '', login)
  if (found) settled.password = found
  return {
    target: {
      ...login,
      port: Number(login.port),
      sslmode: text('sslmode') as SslMode,
      connectTimeout: Number(text('connect_timeout')),
      hostaddr: text('hostaddr'),
      password: text('password'),
      sslrootcert: text('sslrootcert'),
      sslcert: text('sslcert'),
      sslkey: text('sslkey'),
      options: text('options'),
    },
    settings: settingNames.map((name) => ({
      name,
      value: text(name),
      origin: settled[name]?.origin ?? (name === 'password' ? missing : 'not set'),
      secret: name === 'password',
    })),
  }
}

/** What libpq takes where nothing is said. Only the timeout is ours: libpq would wait for ever. */
function defaults(given: Layer): Layer {
  const origin = 'default'
  const user = given.user?.value ?? systemUser()
  const inHome = (file: string) => {
    const path = join(homedir(), '.postgresql', file)
    return existsSync(path) ? { value: path, origin } : undefined
  }
  return {
    host: { value: given.hostaddr?.value ?? (existsSync(socketFolder) ? socketFolder : 'localhost'), origin },
    port: { value: '5432', origin },
    database: user ? { value: user, origin: 'default: as the user' } : undefined,
    user: user ? { value: user, origin: 'default: the user of the system' } : undefined,
    passfile: { value: join(homedir(), '.pgpass'), origin },
    sslmode: { value: given.sslrootcert?.value === 'system' ? 'verify-full' : 'prefer', origin },
    sslrootcert: inHome('root.crt'),
    sslcert: inHome('postgresql.crt'),
    sslkey: inHome('postgresql.key'),
    connect_timeout: { value: '10', origin },
  }
}

/** Where Debian's and Red Hat's libpq look for the server of this machine. */
const socketFolder = '/var/run/postgresql'

function systemUser(): string | undefined {
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that has no name.
    return undefined
  }
}

function fromPasswordFile(path: string, login: Parameters<typeof lookUpPassword>[1]) {
  // libpq's rule: the socket of this machine is written localhost.
  const host = login.host === socketFolder ? 'localhost' : login.host
  const { password, line, refused } = lookUpPassword(path, { ...login, host })
  return {
    found: password === undefined ? undefined : { value: password, origin: `${path}:${line}` },
    missing: refused ? `not set; ${path} is passed over: ${refused}` : 'not set',
  }
}

function refuseBadValues(settled: Layer): void {
  const isWhole = (text: string, from: number, to: number) =>
    /^\d+$/.test(text) && Number(text) >= from && Number(text) <= to
  const rules: Partial<Record<SettingName, [expected: string, fits: (text: string) => boolean]>> = {
    host: ['one host name, address or socket folder', (text) => hostName.safeParse(text).success],
    hostaddr: ['an address like 192.0.2.1', (text) => isIP(text) > 0],
    port: ['a port from 1 to 65535', (text) => isWhole(text, 1, 65_535)],
    connect_timeout: ['whole seconds, 0 to wait for ever', (text) => isWhole(text, 0, 86_400)],
    sslmode: [`one of ${sslModes.join(', ')}`, (text) => sslModes.includes(text as SslMode)],
    sslrootcert: [
      'a file: `system` goes with sslmode verify-full only',
      (text) => text !== 'system' || settled.sslmode?.value === 'verify-full',
    ],
  }
  const mistakes = settingNames.flatMap((name) => {
    const rule = rules[name]
    const given = settled[name]
    if (!rule || !given || rule[1](given.value)) return []
    return [`${name} ${showValue(given.value)} (${given.origin}): expected ${rule[0]}`]
  })
  if (mistakes.length > 0) {
    throw new DwhError('CONFIG_INVALID', mistakes.join('\n  '), {
      hint: 'nothing was tried; correct it where it stands',
    })
  }
}
