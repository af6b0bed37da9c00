import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { packageRoot } from '../src/package.ts'
import type { Session } from '../src/postgres/session.ts'

/** One flight, as the Parquet file of vega-datasets has it. */
export interface Flight {
  date: Date
  delay: bigint | null
  distance: bigint | null
  origin: string
  destination: string
}

/** Three million flights within the United States, January to June 2001, in the npm package vega-datasets. */
export const allFlights = join(packageRoot, 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet')

/** @param path of a Parquet file with the columns of `allFlights` */
export async function* readFlights(
  most = Number.POSITIVE_INFINITY,
  path = allFlights,
): AsyncGenerator<Flight[]> {
  const { buffer, byteOffset, byteLength } = readFileSync(path)
  const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  let rowStart = 0
  for (const group of parquetMetadata(file).row_groups) {
    const rowEnd = Math.min(most, rowStart + Number(group.num_rows))
    if (rowStart >= rowEnd) return
    yield (await parquetReadObjects({ file, compressors, rowStart, rowEnd })) as Flight[]
    rowStart = rowEnd
  }
}

/**
 * Makes the plain table `flights` as a legacy database holds it: rows as they came, and an index on whatever somebody
 * once searched for, which was not the date.
 *
 * @param loaded is told the rows so far
 */
export async function loadPlainFlights(
  session: Session,
  { most, path, loaded = () => {} }: { most?: number; path?: string; loaded?: (rows: number) => void } = {},
): Promise<void> {
  await session.run(
    'CREATE TABLE public.flights (date timestamp NOT NULL, delay integer, distance integer, origin text NOT NULL, destination text NOT NULL)',
  )
  let rows = 0
  async function* lines() {
    for await (const flights of readFlights(most, path)) {
      yield flights.map(copyLine).join('')
      rows += flights.length
      loaded(rows)
    }
  }
  await pipeline(
    Readable.from(lines(), { objectMode: false }),
    session.copyFrom('COPY public.flights FROM STDIN'),
  )
  for (const column of ['origin', 'destination']) {
    await session.run(`CREATE INDEX flights_${column} ON public.flights (${column})`)
  }
  await session.run('VACUUM (ANALYZE) public.flights')
  await session.run(
    "COMMENT ON TABLE public.flights IS 'Flights within the United States, January to June 2001'",
  )
}

/** Whether the flights are there: a load that was interrupted leaves the table without its comment, which comes last. */
export async function hasPlainFlights(session: Session): Promise<boolean> {
  const { loaded } = await session.one<{ loaded: boolean }>(
    "SELECT obj_description(to_regclass('public.flights'), 'pg_class') IS NOT NULL AS loaded",
  )
  return loaded
}

function copyLine({ date, delay, distance, origin, destination }: Flight): string {
  return `${momentOf(date)}\t${delay ?? '\\N'}\t${distance ?? '\\N'}\t${origin}\t${destination}\n`
}

/** Many flights leave in the same minute, and a date takes longer to be written than to be found. */
const moments = new Map<number, string>()

function momentOf(date: Date): string {
  const known = moments.get(date.getTime())
  if (known) return known
  const moment = date.toISOString().slice(0, 19)
  moments.set(date.getTime(), moment)
  return moment
}
