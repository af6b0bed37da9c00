import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../src/package.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { loadRecords } from '../support/load-records.ts'
import { server as first, servers } from '../support/servers.ts'
import { targetEnvironment } from '../support/warehouse.ts'

const samples = join(packageRoot, '../shared/data/hubeau')

describe.each(servers)('the warehouse hubeau on an empty database, $name', (server) => {
  test('comes whole: measures by month, referentials, checks that pass', async () => {
    await using database = await freshDatabase(server)
    const at = { env: targetEnvironment(database.target) }
    const made = await dwhDone(['-w', 'hubeau', 'setup', '--yes', '--json'], at)
    // The current month and two more, of two tables.
    expect(JSON.parse(made.stdout)).toMatchObject({ leaves: 6, gains: [] })

    await using session = await database.open()
    const leaves = `SELECT c.oid FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relkind = 'r'`
    expect(
      await session.rows(
        `SELECT (SELECT count(*) FROM (${leaves}) AS l) AS leaves,
                (SELECT count(*) FROM pg_index WHERE indrelid IN (${leaves}) AND indisvalid) AS indexes,
                (SELECT count(*) FROM pg_tables WHERE schemaname = 'public'
                    AND tablename IN ('measure', 'measure_quality', 'station', 'sandre_parameter', 'sandre_unit')) AS tables`,
      ),
    ).toEqual([{ leaves: 6, indexes: 15, tables: 5 }])
    expect(await dwh(['-w', 'hubeau', 'migrate', 'verify'], at)).toMatchObject({ code: 0 })
    const checked = await dwhDone(['-w', 'hubeau', 'check', '--json'], at)
    expect(JSON.parse(checked.stdout)).toMatchObject({ passed: 12, warned: 0, failed: 0, broken: 0 })
    if (server.name !== first.name) return
    expect(await dwh(['-w', 'hubeau', 'migrate', 'down', '2', '--yes'], at)).toMatchObject({ code: 0 })
    expect(await session.rows(`SELECT to_regclass('public.measure') AS measure`)).toEqual([{ measure: null }])
  })
})

/** An empty warehouse hubeau. */
async function place() {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await freshDatabase(first))
  const session = stack.use(await database.open())
  const at = { env: targetEnvironment(database.target) }
  await dwhDone(['-w', 'hubeau', 'setup', '--yes'], at)
  return {
    session,
    at,
    load: (dataset: string, source: string, records: object[], given?: Record<string, string>) =>
      loadRecords(session, 'hubeau', dataset, source, records, given),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }
}

type Place = Awaited<ReturnType<typeof place>>

