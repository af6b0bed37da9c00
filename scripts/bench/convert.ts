import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/package.ts'
import type { Bench, BenchServer, Figures, Way } from './bench.ts'
import { clientEnvironment, cloneDatabase, database } from './database.ts'
import { probed, runProgram } from './measure.ts'

const months = 24

/** What the probes do to the table while it is converted. */
const probes = {
  read: "SELECT 1 FROM public.measure WHERE ts >= '2023-06-01' LIMIT 1",
  write:
    "INSERT INTO public.measure VALUES ('probe', clock_timestamp(), 't', 'p', 1, 1, 's', clock_timestamp())",
}

const warehouseFile = `
name: bench
datasets:
  measure:
    target: public.measure
    partition: { key: ts, kind: timestamptz, grain: month, premake: 2 }
`

/** The work of a careful DBA with psql: writers out, copy, indexes, swap, in one transaction on one connection. */
const byHand = `
\\set ON_ERROR_STOP on
BEGIN;
LOCK TABLE public.measure IN SHARE MODE;
CREATE TABLE public.measure_new (LIKE public.measure) PARTITION BY RANGE (ts);
SELECT format('CREATE TABLE public.measure_%s PARTITION OF public.measure_new FOR VALUES FROM (%L) TO (%L)',
              to_char(m, 'YYYY_MM'), m, m + interval '1 month')
  FROM (SELECT generate_series(min(date_trunc('month', ts)), max(date_trunc('month', ts)), interval '1 month') AS m
          FROM public.measure) AS months \\gexec
INSERT INTO public.measure_new SELECT * FROM public.measure;
ALTER TABLE public.measure_new ADD PRIMARY KEY (station_code, ts, param_code);
CREATE INDEX ON public.measure_new (ts);
CREATE INDEX ON public.measure_new (theme, ts);
ALTER TABLE public.measure RENAME TO measure_before;
ALTER TABLE public.measure_new RENAME TO measure;
COMMIT;
ANALYZE public.measure;
`

/** A plain table with a primary key and two indexes becomes monthly leaves, while somebody reads and writes it. */
export const convert: Bench = {
  name: 'convert',
  summary: 'a plain table with three indexes becomes monthly leaves, while it is read and written',
  rows: 1_000_000,
  works: ['convert', 'control'],
  unit: { work: 'convert', way: 'SQL by hand' },
  async ways({ server, rows }) {
    await makeTemplate(server, rows)
    const prepare = () => cloneDatabase(server, 'bench_template')
    const env = clientEnvironment(server)
    const way = (name: string, run: () => Promise<Figures>): Way => ({
      work: 'convert',
      way: name,
      prepare,
      run: () => probed(server, database, probes, run),
    })
    let length = 1000
    return [
      way('SQL by hand', async () => {
        const started = performance.now()
        await runProgram('psql', ['-Xq'], { env, input: byHand })
        length = performance.now() - started
        return {}
      }),
      way('dwh', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'bench-'))
        writeFileSync(join(folder, 'dwh.yaml'), warehouseFile)
        const { rss_mb } = await runProgram(
          process.execPath,
          [join(packageRoot, 'bin', 'dwh.js'), 'setup', '--yes', '--no-backup'],
          { env, cwd: folder },
        )
        rmSync(folder, { recursive: true })
        return { rss_mb }
      }),
      {
        ...way('nothing, for as long', async () => {
          await sleep(length)
          return {}
        }),
        work: 'control',
      },
    ]
  },
}

async function makeTemplate(server: BenchServer, rows: number): Promise<void> {
  {
    await using admin = await server.open()
    await admin.run('CREATE DATABASE bench_template')
  }
  await using session = await server.open('bench_template')
  await session.run(`
    CREATE TABLE public.measure (station_code text, ts timestamptz, theme text, param_code text, value float8, quality smallint, source text, created_at timestamptz);
    INSERT INTO public.measure
    SELECT 'S' || lpad((n % 500)::text, 6, '0'), timestamptz '2023-01-01' + (n / 500) * (interval '${months} months' / (${rows} / 500)),
           (ARRAY['piezo', 'hydro', 'temp'])[1 + n % 3], 'P' || n % 4, (n % 1000) / 10.0, n % 5, 'hubeau', timestamptz '2025-01-01' + n * interval '1 millisecond'
      FROM generate_series(0, ${rows - 1}) AS n;
    ALTER TABLE public.measure ADD PRIMARY KEY (station_code, ts, param_code);
    CREATE INDEX measure_ts ON public.measure (ts);
    CREATE INDEX measure_theme_ts ON public.measure (theme, ts)`)
  await session.run('VACUUM (ANALYZE) public.measure')
}
