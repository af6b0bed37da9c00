import type { Found } from './environment.ts'

/** What a connection is made of, in the order in which it is shown. */
export const settingNames = [
  'host',
  'hostaddr',
  'port',
  'database',
  'user',
  'password',
  'passfile',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connect_timeout',
  'options',
] as const

export type SettingName = (typeof settingNames)[number]

/** The settings that one place holds; of several places the first that holds one decides. */
export type Layer = Partial<Record<SettingName, Found>>

const libpqNames: Record<string, SettingName> = { ...ownNames(), dbname: 'database' }

/** What libpq has beside, by the values that change nothing here; without a list, whatever the value. */
const harmless: Record<string, string[] | undefined> = {
  application_name: undefined,
  fallback_application_name: undefined,
  client_encoding: undefined,
  keepalives: undefined,
  keepalives_idle: undefined,
  keepalives_interval: undefined,
  keepalives_count: undefined,
  tcp_user_timeout: undefined,
  channel_binding: ['disable', 'prefer'],
  gssencmode: ['disable', 'prefer'],
  load_balance_hosts: ['disable'],
  sslcompression: ['0'],
  sslnegotiation: ['postgres'],
  target_session_attrs: ['any'],
}

/**
 * What a keyword of libpq, as in a service file or a connection URL, stands for. Nothing is passed over that could mean
 * a weaker connection than the one asked for.
 *
 * @returns `ignored` where the value changes nothing here, `unknown` where it could, or where libpq has no such keyword
 */
export function readKeyword(keyword: string, value: string): SettingName | 'ignored' | 'unknown' {
  const name = Object.hasOwn(libpqNames, keyword) ? libpqNames[keyword] : undefined
  if (name) return name
  if (!Object.hasOwn(harmless, keyword)) return 'unknown'
  return (harmless[keyword]?.includes(value) ?? true) ? 'ignored' : 'unknown'
}

function ownNames(): Record<string, SettingName> {
  return Object.fromEntries(settingNames.filter((name) => name !== 'database').map((name) => [name, name]))
}
