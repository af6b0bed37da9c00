import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Session } from '../../../src/postgres/session.ts'
import { writeParquet } from './parquet.ts'

/**
 * The files that are loaded. `clean`: every key once. `dirty`: 2 % of the keys come again, newer, up to a fifth of the
 * rows later. `broken`: clean with 1 % of its lines broken; `sound`: the same without those lines. `ndjson` and `parquet`
 * hold the rows of clean.
 */
export const files = {
  clean: { name: 'clean.csv', rows: 'NOT resent' },
  dirty: { name: 'dirty.csv', rows: 'true' },
  broken: { name: 'broken.csv', rows: 'NOT resent' },
  sound: { name: 'sound.csv', rows: 'NOT resent AND fault IS NULL' },
  ndjson: { name: 'clean.ndjson', rows: 'NOT resent' },
  parquet: { name: 'clean.parquet', rows: 'NOT resent' },
} as const

export type FileName = keyof typeof files

/** What a table holds when a load has ended well, as conditions on the rows that were made. */
export const outcomes = {
  all: 'NOT resent',
  newest: 'resent OR NOT comes_again',
  sound: files.sound.rows,
} as const

export type Outcome = keyof typeof outcomes

/** What tells two tables apart, whatever the order of their rows. */
export interface Contents {
  rows: number
  /** Sum of created_at: smaller where a key kept an older row. */
  recency: string
  /** Sum of a hash of each row. */
  checksum: string
}

/** Columns of the rows in the order of the files. */
export const columns = 'station_code, ts, theme, param_code, value, quality, source, created_at'

/** Reads `table` once. */
export async function contents(session: Session, table: string, where = 'true'): Promise<Contents> {
  return await session.one<Contents>(`
    SELECT count(*) AS rows, sum(extract(epoch FROM created_at))::text AS recency,
           sum(hash_record_extended(ROW(${columns}), 0))::text AS checksum
      FROM ${table} WHERE ${where}`)
}

/**
 * Makes all rows, in the order of the files: by time, shuffled in blocks of 20,000. Nothing is random but what hashes of
 * numbers look like, so that every run has the same rows.
 */
export async function makeRows(session: Session, rows: number): Promise<void> {
  const chance = (salt: number, one: number) => `mod(hashint8extended(n, ${salt}), ${one}) = 0`
  // 2,000 series measure at the same moment: 500 stations with 4 parameters each.
  const step = Math.floor((730 * 86_400_000) / Math.ceil(rows / 2000))
  await session.run("SET work_mem = '512MB'")
  await session.run(`
    CREATE TABLE public.made AS
    SELECT 'S' || lpad((n % 500)::text, 6, '0') AS station_code,
           timestamptz '2023-01-01' + n / 2000 * interval '${step} milliseconds' AS ts,
           (ARRAY['piezo', 'hydro', 'temp'])[1 + n % 3] AS theme,
           'P' || lpad((n / 500 % 4)::text, 4, '0') AS param_code,
           (hashint8extended(n, 1 + again) & 1048575) / 1000.0::float8 AS value,
           (n % 5)::smallint AS quality,
           'hubeau' AS source,
           timestamptz '2025-01-01' + n * interval '1 millisecond' + again * interval '1 day' AS created_at,
           again = 1 AS resent,
           comes_again,
           CASE WHEN again = 0 AND ${chance(3, 100)} THEN (hashint8extended(n, 4) & 3)::int END AS fault
      FROM generate_series(0, ${rows - 1}) AS n,
           LATERAL (SELECT ${chance(5, 50)} AS comes_again) AS picked,
           LATERAL generate_series(0, comes_again::int) AS again
     ORDER BY (n + again * (hashint8extended(n, 6) & 1048575) / 1048576.0 * ${rows / 5})::int / 20000, hashint8extended(n, 7 + again)`)
  // Every COPY from it then begins at its first row, and the rows follow their header.
  await session.run('SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0')
}

/** Writes one of the files into the folder. */
export async function writeRows(session: Session, file: FileName, folder: string): Promise<void> {
  const path = join(folder, files[file].name)
  if (file === 'parquet') return await writeParquet(session, selected(file), path)
  await pipeline(session.copyTo(copies[file]), createWriteStream(path))
}

const selected = (file: FileName) => `SELECT ${columns} FROM public.made WHERE ${files[file].rows}`
const csv = (file: FileName) => `COPY (${selected(file)}) TO STDOUT (FORMAT csv, HEADER)`

/** The values of a line of csv; `fault` chooses what is wrong with it. */
const line = `concat_ws(',',
  CASE WHEN fault = 3 THEN '' ELSE station_code END,
  CASE WHEN fault = 1 THEN '2023-02-30 25:61:00' ELSE ts::text END,
  theme, param_code,
  CASE WHEN fault = 0 THEN 'defekt' ELSE value::text END,
  quality, source, created_at,
  CASE WHEN fault = 2 THEN 'one,two' END)`

const copies: Record<Exclude<FileName, 'parquet'>, string> = {
  clean: csv('clean'),
  dirty: csv('dirty'),
  sound: csv('sound'),
  // The text format writes a line as it is: there is no backslash in it, and no control character.
  broken: `COPY (SELECT '${columns.replaceAll(' ', '')}' UNION ALL SELECT ${line} FROM public.made WHERE ${files.broken.rows}) TO STDOUT`,
  ndjson: `COPY (SELECT row_to_json(record) FROM (${selected('ndjson')}) AS record) TO STDOUT`,
}
