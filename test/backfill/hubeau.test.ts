import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/package.ts'
import { apiServer } from '../support/api-server.ts'
import { hubeau } from '../support/apis/hubeau.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { Folder } from '../warehouse/folder.ts'

const day = 86_400_000

/** Levels of midnight in Paris, of which each day has one; the API compares their instants with midnight in UTC. */
function levels(station: string, from: string, to: string): Record<string, unknown>[] {
  const days = Math.round((Date.parse(to) - Date.parse(from)) / day)
  return Array.from({ length: days }, (_, n) => {
    const date = new Date(Date.parse(from) + n * day).toISOString().slice(0, 10)
    const summer = date > '2024-03-31'
    return {
      code_bss: station,
      date_mesure: date,
      timestamp_mesure: Date.parse(`${date}T00:00:00+0${summer ? 2 : 1}:00`),
      niveau_nappe_eau: station.endsWith('1') && date === '2024-02-10' ? 5000 : 100 + n / 100,
      statut: 'Donnée contrôlée niveau 2',
      qualification: 'Correcte',
      // Some records lack a key that others have.
      ...(n % 2 === 0 ? { profondeur_nappe: 12.5 } : {}),
    }
  })
}

test('a quarter of groundwater levels comes from the API into its leaves, each instant once', async () => {
  const stations = ['00387X0184/PZCC1', '00387X0185/PZCC2']
  const all = stations.flatMap((station) => levels(station, '2023-12-20', '2024-05-10'))
  const api = hubeau({
    rows: (_, { from, to, parameters }) => {
      const wanted = parameters.get('code_bss')?.split(',') ?? []
      const [low, high] = [Date.parse(from), Date.parse(to)]
      return all.filter(
        ({ code_bss, timestamp_mesure: at }) =>
          wanted.includes(String(code_bss)) && Number(at) >= low && Number(at) <= high,
      )
    },
  })
  await using played = await apiServer([api])
  await using database = await freshDatabase(server)
  await using session = await database.open()
  using folder = new Folder()
  const shipped = readFileSync(join(packageRoot, 'warehouses/hubeau.yaml'), 'utf8')
  folder.write(
    'hubeau.yaml',
    shipped
      .replaceAll('https://hubeau.eaufrance.fr', played.base)
      .replaceAll(': ../', `: ${packageRoot}/`)
      .replaceAll('page_size: 5000', 'page_size: 20')
      .replaceAll('delay: 0.5', 'delay: 0'),
  )
  const at = { env: targetEnvironment(database.target), cwd: folder.path }
  await dwhDone(['-w', 'hubeau.yaml', 'setup', '--yes'], at)
  await session.run('ALTER TABLE public.measure ADD CONSTRAINT plausible CHECK (value < 150)')
  const words = [
    '-w',
    'hubeau.yaml',
    'backfill',
    'run',
    '--dataset',
    'measure',
    '--source',
    'piezo',
    '--quarter',
    '2024-Q1',
  ]
  const asked = ['--param', `code_bss=${stations.join(',')}`, '--yes', '--json']
  const done = await dwh([...words, ...asked], at)
  if (done.code !== 0) throw new Error(done.stderr + done.stdout)
  expect(JSON.parse(done.stdout)).toMatchObject({
    state: 'done',
    chunks: 3,
    rows: 181,
    windows: [
      { window_from: '2024-01-01', figures: { records: 64, inserted: 62, outside: 2, rejected: 0 } },
      { window_from: '2024-02-01', figures: { inserted: 57, outside: 2, rejected: 1 } },
      { window_from: '2024-03-01', figures: { inserted: 62, outside: 2 } },
    ],
  })
  // What was refused is loaded once more by the map of its source.
  await session.run('ALTER TABLE public.measure DROP CONSTRAINT plausible')
  const [refusedBy] = await session.rows('SELECT load FROM dwh.rejects')
  const replayed = await dwhDone(
    ['-w', 'hubeau.yaml', 'rejects', 'replay', String(refusedBy?.load), '--yes', '--json'],
    at,
  )
  expect(JSON.parse(replayed.stdout)).toMatchObject([{ inserted: 1 }])
  expect(
    await session.rows(
      `SELECT tableoid::regclass::text AS leaf, count(*) AS n, count(DISTINCT ts) AS times, count(depth) AS depths, min(day)::text AS first, max(day)::text AS last
         FROM public.measure GROUP BY 1 ORDER BY 1`,
    ),
  ).toEqual([
    {
      leaf: 'public.measure_2024_01',
      n: 62,
      times: 31,
      depths: expect.any(Number),
      first: '2024-01-02',
      last: '2024-02-01',
    },
    {
      leaf: 'public.measure_2024_02',
      n: 58,
      times: 29,
      depths: expect.any(Number),
      first: '2024-02-02',
      last: '2024-03-01',
    },
    {
      leaf: 'public.measure_2024_03',
      n: 62,
      times: 31,
      depths: expect.any(Number),
      first: '2024-03-02',
      last: '2024-04-01',
    },
  ])
  // All pages were asked for as the warehouse file says.
  const [first] = played.asked
    .map(({ url }) => url)
    .filter(({ pathname }) => pathname.endsWith('/chroniques'))
  expect(Object.fromEntries(first?.searchParams ?? [])).toMatchObject({
    code_bss: stations.join(','),
    date_debut_mesure: '2024-01-01',
    date_fin_mesure: '2024-02-02',
  })
  const again = await dwh([...words, ...asked], at)
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing to do') })
  const checked = await dwhDone(
    ['-w', 'hubeau.yaml', 'check', 'measure', '--from', '2024-01', '--to', '2024-04', '--json'],
    at,
  )
  expect(JSON.parse(checked.stdout)).toMatchObject({ failed: 0, broken: 0, from: '2024-01-01' })

  // Without a list of stations nobody is asked, and it is said what to load first.
  const before = played.asked.length
  const refused = await dwh([...words.slice(0, -1), '2024-Q2', '--yes'], at)
  expect(refused.code).toBe(5)
  expect(refused.stderr).toMatch(
    /has no value of code_bss for 2024-0\d-01 to 2024-0\d-01: its query gives none; nothing was asked/,
  )
  expect(played.asked).toHaveLength(before)

  // With it, those that measured then are asked for, some at a time.
  await session.run(`
    INSERT INTO public.station (theme, station_code, departement_code, first_on, last_on) VALUES
      ('piezo', '${stations[0]}', '77', '1990-01-01', '2024-01-01'), ('piezo', '${stations[1]}', '21', NULL, NULL),
      ('piezo', 'CLOSED', '77', '1960-01-01', '1999-12-31'), ('piezo', 'NEW', '77', '2024-07-01', NULL),
      ('hydro', 'H1', '77', NULL, NULL)`)
  const ofAll = await dwhDone([...words.slice(0, -2), '--month', '2024-04', '--yes', '--json'], at)
  expect(JSON.parse(ofAll.stdout)).toMatchObject({
    windows: [
      { window_from: '2024-04-01', figures: { announced: 62, inserted: 60, outside: 2, requests: 4 } },
    ],
  })
  const codesAsked = () => played.asked.slice(before).map(({ url }) => url.searchParams.get('code_bss'))
  // The plan asks for an estimate.
  expect(new Set(codesAsked())).toEqual(new Set([stations.join(',')]))
  const ofDepartment = [
    ...words.slice(0, -2),
    '--month',
    '2024-04',
    '--param',
    'code_departement=21',
    '--yes',
  ]
  await dwhDone([...ofDepartment, '--all-windows'], at)
  expect(codesAsked().at(-1)).toBe(stations[1])
  // Or of a region, and of a group of stations that somebody has named.
  await session.run(
    `INSERT INTO public.station_group VALUES ('BRGM', 'piezo', '${stations[0]}'), ('BRGM', 'piezo', 'NEW')`,
  )
  const chosen = ['--param', 'region=11,Bretagne', '--param', 'network=BRGM', '--yes', '--json']
  const ofNetwork = await dwhDone([...words.slice(0, -2), '--month', '2024-04', ...chosen], at)
  expect(JSON.parse(ofNetwork.stdout)).toMatchObject({
    windows: [
      {
        state: 'done',
        parameters: { region: '11,Bretagne', network: 'BRGM' },
        figures: { inserted: 0, unchanged: 30 },
      },
    ],
  })
  expect(codesAsked().at(-1)).toBe(stations[0])

  // What is too deep for one question is asked for by departments.
  const departments = readFileSync(join(packageRoot, 'sql/hubeau/sources/departments.sql'), 'utf8')
  const codes = (await session.rows<{ to_char: string }>(departments)).map(({ to_char: code }) => code)
  expect(new Set(codes).size).toBe(101)
  expect(
    await session.rows('SELECT unnest(departement_codes) AS code FROM public.region ORDER BY 1'),
  ).toEqual(codes.toSorted().map((code) => ({ code })))
  expect(codes.filter((code) => !/^(\d\d|2[AB]|97[12346])$/.test(code))).toEqual([])
})
