import { openGraphql } from '../../../src/sources/graphql/source.ts'
import { apiServer } from '../../support/api-server.ts'
import { gazelle, timeline } from '../../support/apis/gazelle.ts'
import { internalError } from '../../support/apis/hubeau.ts'
import { wish } from '../../support/wish.ts'
import { conformance } from '../conformance.ts'
import { graphqlSettings } from './settings.ts'

conformance('graphql', async () => {
  let entries = timeline('2024-01-01', 31, 10)
  const server = await apiServer([gazelle(() => entries)])
  const settings = graphqlSettings(server.base)
  const isThird = (body: string) => JSON.parse(body).variables.after === Buffer.from('200').toString('base64')
  return {
    open: (around) => openGraphql(settings, around),
    openMisfit: (around) => openGraphql({ ...settings, variables: { from: '{nonsense}' } }, around),
    full: wish('2024-01-01', '2024-02-01'),
    rows: 310,
    empty: wish('2024-02-01', '2024-03-01'),
    change: () => {
      entries = entries.map((entry) => ({ ...entry, summary: 'changed' }))
    },
    break: () => {
      server.faults = (_, { body }) => (isThird(body) ? internalError : undefined)
    },
    stall: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.faults = (_, { body }) => {
        if (!isThird(body)) return undefined
        resolve()
        return { silent: true }
      }
      return { reached: promise }
    },
    reading: { format: 'ndjson' },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})
