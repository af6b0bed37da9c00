import { dirname, resolve } from 'node:path'
import type { Target } from '../postgres/target.ts'
import type { Environment, Found } from './environment.ts'
import { fileForPeople } from './files.ts'
import type { Warehouse } from './load.ts'
import type { ConnectionSettings } from './schema.ts'
import { readService } from './service-file.ts'
import { type Layer, type SettingName, settingNames } from './settings.ts'

/** The flags that say where the database is; there is none for a password. */
export interface ConnectionFlags {
  host?: string | undefined
  port?: string | undefined
  database?: string | undefined
  user?: string | undefined
}

type Variables = Partial<Record<SettingName, string[]>>

/** The variables of libpq (https://www.postgresql.org/docs/current/libpq-envars.html). */
export const pgVariables: Variables = {
  host: ['PGHOST'],
  hostaddr: ['PGHOSTADDR'],
  port: ['PGPORT'],
  database: ['PGDATABASE'],
  user: ['PGUSER'],
  password: ['PGPASSWORD'],
  passfile: ['PGPASSFILE'],
  sslmode: ['PGSSLMODE'],
  sslrootcert: ['PGSSLROOTCERT'],
  sslcert: ['PGSSLCERT'],
  sslkey: ['PGSSLKEY'],
  connect_timeout: ['PGCONNECT_TIMEOUT'],
  options: ['PGOPTIONS'],
}

export const dwhVariables: Variables = {
  ...prefixed('DWH_DB'),
  // The `.env` of SIGETI's original procedure holds the warehouse's password under the second name.
  password: ['DWH_DB_PASSWORD', 'DBT_PASSWORD'],
  sslmode: ['DWH_SSLMODE', 'DWH_DB_SSLMODE'],
  sslrootcert: ['DWH_SSLROOTCERT', 'DWH_DB_SSLROOTCERT'],
  sslcert: ['DWH_SSLCERT', 'DWH_DB_SSLCERT'],
  sslkey: ['DWH_SSLKEY', 'DWH_DB_SSLKEY'],
  connect_timeout: ['DWH_CONNECT_TIMEOUT', 'DWH_DB_CONNECT_TIMEOUT'],
}

/** SOURCE_DB → SOURCE_DB_HOST, SOURCE_DB_NAME, SOURCE_DB_PASSWORD, SOURCE_DB_SSLMODE … */
function prefixed(prefix: string): Variables {
  return Object.fromEntries(
    settingNames.map((name) => [name, [`${prefix}_${name === 'database' ? 'NAME' : name.toUpperCase()}`]]),
  )
}

export function flagLayer(flags: ConnectionFlags): Layer {
  return layerOf((name) => {
    const value = name in flags ? flags[name as keyof ConnectionFlags] : undefined
    return value ? { value, origin: `--${name}` } : undefined
  })
}

export function variableLayer(environment: Environment, variables: Variables): Layer {
  return layerOf((name) => variables[name]?.map(environment).find((found) => found !== undefined))
}

/**
 * What one connection of the warehouse file says, the strongest first: its variables, its fields, its service.
 *
 * @param path of the connection in the file, such as `connections.source`
 */
export function fileLayers(
  warehouse: Warehouse,
  environment: Environment,
  path: string,
  { environment: prefix, service, ...fields }: ConnectionSettings,
): Layer[] {
  const origin = (field: string) =>
    `${fileForPeople(warehouse.path)}:${warehouse.lines.get(`${path}.${field}`)}`
  const written = layerOf((name) => {
    const value = name in fields ? fields[name as keyof typeof fields] : undefined
    if (value === undefined) return undefined
    const isPath = name.startsWith('ssl') && name !== 'sslmode' && value !== 'system'
    const text = isPath ? resolve(dirname(warehouse.path), String(value)) : String(value)
    return { value: text, origin: origin(name) }
  })
  return [
    prefix ? variableLayer(environment, prefixed(prefix)) : {},
    written,
    service ? readService({ value: service, origin: origin('service') }, environment) : {},
  ]
}

export function embeddedLayer({ host, port, database, user, password, sslmode }: Target): Layer {
  const values: Partial<Record<SettingName, string | undefined>> = {
    host,
    port: String(port),
    database,
    user,
    password,
    sslmode,
  }
  return layerOf((name) => {
    const value = values[name]
    return value === undefined ? undefined : { value, origin: 'embedded server' }
  })
}

/** The first of some layers that says something, setting by setting. */
export function strongest(layers: Layer[]): Layer {
  return layerOf((name) => layers.find((layer) => layer[name])?.[name])
}

function layerOf(find: (name: SettingName) => Found | undefined): Layer {
  const layer: Layer = {}
  for (const name of settingNames) {
    const found = find(name)
    if (found) layer[name] = found
  }
  return layer
}
