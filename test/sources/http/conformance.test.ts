import { openHttp } from '../../../src/sources/http/source.ts'
import { apiServer } from '../../support/api-server.ts'
import { chronicle, hubeau, internalError, ofStations, within } from '../../support/apis/hubeau.ts'
import { wish } from '../../support/wish.ts'
import { conformance } from '../conformance.ts'
import { httpSettings } from './settings.ts'

conformance('http', async () => {
  let rows = chronicle('2024-01-01', 31, 4)
  const server = await apiServer([hubeau({ rows: (_, question) => within(rows, question), size: 25 })])
  const settings = httpSettings(server.base)
  return {
    open: (around) => openHttp(settings, around),
    openMisfit: (around) => openHttp({ ...settings, query: { x: '{nonsense}' } }, around),
    full: wish('2024-01-01', '2024-02-01'),
    rows: 124,
    empty: wish('2023-01-01', '2023-02-01'),
    change: () => {
      rows = rows.map((row) => ({ ...row, qualification: 'Incertaine' }))
    },
    break: () => {
      server.faults = (_, { url }) => (url.searchParams.get('page') === '3' ? internalError : undefined)
    },
    stall: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.faults = (_, { url }) => {
        if (url.searchParams.get('page') !== '3') return undefined
        resolve()
        return { silent: true }
      }
      return { reached: promise }
    },
    reading: { format: 'ndjson' },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})

conformance('http for each of many stations', async () => {
  const stations = ['A', 'B', 'C', 'D', 'E', 'F', 'G']
  let rows = stations.flatMap((station) => chronicle('2024-01-01', 31, 1, station))
  const server = await apiServer([
    hubeau({ rows: (_, question) => within(ofStations(rows, question), question) }),
  ])
  const settings = httpSettings(server.base, {
    query: { code_bss: '{code}', date_debut_mesure: '{from}', date_fin_mesure: '{last}' },
    for_each: { parameter: 'code', list: stations, batch: 3 },
  })
  const third = (url: URL) => url.searchParams.get('code_bss') === 'G'
  return {
    open: (around) => openHttp(settings, around),
    openMisfit: (around) => openHttp({ ...settings, query: { x: '{nonsense}' } }, around),
    full: wish('2024-01-01', '2024-02-01'),
    rows: 7 * 31,
    empty: wish('2023-01-01', '2023-02-01'),
    change: () => {
      rows = rows.map((row) => ({ ...row, qualification: 'Incertaine' }))
    },
    break: () => {
      server.faults = (_, { url }) => (third(url) ? internalError : undefined)
    },
    stall: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.faults = (_, { url }) => {
        if (!third(url)) return undefined
        resolve()
        return { silent: true }
      }
      return { reached: promise }
    },
    reading: { format: 'ndjson' },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})