test('records of every source become rows, and the checks tell what is wrong with them', async () => {
  await using here = await place()
  const { session, load, at } = here
  // 31 days of groundwater without the 10th to the 13th; midnight in Paris is 23:00 UTC of the day before.
  const levels = Array.from({ length: 31 }, (_, n) => n + 1)
    .filter((day) => day < 10 || day > 13)
    .map((day) => level(`2024-01-${String(day).padStart(2, '0')}`))
  expect(await load('measure', 'piezo', levels, { code_bss: '00387X0184/PZCC1' })).toMatchObject({
    inserted: 27,
    rejected: 0,
  })
  // What an instrument sends is another parameter, of instants whose day is that of Paris.
  const raw = [
    {
      code_bss: '00387X0184/PZCC1',
      timestamp_mesure: Date.parse('2024-01-15T23:30:00Z'),
      niveau_eau_ngf: -1.5,
      profondeur_nappe: 4,
      date_maj: 'Wed Sep 21 18:32:13 CEST 2022',
    },
  ]
  expect(await load('measure', 'piezo_tr', raw)).toMatchObject({ inserted: 1, rejected: 0 })
  expect(
    await session.rows(
      "SELECT theme, day::text, value, depth FROM public.measure WHERE parameter = 'niveau_eau_ngf'",
    ),
  ).toEqual([{ theme: 'piezo', day: '2024-01-16', value: -1.5, depth: 4 }])
  await session.run("DELETE FROM public.measure WHERE parameter = 'niveau_eau_ngf'")
  const river = (date: string, station: string | null, value: number, made = '2024-02-01T00:00:00Z') => ({
    code_site: 'K4470010',
    code_station: station,
    date_obs_elab: date,
    resultat_obs_elab: value,
    date_prod: made,
    grandeur_hydro_elab: 'QmnJ',
  })
  // A site has every row twice, once without its station; a later production wins over an earlier one, in whatever order.
  const flows = [
    river('2024-01-05', 'K447001001', 500),
    river('2024-01-05', null, 501),
    river('2024-01-06', 'K447001001', 4480, '2024-03-01T00:00:00Z'),
    river('2024-01-06', 'K447001001', 9, '2024-02-01T00:00:00Z'),
  ]
  expect(await load('measure', 'hydro', flows)).toMatchObject({ inserted: 3, duplicates: 1, rejected: 0 })
  const heights = [
    {
      code_site: 'K4470010',
      code_station: null,
      grandeur_hydro: 'H',
      date_obs: '2024-01-31T23:30:00Z',
      resultat_obs: -1232,
    },
  ]
  expect(await load('measure', 'hydro_tr', heights, { grandeur: 'H' })).toMatchObject({ inserted: 1 })
  const temperatures = [
    ['08:00:00', 14.4329996109009],
    ['09:00:00', null],
    ['02:30:00', 99],
  ].map(([hour, value]) => ({
    code_station: '01001336',
    code_parametre: '1301',
    date_mesure_temp: '2024-03-31',
    heure_mesure_temp: hour,
    resultat: value,
    symbole_unite: '°C',
  }))
  expect(await load('measure', 'temp', temperatures)).toMatchObject({ inserted: 3 })
  expect(
    await session.rows(
      'SELECT theme, station_code, site_code, parameter, ts, day::text, value, unit FROM public.measure WHERE value IN (500, 501, 4480, -1232, 14.4329996109009) ORDER BY ts, value',
    ),
  ).toEqual([
    {
      theme: 'hydro',
      station_code: 'K447001001',
      site_code: 'K4470010',
      parameter: 'QmnJ',
      ts: new Date('2024-01-05T00:00Z'),
      day: '2024-01-05',
      value: 500,
      unit: 'l/s',
    },
    {
      theme: 'hydro',
      station_code: 'K4470010',
      site_code: 'K4470010',
      parameter: 'QmnJ',
      ts: new Date('2024-01-05T00:00Z'),
      day: '2024-01-05',
      value: 501,
      unit: 'l/s',
    },
    {
      theme: 'hydro',
      station_code: 'K447001001',
      site_code: 'K4470010',
      parameter: 'QmnJ',
      ts: new Date('2024-01-06T00:00Z'),
      day: '2024-01-06',
      value: 4480,
      unit: 'l/s',
    },
    {
      theme: 'hydro',
      station_code: 'K4470010',
      site_code: 'K4470010',
      parameter: 'H',
      ts: new Date('2024-01-31T23:30Z'),
      day: '2024-01-31',
      value: -1232,
      unit: 'mm',
    },
    {
      theme: 'temp',
      station_code: '01001336',
      site_code: null,
      parameter: '1301',
      ts: new Date('2024-03-31T08:00Z'),
      day: '2024-03-31',
      value: 14.4329996109009,
      unit: '°C',
    },
  ])
  // The first of January in Paris is the last of December in UTC, where its leaf is.
  expect(
    await session.rows(
      `SELECT count(*) AS n, min(day)::text AS day, min(depth) AS depth FROM public.measure_2023_12`,
    ),
  ).toEqual([{ n: 1, day: '2024-01-01', depth: 4.37 }])
  await analyses(here)
  await referentials(here)
  const checked = await dwh(['-w', 'hubeau', 'check', '--json'], at)
  expect(checked).toMatchObject({ code: 4 })
  const { checks } = JSON.parse(checked.stdout) as {
    checks: { dataset: string; check: string; state: string; rows: number; sample: object[] }[]
  }
  expect(
    Object.fromEntries(
      checks.map(({ dataset, check, state, rows }) => [`${dataset}.${check}`, `${state} ${rows}`]),
    ),
  ).toEqual({
    'measure.rows_per_day': 'passed 0',
    'measure.coverage': 'failed 2',
    'measure.thin_stations': 'warned 4',
    'measure.no_value': 'failed 1',
    'measure.future': 'passed 0',
    'measure.unknown_stations': 'warned 1',
    'measure_quality.rows_per_month': 'passed 0',
    'measure_quality.rare_parameters': 'warned 2',
    'measure_quality.doubled': 'passed 0',
    'measure_quality.no_value': 'passed 0',
    'measure_quality.unknown_parameters': 'warned 1',
    'station.no_place': 'passed 0',
  })
  expect(checks[1]?.sample).toEqual([
    {
      theme: 'hydro',
      first_day: '2024-01-05',
      last_day: '2024-01-31',
      days_with_rows: 3,
      days: 27,
      percent: 11.1,
    },
    {
      theme: 'piezo',
      first_day: '2024-01-01',
      last_day: '2024-01-31',
      days_with_rows: 27,
      days: 31,
      percent: 87.1,
    },
  ])
})

