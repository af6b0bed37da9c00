import { DwhError } from '../../errors.ts'
import type { Wish } from '../window.ts'
import type { Secrets } from './secrets.ts'

/** A wish with the parameters that the settings of the source give where it has none. */
export function withParameters(wish: Wish, settings: Record<string, string | number | boolean>): Wish {
  const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]))
  return { ...wish, parameters: { ...given, ...wish.parameters } }
}

/** @throws DwhError CONFIG_INVALID for what is no address of http or https, CONFIG_MISSING */
export function addressOf(template: string, secrets: Secrets, wish: Wish): URL {
  const url =
    URL.parse(secrets.fill(template, wish, encodeURIComponent)) ?? URL.parse(secrets.fill(template, wish))
  if (url && /^https?:$/.test(url.protocol)) return url
  throw new DwhError(
    'CONFIG_INVALID',
    `${JSON.stringify(template)} is no address of http or https; nothing was asked`,
    {
      hint: 'look at the `url` of the source in the warehouse file',
    },
  )
}
