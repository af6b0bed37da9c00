import { resolve } from 'node:path'
import type { ResolvedSetting } from '../warehouse/connection.ts'

/** The fields of `connection` in a warehouse file, and where their values came from. */
export interface Settings {
  fields: [name: string, value: string | number][]
  origins: string[]
}

/** What the warehouse file has a field for. A password is not among them. */
const fields = ['host', 'port', 'database', 'user', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey']

/**
 * What somebody said about the connection, to be written down. The embedded server is found by its folder, and its port may
 * be another the next time.
 */
export function connectionSettings(settings: ResolvedSetting[]): Settings {
  if (settings.some(({ origin }) => origin === 'embedded server')) return { fields: [], origins: [] }
  const said = settings.filter(
    ({ name, value, origin }) =>
      fields.includes(name) && value !== undefined && !/^(default|not set)/.test(origin),
  )
  return {
    fields: said.map(({ name, value = '' }) => [name, fieldValue(name, value)]),
    origins: [...new Set(said.map(({ origin }) => origin))],
  }
}

function fieldValue(name: string, value: string): string | number {
  if (name === 'port') return Number(value)
  const isPath = name.startsWith('ssl') && name !== 'sslmode' && value !== 'system'
  return isPath ? resolve(value) : value
}
