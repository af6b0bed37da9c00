import { type ApiServer, apiServer } from '../../support/api-server.ts'
import { dwdArchive, filesOf, pathOf, type StationFile, stationZip } from '../../support/dwd-archive.ts'
import { conformance } from '../conformance.ts'
import { days, openSource } from './opened.ts'

const file = (station: number, value: string): StationFile => ({
  ...{ product: 'wind', station, from: 20200101, to: 20200131 },
  values: (hour) => [`${(hour * 7919) % 31}.${value}`, String((hour * 10) % 360)],
})

/** Two stations with a month each, and one that is no more. */
conformance('dwd', async () => {
  const ended = { ...file(9, '1'), from: 19500101, to: 19500101, historical: true }
  const files = filesOf([file(1, '1'), file(2, '1'), ended])
  let date = '01-Feb-2020 08:55'
  const server: ApiServer = await apiServer([dwdArchive(files, () => date)])
  const settings = { url: `${server.base}/hourly`, product: 'wind', timeout: '5 seconds' }
  const isZip = (path: string) => path.endsWith('akt.zip')
  return {
    open: (around) => openSource(settings, around),
    openMisfit: (around) => openSource({ ...settings, url: `${server.base}/{nonsense}` }, around),
    full: days('2020-01-01', '2020-02-01'),
    rows: 2 * 31 * 24,
    empty: days('2010-01-01', '2010-02-01'),
    change: () => {
      const other = file(2, '2')
      files.set(pathOf(other), stationZip(other))
      date = '02-Feb-2020 08:55'
    },
    break: () => {
      server.faults = (_, { url }) => (isZip(url.pathname) ? { cut: 100 } : undefined)
    },
    stall: () => ({
      reached: new Promise((reached) => {
        server.faults = (_, { url }) => {
          if (!isZip(url.pathname)) return undefined
          reached(undefined)
          return { silent: true }
        }
      }),
    }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() as Promise<void>,
  }
})
