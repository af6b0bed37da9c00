import { join } from 'node:path'
import { ident } from '../../../src/postgres/identifiers.ts'
import type { BenchServer } from '../bench.ts'
import { clientEnvironment, cloneDatabase } from '../database.ts'
import { runProgram } from '../measure.ts'
import { makeLedger } from './dwh.ts'
import { files } from './rows.ts'

/** Months of the leaves, as a condition of psql's \gexec scripts. */
export const months = `(SELECT m AS low, m + interval '1 month' AS high, to_char(m, 'YYYY_MM') AS suffix
                          FROM generate_series(timestamptz '2023-01-01', '2024-12-01', interval '1 month') AS m) AS months`

export const leafCount = 24

const heap = (code: string) => `
  (station_code ${code}, ts timestamptz, theme text, param_code ${code}, value float8, quality smallint, source text, created_at timestamptz)`

const leaves = (code = 'text') => `
  CREATE TABLE public.measure ${heap(code)} PARTITION BY RANGE (ts);
  SELECT format('CREATE TABLE public.measure_%s PARTITION OF public.measure FOR VALUES FROM (%L) TO (%L)', suffix, low, high)
    FROM ${months} \\gexec
`

/** The primary key and the two indexes; what the three indexes of a table are made of. */
export const indexes = (table: string) => [
  `ALTER TABLE ${table} ADD PRIMARY KEY (station_code, ts, param_code)`,
  `CREATE INDEX ON ${table} (ts)`,
  `CREATE INDEX ON ${table} (theme, ts)`,
]

const indexed = `${indexes('public.measure').join(';\n')};`

/** What the database holds before a load, by psql scripts; CLEAN stands for the path of that file. */
const targets = {
  empty: '',
  heap: `CREATE UNLOGGED TABLE public.heap ${heap('text')};`,
  leaves: leaves(),
  indexed: leaves() + indexed,
  indexedC: leaves('text COLLATE "C"') + indexed,
  /** As a backup finds it: clean and sorted. */
  sorted: `CREATE UNLOGGED TABLE public.heap ${heap('text')};
    \\copy public.heap FROM 'CLEAN' (FORMAT csv, HEADER)
    ${leaves()}
    INSERT INTO public.measure SELECT * FROM public.heap ORDER BY station_code, ts, param_code;
    DROP TABLE public.heap;
    ${indexed}`,
  /** The rows of every other station. */
  half: `${leaves()}
    \\copy public.measure FROM 'CLEAN' (FORMAT csv, HEADER) WHERE right(station_code, 1) IN ('0', '2', '4', '6', '8')
    ${indexed}
    VACUUM ANALYZE public.measure;`,
} as const

export type TargetName = keyof typeof targets

/** The states of the database from which loads start, each made once as a template. */
export class Targets {
  readonly #server: BenchServer
  readonly #folder: string
  readonly #made = new Map<TargetName, Promise<string>>()

  /** @param folder of the files and the warehouses */
  constructor(server: BenchServer, folder: string) {
    this.#server = server
    this.#folder = folder
  }

  /** Makes the database of the bench anew as the target says. */
  async restore(name: TargetName): Promise<void> {
    const made = this.#made.get(name) ?? this.#make(name)
    this.#made.set(name, made)
    await cloneDatabase(this.#server, await made)
  }

  async #make(name: TargetName): Promise<string> {
    const template = `bench_${name}`
    {
      await using admin = await this.#server.open()
      await admin.run(`CREATE DATABASE ${ident(template)}`)
    }
    const env = clientEnvironment(this.#server, template)
    await psql(env, targets[name].replace('CLEAN', join(this.#folder, files.clean.name)))
    // Whoever loads nothing with dwh has a schema more that nobody looks at.
    if (name !== 'empty' && name !== 'sorted') await makeLedger(this.#folder, env)
    return template
  }
}

/** Runs a script with psql, which ends at its first error. */
export async function psql(env: Record<string, string>, script: string): Promise<void> {
  await runProgram('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1'], { env, input: script })
}
