import { expect, test } from 'vitest'
import { apiServer } from '../../support/api-server.ts'
import { dwdArchive, filesOf } from '../../support/dwd-archive.ts'
import { surroundings } from '../../support/surroundings.ts'
import { days, fetched, openSource } from './opened.ts'

const header = 'Stations_id von_datum bis_datum Stationshoehe geoBreite geoLaenge Stationsname Bundesland'
const line = (id: string, name: string, state: string) =>
  `${id} 19500401 20110331            202     50.7827    6.0941 ${name.padEnd(40)} ${state.padEnd(40)}`

const lists = [
  {
    edition: '2016',
    text: `${header}\n----------- ---------\n${line('          3', 'Aachen', 'Nordrhein-Westfalen')}\n${line('         44', 'Großenkneten', 'Niedersachsen')}\n\u001a`,
    access: null,
  },
  {
    edition: 'newer',
    text: `${header} Abgabe\r\n----- ---\r\n${line('00003', 'Aachen', 'Nordrhein-Westfalen')} Frei\r\n${line('00044', 'Großenkneten', 'Niedersachsen')} Frei\r\n`,
    access: 'Frei',
  },
]

test.each(lists)('the list of stations, edition $edition', async ({ text, access }) => {
  const file = {
    product: 'wind' as const,
    station: 3,
    from: 20200101,
    to: 20200101,
    values: () => ['1', '2'],
  }
  const files = filesOf([file, { ...file, historical: true }])
  files.set('wind/historical/FF_Stundenwerte_Beschreibung_Stationen.txt', Buffer.from(text, 'latin1'))
  await using server = await apiServer([dwdArchive(files)])
  await using around = surroundings()
  const settings = { url: `${server.base}/hourly`, product: 'wind', content: 'stations' }
  await using source = await openSource(settings, around)
  const found = await fetched(source, { window: undefined, parameters: {} })
  expect(found.columns.slice(0, 3)).toEqual(['station_id', 'first_day', 'last_day'])
  expect(found.rows).toEqual([
    ['3', '1950-04-01', '2011-03-31', '202', '50.7827', '6.0941', 'Aachen', 'Nordrhein-Westfalen', access],
    ['44', '1950-04-01', '2011-03-31', '202', '50.7827', '6.0941', 'Großenkneten', 'Niedersachsen', access],
  ])
  const again = await fetched(source, { window: undefined, parameters: {} })
  expect(again.fingerprint).toBe(found.fingerprint)
  await expect(fetched(source, days('2020-01-01', '2020-01-02'))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })

  files.set(
    'wind/historical/FF_Stundenwerte_Beschreibung_Stationen.txt',
    Buffer.from('<html>maintenance</html>'),
  )
  await expect(fetched(source, { window: undefined, parameters: {} })).rejects.toMatchObject({
    code: 'INPUT_BROKEN',
  })
})
