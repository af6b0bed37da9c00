import { deepStrictEqual } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '../../../src/postgres/target.ts'
import type { Stage, Unit, Way } from '../bench.ts'
import { clientEnvironment, cloneDatabase, database } from '../database.ts'
import { makeLedger, writeWarehouses } from '../load/dwh.ts'
import { contents } from '../load/rows.ts'
import { indexes, leafCount, months, psql } from '../load/targets.ts'
import { runDwh, runProgram } from '../measure.ts'

export const postgresSource = 'postgres-source'

const dumpAndRestore = 'pg_dump -Fd -j2, then pg_restore -j2'
export const postgresSourceUnit: Unit = { work: postgresSource, way: dumpAndRestore }

/** The database that is read, and those from which the one that is written begins. */
const source = 'bench_source'
const emptyTarget = 'bench_empty'
const leavesTarget = 'bench_leaves'

const leaves = `
  CREATE TABLE public.measure (station_code text, ts timestamptz, theme text, param_code text, value float8, quality smallint,
                               source text, created_at timestamptz) PARTITION BY RANGE (ts);
  SELECT format('CREATE TABLE public.measure_%s PARTITION OF public.measure FOR VALUES FROM (%L) TO (%L)', suffix, low, high)
    FROM ${months} \\gexec
`
const indexed = `${indexes('public.measure').join(';\n')};`

/** Rows by time, as a source has gathered them: 500 stations with 4 parameters each measure at the same moment. */
const rowsOf = (rows: number) => `
  INSERT INTO public.measure
  SELECT 'S' || lpad((n % 500)::text, 6, '0'),
         timestamptz '2023-01-01' + n / 2000 * interval '${Math.floor((730 * 86_400_000) / Math.ceil(rows / 2000))} milliseconds',
         (ARRAY['piezo', 'hydro', 'temp'])[1 + n % 3], 'P' || lpad((n / 500 % 4)::text, 4, '0'),
         (hashint8extended(n, 1) & 1048575) / 1000.0::float8, (n % 5)::smallint, 'hubeau',
         timestamptz '2025-01-01' + n * interval '1 millisecond'
    FROM generate_series(0, ${rows - 1}) AS n;
`

/** The same table from one database to another of the server: through files, and from COPY to COPY by two workers. */
export async function postgresSourceWays({ server, rows, held, say }: Stage): Promise<Way[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dwh-bench-'))
  held.defer(() => rmSync(folder, { recursive: true }))
  writeWarehouses(folder)
  addSource(join(folder, 'key', 'dwh.yaml'), server.target)
  say('making the rows')
  await using admin = await server.open()
  const env = (name: string) => clientEnvironment(server, name)
  for (const name of [source, emptyTarget, leavesTarget]) await admin.run(`CREATE DATABASE ${name}`)
  await psql(env(source), `${leaves}${rowsOf(rows)}${indexed}VACUUM ANALYZE public.measure;`)
  await psql(env(leavesTarget), leaves + indexed)
  await makeLedger(folder, env(leavesTarget))
  await using session = await server.open(source)
  const expected = await contents(session, 'public.measure')

  const dumped = join(folder, 'dump')
  const verified = async <T>(run: () => Promise<T>): Promise<T & { seconds: number }> => {
    const started = performance.now()
    const figures = await run()
    const seconds = (performance.now() - started) / 1000
    await using written = await server.open(database)
    deepStrictEqual(
      await contents(written, 'public.measure'),
      expected,
      'the rows are not those of the source',
    )
    const { count } = await written.one<{ count: number }>(
      "SELECT count(*) FROM pg_index AS i JOIN pg_partition_tree('public.measure') AS t ON t.relid = i.indrelid WHERE i.indisvalid",
    )
    deepStrictEqual(count, 3 * (1 + leafCount), 'an index is missing')
    return { ...figures, seconds, rows_per_s: Math.round(rows / seconds) }
  }
  const words = [
    'backfill',
    'run',
    '--dataset',
    'measure',
    '--from',
    '2023-01-01',
    '--to',
    '2025-01-01',
    '--parallel',
    '2',
    '--yes',
  ]
  const ours = async () => {
    const { rss_mb } = await runDwh(join(folder, 'key'), words, env(database))
    return { rss_mb }
  }
  return [
    {
      ...postgresSourceUnit,
      prepare: async () => {
        rmSync(dumped, { recursive: true, force: true })
        await cloneDatabase(server, emptyTarget)
      },
      run: () =>
        verified(async () => {
          await runProgram('pg_dump', ['-Fd', '-j2', '-f', dumped], { env: env(source) })
          await runProgram('pg_restore', ['-j2', '-d', database, dumped], { env: env(database) })
          return {}
        }),
    },
    {
      ...{ work: postgresSource, way: 'dwh', bar: 0.85 },
      prepare: () => cloneDatabase(server, leavesTarget),
      run: () => verified(ours),
    },
  ]
}

/** The dataset of the other benches, and where its rows come from here. */
function addSource(file: string, { host, port, user }: Target): void {
  const described = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    `${described.trimEnd()}
    # Few rows do not come every day.
    thresholds: { coverage: 1%, volume: 1% }
    sources:
      table: { kind: postgres, connection: source, table: public.measure, window_column: ts, chunk: month }
connections:
  source: { host: ${host}, port: ${port}, user: ${user}, database: ${source} }
`,
  )
}
