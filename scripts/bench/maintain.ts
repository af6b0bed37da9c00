import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { usualPlaces } from '../../src/postgres/server/binaries.ts'
import type { Bench, BenchServer, Figures, Stage, Way } from './bench.ts'
import { clientEnvironment, cloneDatabase, database } from './database.ts'
import { slots, slotsWays } from './maintain/slots.ts'
import { runDwh, runProgram } from './measure.ts'

const facts = ['orders', 'payments', 'visits']
const years = [2018, 2019, 2020, 2021, 2022, 2023, 2024, 2025]
const dimensions = ['clients', 'products', 'shops', 'regions', 'brands', 'channels']
/** Every second row of these was deleted. */
const bloated = ['orders_2020', 'visits_2023']
const leaves = facts.flatMap((fact) => years.map((year) => `${fact}_${year}`))
const jobs = '2'

const warehouseFile = {
  name: 'bench',
  datasets: {
    ...Object.fromEntries(
      facts.map((name) => [
        name,
        {
          target: `public.${name}`,
          key: ['id', 'day'],
          partition: { key: 'day', kind: 'date', grain: 'year', from: years[0], until: 2026, premake: 0 },
        },
      ]),
    ),
    ...Object.fromEntries(dimensions.map((name) => [name, { target: `public.${name}`, key: 'id' }])),
  },
  maintenance: { allow_blocking: true, methods: ['vacuum', 'full'], min_size: '1 MB' },
}

const upkeep = ['weekly', 'busy week', 'monthly']
const [undisturbed, everything] = ['vacuumdb --analyze, ANALYZE of parents', 'VACUUM FULL of everything']

/** 9 tables with 24 leaves: a week in which nothing was written, one in which all was, and a month that left two leaves bloated. */
export const maintain: Bench = {
  name: 'maintain',
  summary:
    'upkeep of 9 tables with 24 leaves: a quiet week, a busy week, a month that left 2 leaves bloated; and 200 slots for 5 daemons that die',
  rows: 7_200_000,
  works: [...upkeep, slots],
  unit: { work: 'weekly', way: undisturbed },
  async ways(stage) {
    const { server, rows, held } = stage
    const ofSlots = stage.wanted(slots) ? await slotsWays(stage) : []
    if (!upkeep.some((work) => stage.wanted(work))) return ofSlots
    await makeTemplate(server, rows)
    const folder = mkdtempSync(join(tmpdir(), 'bench-'))
    held.defer(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'dwh.yaml'), stringify(warehouseFile))
    const env = clientEnvironment(server)
    const dwh = (...words: string[]) => runDwh(folder, ['maintain', ...words, '--yes'], env)
    // A quiet week changes nothing: the next may begin where it ended.
    let isCared = false
    const cared = async () => {
      if (isCared) return
      await cloneDatabase(server, 'bench_template')
      // What a clone has been through, its statistics do not know.
      await dwh('weekly')
      isCared = true
    }
    const spoilt = async (by: () => Promise<void>) => {
      await cared()
      isCared = false
      await by()
    }
    const busy = () =>
      spoilt(async () => {
        await using session = await server.open(database)
        await session.run(
          facts.map((name) => `UPDATE public.${name} SET amount = amount + 1 WHERE id % 50 = 0`).join(';'),
        )
      })
    const fresh = () => spoilt(async () => {})
    const way = (
      work: string,
      name: string,
      prepare: () => Promise<void>,
      run: () => Promise<Figures>,
    ): Way => ({
      ...{ work, way: name, prepare, run },
      unit: { work, way: work === 'monthly' ? everything : undisturbed },
    })
    const byHand = () => vacuumByHand(stage, env)
    const weekly = async () => ({ rss_mb: (await dwh('weekly')).rss_mb })
    return [
      way('weekly', undisturbed, cared, byHand),
      { ...way('weekly', 'dwh', cared, weekly), bar: { times: 1.2, of: undisturbed, plus: 2 } },
      way('busy week', undisturbed, busy, byHand),
      way('busy week', 'dwh', busy, weekly),
      way('monthly', everything, fresh, async () => {
        await using session = await server.open(database)
        for (const table of [...leaves, ...dimensions]) await session.run(`VACUUM FULL public.${table}`)
        return { bytes: await bytesOfBloated(server) }
      }),
      {
        ...way('monthly', 'dwh', fresh, async () => {
          const { rss_mb } = await dwh('monthly')
          return { rss_mb, bytes: await bytesOfBloated(server) }
        }),
        ...{ bar: { times: 0.2, of: everything }, bytes_bar: 1.02 },
      },
      ...ofSlots,
    ]
  },
}

async function vacuumByHand({ server }: Stage, env: Record<string, string>): Promise<Figures> {
  const [place] = usualPlaces()
  const tables = [...leaves, ...dimensions].flatMap((name) => ['-t', `public.${name}`])
  await runProgram(
    join(place?.folder ?? '', 'vacuumdb'),
    ['--analyze', '-q', '-j', jobs, ...tables, database],
    { env },
  )
  await using session = await server.open(database)
  for (const name of facts) await session.run(`ANALYZE public.${name}`)
  return {}
}

async function bytesOfBloated(server: BenchServer): Promise<number> {
  await using session = await server.open(database)
  const { bytes } = await session.one<{ bytes: number }>(
    'SELECT sum(pg_relation_size(name::regclass) + pg_indexes_size(name::regclass))::bigint AS bytes FROM unnest($1::text[]) AS name',
    [bloated.map((name) => `public.${name}`)],
  )
  return bytes
}

async function makeTemplate(server: BenchServer, rows: number): Promise<void> {
  {
    await using admin = await server.open()
    await admin.run('CREATE DATABASE bench_template')
  }
  await using session = await server.open('bench_template')
  await session.run('SET search_path = public; CREATE EXTENSION pgstattuple')
  for (const name of dimensions) {
    await session.run(`
      CREATE TABLE ${name} (id bigint PRIMARY KEY, name text);
      INSERT INTO ${name} SELECT n, '${name} ' || n FROM generate_series(1, 5000) AS n`)
  }
  const each = Math.round(rows / leaves.length)
  for (const name of facts) {
    await session.run(`
      CREATE TABLE ${name} (id bigint, day date NOT NULL, client bigint, amount numeric(12,2), note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)`)
    for (const year of years) {
      const size = bloated.includes(`${name}_${year}`) ? 2 * each : each
      await session.run(`
        CREATE TABLE ${name}_${year} PARTITION OF ${name} FOR VALUES FROM ('${year}-01-01') TO ('${year + 1}-01-01');
        INSERT INTO ${name} SELECT n, date '${year}-01-01' + (n % 365)::integer, n % 5000, n / 7.0, 'note of ' || n || ' ' || repeat('x', 60)
          FROM generate_series(1, ${size}) AS n`)
    }
  }
  for (const name of bloated) await session.run(`DELETE FROM ${name} WHERE id % 2 = 0`)
  await session.run('VACUUM (ANALYZE)')
}
