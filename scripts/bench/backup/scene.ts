import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ident } from '../../../src/postgres/identifiers.ts'
import type { BenchServer, Stage } from '../bench.ts'
import { clientEnvironment } from '../database.ts'
import { runDwh, runProgram } from '../measure.ts'

/** `records`: every column is hashed by its type; `texts`: some as text, which costs more; `sealed`: all leaves but the last are. */
export type Place = 'records' | 'texts' | 'sealed'

/** Databases to back up, a folder with the warehouse file, and folders for what is made of them. */
export interface Scene {
  folder: string
  env(place: Place): Record<string, string>
  open(place: Place): ReturnType<BenchServer['open']>
}

const databaseOf = (place: Place) => `backup_${place}`

const warehouse = `
name: bench
datasets:
  measure:
    target: public.measure
    partition: { key: ts, kind: timestamptz, grain: month, from: 2023-01, until: 2025-01, premake: 0 }
`

const months = `SELECT m AS low, m + interval '1 month' AS high, to_char(m, 'YYYY_MM') AS suffix
                  FROM generate_series(timestamptz '2023-01-01', '2024-12-01', interval '1 month') AS m`

/** 24 leaves with three indexes; @param value its type, and that of the note beside it */
const tables = (rows: number, value: 'float8' | 'numeric') => `
  CREATE TABLE public.measure (station_code text, ts timestamptz, theme text, param_code text, value ${value}, quality smallint,
                               source text, created_at timestamptz) PARTITION BY RANGE (ts);
  SELECT format('CREATE TABLE public.measure_%s PARTITION OF public.measure FOR VALUES FROM (%L) TO (%L)', suffix, low, high)
    FROM (${months}) AS months \\gexec
  INSERT INTO public.measure
  SELECT 'S' || lpad((n % 4000)::text, 8, '0'),
         timestamptz '2023-01-01' + n * (interval '731 days' / ${rows}),
         (ARRAY['piezo', 'quality', 'flow'])[n % 3 + 1], 'P' || n % 12, (n::bigint * 7919 % 100003) / 1000.0, n % 5, 'hubeau',
         timestamptz '2025-01-01' + n * interval '1 ms'
    FROM generate_series(0, ${rows - 1}) AS n;
  ALTER TABLE public.measure ADD PRIMARY KEY (station_code, ts, param_code);
  CREATE INDEX ON public.measure (ts);
  CREATE INDEX ON public.measure (theme, ts);
  VACUUM ANALYZE;
`

/** Makes the databases that are asked for. */
export async function setScene(stage: Stage, places: Set<Place>): Promise<Scene> {
  const { server, rows, held } = stage
  const folder = mkdtempSync(join(tmpdir(), 'dwh-bench-'))
  held.defer(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'dwh.yaml'), warehouse)
  mkdirSync(join(folder, 'made'))
  const env = (place: Place) => clientEnvironment(server, databaseOf(place))
  for (const place of places) {
    stage.say(`making the database ${databaseOf(place)}`)
    {
      await using admin = await server.open()
      await admin.run(`CREATE DATABASE ${ident(databaseOf(place))}`)
    }
    const script = `SET timezone = 'UTC';\n${tables(rows, place === 'texts' ? 'numeric' : 'float8')}`
    await runProgram('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1'], { env: env(place), input: script })
    if (place !== 'sealed') continue
    await runDwh(folder, ['migrate', 'up', '--yes'], env(place))
    await runDwh(folder, ['partitions', 'seal', 'measure', '--before', '2024-12', '--yes'], env(place))
  }
  return { folder, env, open: (place) => server.open(databaseOf(place)) }
}
