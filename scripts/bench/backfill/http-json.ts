import { deepStrictEqual } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, apiServer } from '../../../test/support/api-server.ts'
import type { BenchServer, Figures, Stage, Unit, Way } from '../bench.ts'
import { clientEnvironment, cloneDatabase, database } from '../database.ts'
import { psql } from '../load/targets.ts'
import { runDwh, runProgram } from '../measure.ts'

export const httpJson = 'http-json'
const unit: Unit = { work: httpJson, way: 'fetch and JSON.parse of the same pages, nothing else' }

const template = 'bench_levels'
const path = '/api/v1/niveaux_nappes/chroniques'
/** Rows a page, as Hub'Eau gives unless asked otherwise, and stations that measure at the same moment. */
const [pageSize, stations] = [5000, 500]
const [start, end] = [Date.UTC(2024, 0, 1), Date.UTC(2025, 0, 1)]

const warehouse = (base: string) => `
name: bench
datasets:
  measure:
    target: public.measure
    key: [station_code, ts]
    columns:
      station_code: { type: text, required: true }
      ts: { type: timestamptz, required: true }
      value: double precision
      depth: double precision
      status: text
      qualification: text
      method: text
    map:
      station_code: code_bss
      ts: to_timestamp(timestamp_mesure::bigint / 1000.0)
      value: niveau_nappe_eau
      depth: profondeur_nappe
      status: statut
      method: mode_obtention
    partition: { key: ts, kind: timestamptz, grain: month, from: 2024-01-01, until: 2025-01-01, premake: 0 }
    sources:
      piezo:
        kind: http
        url: ${base}${path}
        query: { date_debut_mesure: "{from}", date_fin_mesure: "{last}" }
        count: count
        pages: { by: next_link }
        chunk: month
        fields: [code_bss, timestamp_mesure, niveau_nappe_eau, profondeur_nappe, statut, qualification, mode_obtention]
`

const table = `
  CREATE TABLE public.measure (station_code text NOT NULL, ts timestamptz NOT NULL, value float8, depth float8, status text,
                               qualification text, method text, UNIQUE (station_code, ts)) PARTITION BY RANGE (ts);
  SELECT format('CREATE TABLE public.measure_%s PARTITION OF public.measure FOR VALUES FROM (%L) TO (%L)',
                to_char(m, 'YYYY_MM'), m, m + interval '1 month')
    FROM generate_series(timestamptz '2024-01-01 00:00+00', '2024-12-01 00:00+00', interval '1 month') AS m \\gexec
`

/** What reads the same pages without doing anything with them. */
const reader = `
  let rows = 0
  for (let month = 0; month < 12; month++) {
    const day = (m, d) => new Date(Date.UTC(2024, m, d)).toISOString().slice(0, 10)
    let url = process.argv[1] + '?date_debut_mesure=' + day(month, 1) + '&date_fin_mesure=' + day(month + 1, 0)
    while (url) {
      const response = await fetch(url)
      const page = JSON.parse(await response.text())
      rows += page.data.length
      url = page.next
    }
  }
  process.stdout.write(String(rows))
`

/** A year of levels from an API of this machine, in pages of Hub'Eau's shape, into indexed, empty monthly leaves. */
export async function httpJsonWays({ server, rows: standard, held, say }: Stage): Promise<Way[]> {
  const rows = Math.max(stations, Math.round(standard / 10))
  const folder = mkdtempSync(join(tmpdir(), 'dwh-bench-'))
  held.defer(() => rmSync(folder, { recursive: true }))
  say(`making ${rows} rows of pages`)
  const api = held.use(await apiServer([pagesOf(rows)]))
  writeFileSync(join(folder, 'dwh.yaml'), warehouse(api.base))
  await using admin = await server.open()
  await admin.run(`CREATE DATABASE ${template}`)
  await psql(clientEnvironment(server, template), table)
  await runDwh(folder, ['migrate', 'up', '--yes'], clientEnvironment(server, template))

  const timed = async (run: () => Promise<Figures>): Promise<Figures> => {
    const started = performance.now()
    const figures = await run()
    const seconds = (performance.now() - started) / 1000
    return { ...figures, seconds, rows_per_s: Math.round(rows / seconds) }
  }
  const words = [
    'backfill',
    'run',
    '--dataset',
    'measure',
    '--from',
    '2024-01-01',
    '--to',
    '2025-01-01',
    '--yes',
  ]
  return [
    {
      ...unit,
      prepare: async () => {},
      run: () =>
        timed(async () => {
          const url = `${api.base}${path}`
          const { stdout, rss_mb } = await runProgram(process.execPath, [
            '--input-type=module',
            '-e',
            reader,
            url,
          ])
          deepStrictEqual(Number(stdout), rows, 'the pages do not hold all rows')
          return { rss_mb }
        }),
    },
    {
      ...{ work: httpJson, way: 'dwh', unit, bar: 2.5 },
      prepare: () => cloneDatabase(server, template),
      run: async () => {
        const env = { ...clientEnvironment(server), DWH_STATE_DIR: mkdtempSync(join(folder, 'state-')) }
        const figures = await timed(async () => ({ rss_mb: (await runDwh(folder, words, env)).rss_mb }))
        await verify(server, rows)
        return figures
      },
    },
  ].map((way) => ({ ...way, unit }))
}