function level(day: string) {
  return {
    code_bss: '00387X0184/PZCC1',
    date_mesure: day,
    timestamp_mesure: Date.parse(`${day}T00:00:00+01:00`),
    niveau_nappe_eau: 139.51,
    profondeur_nappe: 4.37,
    statut: 'Donnée contrôlée niveau 1',
    qualification: 'Correcte',
    mode_obtention: 'Valeur mesurée',
  }
}

/** One analysis of two banks is two rows; groundwater has no key, and its days are replaced. */
async function analyses({ session, load }: Place): Promise<void> {
  const analysis = (bank: string, code: string, changed: string, value: number, day = '2024-01-11') => ({
    code_station: '06011000',
    code_parametre: '1340',
    date_prelevement: day,
    heure_prelevement: '10:05:00',
    resultat: value,
    code_analyse: code,
    code_banque_reference: bank,
    date_maj_analyse: changed,
  })
  const of = (...records: object[]) => load('measure_quality', 'surface', records)
  expect(
    await of(
      analysis('PC AERMC', '82049313', '2024-02-01', 13),
      analysis('PC AELB', '82049313', '2024-02-02', 13.5),
    ),
  ).toMatchObject({ inserted: 2 })
  // A date that was corrected moves an analysis to another leaf.
  expect(await of(analysis('PC AELB', '82049313', '2024-05-01', 14, '2024-02-11'))).toMatchObject({
    inserted: 0,
    moved: 1,
  })
  const well = (parameter: number, value: number, time = '2024-01-08T09:30:00Z') => ({
    bss_id: 'BSS000XUUM',
    num_departement: '28',
    date_debut_prelevement: time,
    code_param: parameter,
    resultat: value,
    code_remarque_analyse: 10,
    symbole_unite: 'µg/L',
  })
  expect(
    await load('measure_quality', 'groundwater', [well(1506, 0.02), well(1506, 0.02), well(1506, 0.03)]),
  ).toMatchObject({ inserted: 3, replaced: 0 })
  expect(await load('measure_quality', 'groundwater', [well(1506, 0.02), well(1506, 0.04)])).toMatchObject({
    inserted: 2,
    replaced: 3,
  })
  expect(
    await session.rows(
      'SELECT origin, ts, value, remark_code, code_analyse FROM public.measure_quality ORDER BY ts, value',
    ),
  ).toEqual([
    {
      origin: 'groundwater',
      ts: new Date('2024-01-08T09:30Z'),
      value: 0.02,
      remark_code: '10',
      code_analyse: null,
    },
    {
      origin: 'groundwater',
      ts: new Date('2024-01-08T09:30Z'),
      value: 0.04,
      remark_code: '10',
      code_analyse: null,
    },
    {
      origin: 'surface',
      ts: new Date('2024-01-11T10:05Z'),
      value: 13,
      remark_code: null,
      code_analyse: '82049313',
    },
    {
      origin: 'surface',
      ts: new Date('2024-02-11T10:05Z'),
      value: 14,
      remark_code: null,
      code_analyse: '82049313',
    },
  ])
}

