import { DwhError } from '../errors.ts'
import type { Found } from './environment.ts'
import { type Layer, readKeyword, type SettingName } from './settings.ts'

/**
 * As libpq reads it, which is not quite as URLs are read elsewhere: the host may be missing (`postgresql://user@/db`), and
 * `#` is a letter like any other.
 */
const shape =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:/?]*)(?::(?<password>[^/?]*))?@)?(?:\[(?<address>[^\]]*)\]|(?<host>[^:/?,[\]]*))(?::(?<port>[^/?,]*))?(?:\/(?<database>[^?]*))?(?:\?(?<parameters>.*))?$/s

/**
 * The settings of `postgresql://user:password@host:port/database?sslmode=…`. The folder of a socket stands as
 * `?host=/path`, or percent-encoded in the place of the host.
 *
 * @throws DwhError CONFIG_INVALID naming the origin, never the URL: a password may stand in it
 */
export function readConnectionUrl({ value, origin }: Found): Layer {
  const { groups } = shape.exec(value) ?? {}
  if (!groups) throw refusal(origin, 'holds no URL of one database')
  const { parameters = '' } = groups
  const written: [SettingName, string | undefined][] = [
    ['host', groups.host ?? groups.address],
    ...(['port', 'database', 'user', 'password'] as const).map((name): [SettingName, string | undefined] => [
      name,
      groups[name],
    ]),
  ]
  for (const pair of parameters.split('&').filter(Boolean)) {
    const [keyword = '', text = ''] = pair.split(/=(.*)/s)
    const name = readKeyword(keyword, text)
    if (name === 'unknown')
      throw refusal(origin, `holds a parameter that dwh does not have: ${JSON.stringify(keyword)}`)
    if (name !== 'ignored') written.push([name, text])
  }
  const layer: Layer = {}
  for (const [name, text] of written) {
    if (text) layer[name] = { value: decode(text, name, origin), origin }
  }
  return layer
}

function decode(text: string, name: SettingName, origin: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refusal(origin, `holds a % in its ${name} that encodes nothing; a % itself is written %25`)
  }
}

function refusal(origin: string, why: string): DwhError {
  return new DwhError('CONFIG_INVALID', `${origin} ${why}`, {
    hint: 'it is like postgresql://user@host:5432/database?sslmode=verify-full; where DWH_DATABASE_URL is set, DATABASE_URL is not read',
  })
}
