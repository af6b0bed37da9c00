import type { Session } from '../../src/postgres/session.ts'
import { sql } from '../../src/postgres/sql-files.ts'
import type { Bench, BenchServer, Figures, Way } from './bench.ts'
import { database } from './database.ts'

/** A thousand documents of French words and hexadecimal digits that come only once: dossiers of 3 kB, summaries of 1.4 kB. */
const pool = `
CREATE TABLE pool AS
SELECT n, string_agg(line, ', ') AS dossier, string_agg(line, ', ') FILTER (WHERE i <= 9) AS summary
  FROM generate_series(1, 1000) AS n, generate_series(1, 19) AS i,
       LATERAL (SELECT hashint8extended(n, i) AS h OFFSET 0) AS hashed,
       LATERAL (SELECT format('{"intitulé": "%s", "numéro": "PJ-%s-%s", "empreinte": "%s", "remarque": "%s"}',
                              (ARRAY['Extrait du registre de commerce', 'Étude d''impact environnemental', 'Plan de masse coté', 'Déclaration fiscale'])[1 + (h & 3)],
                              n, i, to_hex(h),
                              (ARRAY['reçue et conforme', 'à compléter avant l''échéance', 'légalisée à la préfecture', 'périmée'])[1 + (h >> 2 & 3)]) AS line) AS lines
 GROUP BY n;
ALTER TABLE pool ALTER dossier SET STORAGE EXTERNAL, ALTER summary SET STORAGE EXTERNAL`

/** How a column is told to store its values. */
const settings: Record<string, string> = {
  pglz: 'ALTER d SET COMPRESSION pglz',
  lz4: 'ALTER d SET COMPRESSION lz4',
  plain: 'ALTER d SET STORAGE EXTERNAL',
}

/** What compression costs and brings: writing and reading by each method, and turning one into the other. */
export const compress: Bench = {
  name: 'compress',
  summary:
    'long and short documents by pglz, by lz4 and plain: written, read, turned from one into the other',
  rows: 50_000,
  works: ['write 3 kB', 'write 1.4 kB', 'read 3 kB', 'pglz into lz4'],
  unit: { work: 'write 3 kB', way: 'pglz' },
  async ways({ server, rows }) {
    {
      await using admin = await server.open()
      await admin.run(`CREATE DATABASE ${database}`)
    }
    await using session = await server.open(database)
    const { has_lz4: lz4 } = await session.one<{ has_lz4: boolean }>(sql('postgres/has_lz4'))
    await session.run('SET search_path = public')
    await session.run(pool)
    const methods = Object.keys(settings).filter((method) => method !== 'lz4' || lz4)
    for (const method of methods) {
      await session.run(
        `CREATE TABLE read_${method} (d text); ALTER TABLE read_${method} ${settings[method]}`,
      )
      await session.run(fill(`read_${method}`, 'dossier', rows))
    }
    await session.run(`
      CREATE TABLE stored (d jsonb COMPRESSION pglz);
      INSERT INTO stored SELECT ('{"n": ' || n || ', "pièces": [' || dossier || ']}')::jsonb FROM ${numbered(rows)};
      ANALYZE`)
    const written = (work: string, column: string, method: string): Way => ({
      work,
      way: method,
      ...fresh(server, `d text`, settings[method] as string, fill('target', column, rows)),
    })
    return [
      ...methods.map((method) => written('write 3 kB', 'dossier', method)),
      ...methods.map((method) => written('write 1.4 kB', 'summary', method)),
      ...methods.map(
        (method): Way => ({
          work: 'read 3 kB',
          way: method,
          prepare: async () => {},
          run: () => timed(server, `SELECT sum(length(d)) FROM read_${method}`, `read_${method}`),
        }),
      ),
      ...(lz4 ? turned(server) : []),
    ]
  },
}

/** jsonb of 3 kB that is stored as pglz goes into a table whose column says lz4. */
function turned(server: BenchServer): Way[] {
  const expressions: Record<string, string> = {
    'INSERT … SELECT: stays pglz': 'd',
    'dwh: taken apart': '(ARRAY[d])[1]',
    'by way of text': 'd::text::jsonb',
  }
  return Object.entries(expressions).map(([way, expression]) => ({
    work: 'pglz into lz4',
    way,
    ...fresh(
      server,
      'd jsonb',
      settings.lz4 as string,
      `INSERT INTO target SELECT ${expression} FROM stored`,
    ),
  }))
}

/** Writes into a table that is empty each time. */
function fresh(
  server: BenchServer,
  columns: string,
  setting: string,
  statement: string,
): Pick<Way, 'prepare' | 'run'> {
  return {
    prepare: async () => {
      await using session = await open(server)
      await session.run(
        `DROP TABLE IF EXISTS target; CREATE TABLE target (${columns}); ALTER TABLE target ${setting}`,
      )
      await session.run('CHECKPOINT')
    },
    run: () => timed(server, statement, 'target'),
  }
}

/** Joining two texts makes a value that nobody has compressed yet. */
function fill(table: string, column: string, rows: number): string {
  return `INSERT INTO ${table} SELECT ${column} || n FROM ${numbered(rows)}`
}

function numbered(rows: number): string {
  return `generate_series(1, ${Math.max(1, Math.round(rows / 1000))}) AS again, pool`
}

async function timed(server: BenchServer, statement: string, table: string): Promise<Figures> {
  await using session = await open(server)
  const started = performance.now()
  await session.run(statement)
  const seconds = (performance.now() - started) / 1000
  const { bytes } = await session.one<{ bytes: number }>(`SELECT pg_total_relation_size('${table}') AS bytes`)
  return { seconds, bytes }
}

async function open(server: BenchServer): Promise<Session> {
  const session = await server.open(database)
  await session.run('SET search_path = public')
  // One process: methods are compared, not workers.
  await session.run('SET max_parallel_workers_per_gather = 0')
  return session
}
