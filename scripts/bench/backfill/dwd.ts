import { deepStrictEqual } from 'node:assert'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { apiServer } from '../../../test/support/api-server.ts'
import {
  dwdArchive,
  type Files,
  hourOf,
  pathOf,
  type StationFile,
  stationZip,
} from '../../../test/support/dwd-archive.ts'
import type { BenchServer, Stage, Unit, Way } from '../bench.ts'
import { clientEnvironment, cloneDatabase, database } from '../database.ts'
import { psql } from '../load/targets.ts'
import { runDwh, runProgram } from '../measure.ts'

export const dwd = 'dwd'
const unit: Unit = { work: dwd, way: 'psql \\copy of the converted rows' }

/** What a recent file of the archive holds: 550 days. */
const [from, to, hours] = [20230701, 20241231, 13_200]
/** At the standard size of the bench this makes 200 stations. */
const rowsOfStation = 25_000
const template = 'bench_hours'

const warehouse = (url: string) => `
name: bench
datasets:
  air_temperature:
    target: public.hourly_air_temperature
    key: [station_id, measured_at]
    recency: edition
    columns:
      station_id: { type: integer, required: true }
      measured_at: { type: timestamptz, required: true }
      quality: smallint
      air_temperature: real
      relative_humidity: real
      edition: { type: smallint, required: true }
    partition: { key: measured_at, kind: timestamptz, grain: year, from: 2023, until: 2025, premake: 0 }
    sources:
      dwd: { kind: dwd, url: "${url}", product: air_temperature, chunk: year, concurrency: 2 }
`

const table = `
  CREATE TABLE public.hourly_air_temperature (
    station_id integer NOT NULL, measured_at timestamptz NOT NULL, quality smallint, air_temperature real, relative_humidity real,
    edition smallint NOT NULL, UNIQUE (station_id, measured_at)) PARTITION BY RANGE (measured_at);
  CREATE TABLE public.hourly_air_temperature_2023 PARTITION OF public.hourly_air_temperature
    FOR VALUES FROM ('2023-01-01 00:00+00') TO ('2024-01-01 00:00+00');
  CREATE TABLE public.hourly_air_temperature_2024 PARTITION OF public.hourly_air_temperature
    FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00');
`

/** Zips of stations from a server of this machine, and the same rows converted by somebody else, into yearly leaves. */
export async function dwdWays({ server, rows, held, say }: Stage): Promise<Way[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dwh-bench-'))
  held.defer(() => rmSync(folder, { recursive: true }))
  const stations = Array.from({ length: Math.max(2, Math.round(rows / rowsOfStation)) }, (_, n) =>
    stationFile(n + 1),
  )
  say(`packing ${stations.length} stations of ${hours} hours`)
  const files: Files = new Map(stations.map((file) => [pathOf(file), stationZip(file)]))
  // The index of historical files is never empty.
  const ended: StationFile = { ...stationFile(99_999), from: 19500101, to: 19500101, historical: true }
  files.set(pathOf(ended), stationZip(ended))
  const archive = held.use(await apiServer([dwdArchive(files)]))
  const csv = join(folder, 'rows.csv')
  await writeConverted(csv, stations)
  writeFileSync(join(folder, 'dwh.yaml'), warehouse(`${archive.base}/hourly`))

  const env = (name: string) => clientEnvironment(server, name)
  await using admin = await server.open()
  await admin.run(`CREATE DATABASE ${template}`)
  await psql(env(template), table)
  await runDwh(folder, ['migrate', 'up', '--yes'], env(template))
  const way = (name: string, run: () => Promise<{ rss_mb: number }>): Way => ({
    ...{ work: dwd, way: name, unit },
    prepare: () => cloneDatabase(server, template),
    run: async () => {
      const started = performance.now()
      const { rss_mb } = await run()
      const seconds = (performance.now() - started) / 1000
      await verify(server, stations.length)
      return { seconds, rss_mb, rows_per_s: Math.round((stations.length * hours) / seconds) }
    },
  })
  return [
    way(unit.way, () =>
      runProgram('psql', ['-Xqc', `\\copy public.hourly_air_temperature FROM '${csv}' (FORMAT csv)`], {
        env: env(database),
      }),
    ),
    {
      ...way('dwh', async () => {
        // Nothing is in the cache yet.
        const state = mkdtempSync(join(folder, 'state-'))
        const words = [
          'backfill',
          'run',
          '--dataset',
          'air_temperature',
          '--from',
          '2023-07-01',
          '--to',
          '2025-01-01',
          '--yes',
        ]
        return await runDwh(folder, words, { ...env(database), DWH_STATE_DIR: state })
      }),
      bar: 2.5,
    },
  ]
}

function stationFile(station: number): StationFile {
  return {
    product: 'air_temperature',
    station,
    from,
    to,
    quality: 3,
    values: (hour) => valuesOf(station, hour),
  }
}

/** Every hundredth humidity is missing. */
function valuesOf(station: number, hour: number): string[] {
  const temperature = (((hour * 31 + station * 17) % 450) / 10 - 15).toFixed(1)
  return [temperature, hour % 100 === 0 ? '-999.0' : `${40 + ((hour + station) % 60)}.0`]
}

async function writeConverted(path: string, stations: StationFile[]): Promise<void> {
  const out = createWriteStream(path)
  const first = hourOf(from)
  for (const { station } of stations) {
    const lines = Array.from({ length: hours }, (_, n) => {
      const [temperature, humidity] = valuesOf(station, first + n)
      const time = new Date((first + n) * 3600_000).toISOString().slice(0, 13).replace('T', ' ')
      return `${station},${time}:00:00+00,3,${temperature},${humidity === '-999.0' ? '' : humidity},1\n`
    })
    if (!out.write(lines.join(''))) await once(out, 'drain')
  }
  await finished(out.end())
}

const first = new Map<number, unknown>()

/** The rows of both ways are the same. */
async function verify(server: BenchServer, stations: number): Promise<void> {
  await using session = await server.open(database)
  const found = await session.one<{ rows: number }>(
    `SELECT count(*) AS rows, sum(hashtextextended(ROW(station_id, measured_at, quality, air_temperature, relative_humidity, edition)::text, 0)) AS hash
       FROM public.hourly_air_temperature`,
  )
  deepStrictEqual(found.rows, stations * hours, 'rows are missing')
  deepStrictEqual(found, first.get(stations) ?? found, 'the rows of the two ways differ')
  first.set(stations, found)
  const { count } = await session.one<{ count: number }>(
    "SELECT count(*) FROM pg_index AS i JOIN pg_partition_tree('public.hourly_air_temperature') AS t ON t.relid = i.indrelid WHERE i.indisvalid",
  )
  deepStrictEqual(count, 3, 'an index is missing')
}