async function referentials({ session, load }: Place): Promise<void> {
  const station = {
    libelle_station: 'La Loire à Blois',
    longitude: 1.3,
    latitude: 47.5,
    code_departement: '41',
  }
  const rows = [
    await load('station', 'piezo', [
      { code_bss: '00387X0184/PZCC1', x: 0.3, y: 46.4, code_departement: '86', altitude_station: '125.76' },
    ]),
    await load('station', 'hydro', [
      {
        code_station: 'K447001001',
        code_site: 'K4470010',
        longitude_station: 1.3,
        latitude_station: 47.5,
        date_ouverture_station: '1863-01-01T00:00:00Z',
      },
    ]),
  ]
  rows.push(
    await load('station', 'surface', [{ ...station, code_station: '06011000', date_creation: '2009-01-09' }]),
    await load('station', 'groundwater', [
      {
        bss_id: 'BSS000XUUM',
        code_bss: '02555X0054/F',
        longitude: 1.1,
        latitude: 48.4,
        num_departement: '28',
      },
    ]),
    await load('sandre_parameter', 'sandre', [
      { CdParametre: '1340', NomParametre: 'Nitrates', StParametre: 'Validé' },
    ]),
    await load('sandre_unit', 'sandre', [
      { CdUniteReference: '133', LbUniteReference: 'microgramme par litre', SymUniteReference: 'µg/L' },
    ]),
  )
  expect(rows.map(({ inserted }) => inserted)).toEqual([1, 1, 1, 1, 1, 1])
  expect(
    await session.rows(
      'SELECT theme, station_code, site_code, altitude, first_on::text FROM public.station ORDER BY theme',
    ),
  ).toEqual([
    {
      theme: 'groundwater',
      station_code: 'BSS000XUUM',
      site_code: '02555X0054/F',
      altitude: null,
      first_on: null,
    },
    {
      theme: 'hydro',
      station_code: 'K447001001',
      site_code: 'K4470010',
      altitude: null,
      first_on: '1863-01-01',
    },
    { theme: 'piezo', station_code: '00387X0184/PZCC1', site_code: null, altitude: 125.76, first_on: null },
    { theme: 'surface', station_code: '06011000', site_code: null, altitude: null, first_on: '2009-01-09' },
  ])
}

test('answers of the real API become rows without a reject', async ({ skip }) => {
  skip(!existsSync(samples), 'there is no ../shared/data')
  await using here = await place()
  const read = (name: string) => JSON.parse(readFileSync(join(samples, name), 'utf8'))
  const answers: [string, string, object[], number][] = [
    ['measure', 'piezo', [read('api/niveaux_nappes_chroniques_item_00387X0184.json')], 1],
    ['measure', 'hydro', read('api/obs_elab_1011000101_QmnJ_200.json').data, 5],
    ['measure', 'hydro', read('api/obs_elab_1011000101_HIXnJ_200.json').data, 5],
    ['measure', 'hydro_tr', read('api/observations_tr_K447001001_Q.json').data, 2],
    ['measure', 'temp', read('api/temperature_chronique_01001336_p1_206.json').data, 20],
    ['measure_quality', 'surface', read('qualite_rivieres_analyse_pc_nitrates_dep21_2000.json'), 221],
    ['station', 'piezo', read('niveaux_nappes_stations_GG063.json'), 16],
    ['station', 'hydro', read('api/referentiel_stations_K447001001.json').data, 1],
    ['station', 'surface', read('qualite_rivieres_station_pc_dep21.json'), 468],
  ]
  for (const [dataset, source, records, inserted] of answers)
    expect([
      source,
      await here.load(dataset, source, records, { code_bss: '00387X0184/PZCC1' }),
    ]).toMatchObject([source, { inserted, rejected: 0 }])
  expect(
    await here.session.rows(
      'SELECT theme, count(*) AS n, count(value) AS valued, count(day) AS days FROM public.measure GROUP BY 1 ORDER BY 1',
    ),
  ).toEqual([
    { theme: 'hydro', n: 12, valued: 12, days: 12 },
    { theme: 'piezo', n: 1, valued: 1, days: 1 },
    { theme: 'temp', n: 20, valued: 20, days: 20 },
  ])
  expect(
    await here.session.rows(
      'SELECT count(*) AS n, count(DISTINCT code_analyse) AS codes, min(updated_at)::text AS first FROM public.measure_quality',
    ),
  ).toEqual([{ n: 221, codes: 215, first: expect.stringMatching(/^20/) }])
})
