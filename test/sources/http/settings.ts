import type { HttpSettings } from '../../../src/sources/http/source.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'

/** The source of groundwater levels at a server, as a warehouse file says it. */
export function httpSettings(base: string, more: Record<string, unknown> = {}): HttpSettings {
  return sourceSchema.parse({
    kind: 'http',
    url: `${base}/api/v1/niveaux_nappes/chroniques`,
    query: { code_bss: '00387X0184/S1', date_debut_mesure: '{from}', date_fin_mesure: '{last}' },
    count: 'count',
    pages: { by: 'next_link' },
    retries: 1,
    ...more,
  }) as HttpSettings
}
