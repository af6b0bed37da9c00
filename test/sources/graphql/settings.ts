import type { GraphqlSettings } from '../../../src/sources/graphql/source.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'
import { timelineQuery } from '../../support/apis/gazelle.ts'

/** The source of timeline entries at a server, as a warehouse file says it. */
export function graphqlSettings(base: string, more: Record<string, unknown> = {}): GraphqlSettings {
  return sourceSchema.parse({
    kind: 'graphql',
    url: `${base}/graphql/private/`,
    query: timelineQuery,
    variables: { from: '{from_instant}' },
    connection_path: 'allTimelineEntries',
    retries: 1,
    ...more,
  }) as GraphqlSettings
}
