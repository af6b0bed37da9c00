import type { ResolvedSetting } from '../../warehouse/connection.ts'
import { fileForPeople } from '../../warehouse/files.ts'
import type { Warehouse } from '../../warehouse/load.ts'
import { type Span, spanText } from '../../warehouse/values.ts'

/** One line of the settings: its path as in the warehouse file, its value as text, and where that came from. */
export interface Row {
  name: string
  value: string | null
  origin: string
}

const mask = '********'

/** @param path of the connection, such as `connections.source` */
export function connectionRows(path: string, settings: ResolvedSetting[]): Row[] {
  return settings.map(({ name, value, origin, secret }) => ({
    name: `${path}.${name}`,
    value: value === undefined ? null : secret ? mask : value,
    origin,
  }))
}

/** Everything else that the file says once for all datasets. */
export function warehouseRows(warehouse: Warehouse, origin: string): Row[] {
  const { path, name, migrationsFolder, sqlFolder, lines } = warehouse
  const { schemas, maintenance, schedule, backup, alerts, retention } = warehouse
  const fromFile = (name: string) => {
    const line = lines.get(name)
    return line === undefined ? 'default' : `${fileForPeople(path)}:${line}`
  }
  const rows = flatten({ schemas, maintenance, schedule, backup, alerts, retention })
  return [
    { name: 'warehouse', value: path, origin },
    { name: 'name', value: name, origin: fromFile('name') },
    { name: 'migrations', value: migrationsFolder, origin: fromFile('migrations') },
    { name: 'sql', value: sqlFolder, origin: fromFile('sql') },
    ...rows.map(([name, value]) => ({ name, value, origin: fromFile(name) })),
  ]
}

/** `[['backup.keep.daily', '7'], …]` */
function flatten(value: unknown, path = ''): [string, string][] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null) return [[path, String(value)]]
  if (Array.isArray(value)) return [[path, value.join(', ')]]
  if ('amount' in value && 'unit' in value) return [[path, spanText(value as Span)]]
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, path ? `${path}.${name}` : name))
}
