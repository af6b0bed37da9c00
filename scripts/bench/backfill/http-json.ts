import { deepStrictEqual } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apiServer } from '../../../test/support/api-server.ts'
import type { BenchServer, Figures, Stage, Unit, Way } from '../bench.ts'
import { clientEnvironment, cloneDatabase, database } from '../database.ts'
import { psql } from '../load/targets.ts'
import { runDwh, runProgram } from '../measure.ts'
import { hundredths, pagesOf, path, stations } from './level-pages.ts'

export const httpJson = 'http-json'
const unit: Unit = { work: httpJson, way: 'fetch and JSON.parse of the same pages, nothing else' }

const template = 'bench_levels'

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
    // While some windows are fetched others are indexed: a host of one's own bears it.
    '--parallel',
    '4',
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