const hundredths = (row: number) => (row * 7919) % 700_000

/** One row as it is delivered. */
function rowText(row: number, time: number): string {
  const code = `${String(row % stations).padStart(5, '0')}X0184/S1`
  return JSON.stringify({
    code_bss: code,
    urn_bss: `http://services.ades.eaufrance.fr/pointeau/${code}`,
    date_mesure: new Date(time).toISOString().slice(0, 10),
    timestamp_mesure: time,
    niveau_nappe_eau: hundredths(row) / 100,
    mode_obtention: 'Valeur mesurée',
    statut: 'Donnée contrôlée niveau 2',
    qualification: 'Correcte',
    code_continuite: '2',
    nom_continuite: 'Point lié au point précédent',
    code_producteur: '196',
    nom_producteur: "Service Géologique Régional de l'Île-de-France",
    code_nature_mesure: null,
    nom_nature_mesure: null,
    profondeur_nappe: (row % 9000) / 100,
  })
}

/** The API, with its pages made beforehand: making them is not what is measured. */
function pagesOf(rows: number): Api {
  const moments = Math.ceil(rows / stations)
  const step = Math.floor((end - start) / moments)
  const timeOf = (row: number) => start + Math.floor(row / stations) * step
  const months: string[][] = Array.from({ length: 12 }, () => [])
  for (let row = 0; row < rows; row++) {
    const time = timeOf(row)
    months[new Date(time).getUTCMonth()]?.push(rowText(row, time))
  }
  const packed = months.map((texts) =>
    Array.from({ length: Math.max(1, Math.ceil(texts.length / pageSize)) }, (_, page) =>
      Buffer.from(texts.slice(page * pageSize, (page + 1) * pageSize).join(',')),
    ),
  )
  const counts = months.map(({ length }) => length)
  return ({ url }) => {
    if (url.pathname !== path) return undefined
    const month = Number(url.searchParams.get('date_debut_mesure')?.slice(5, 7)) - 1
    const page = Number(url.searchParams.get('page') ?? 1)
    const pages = packed[month] as Buffer[]
    const next = new URL(url)
    next.searchParams.set('page', String(page + 1))
    const envelope = {
      count: counts[month],
      next: page < pages.length ? next.href : null,
      api_version: '1.0.1',
    }
    const head = Buffer.from(`${JSON.stringify(envelope).slice(0, -1)},"data":[`)
    const body = Buffer.concat([head, pages[page - 1] as Buffer, Buffer.from(']}')])
    return { headers: { etag: `"${month}-${page}"`, 'content-encoding': 'identity' }, body }
  }
}

async function verify(server: BenchServer, rows: number): Promise<void> {
  let sum = 0
  for (let row = 0; row < rows; row++) sum += hundredths(row)
  await using session = await server.open(database)
  const found = await session.one(
    `SELECT count(*) AS rows, sum(round(value * 100)::bigint)::bigint AS sum, count(DISTINCT station_code) AS stations
       FROM public.measure`,
  )
  deepStrictEqual(found, { rows, sum, stations }, 'the rows are not those of the API')
  const { count } = await session.one<{ count: number }>(
    "SELECT count(*) FROM pg_index AS i JOIN pg_partition_tree('public.measure') AS t ON t.relid = i.indrelid WHERE i.indisvalid",
  )
  deepStrictEqual(count, 13, 'an index is missing')
}
