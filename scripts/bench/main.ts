// npm run bench NAME [-- --rows N] [-- --json] [-- --check]
import { parseArgs } from 'node:util'
import { bytes, count, milliseconds } from '../../src/cli/format.ts'
import { openStreams } from '../../src/cli/streams.ts'
import { type Column, table } from '../../src/cli/table.ts'
import type { Work } from '../../src/events.ts'
import { TemporaryServer } from '../../src/postgres/server/temporary.ts'
import { Session } from '../../src/postgres/session.ts'
import type { Bench, BenchRow, BenchServer } from './bench.ts'
import { compress } from './compress.ts'
import { convert } from './convert.ts'
import { measureWays } from './measure.ts'

/** Every benchmark, by its name. */
const benches: Bench[] = [convert, compress]

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
})
const { out, err } = openStreams(true)
const bench = benches.find(({ name }) => name === positionals[0])
if (bench) process.exitCode = await run(bench)
else {
  err.write(
    `npm run bench NAME, where NAME is one of:\n${benches.map(({ name, summary }) => `  ${name}: ${summary}\n`).join('')}`,
  )
  process.exitCode = 2
}

async function run({ name, rows: standard, unit, ways }: Bench): Promise<number> {
  const rows = flags.rows ? Number(flags.rows) : standard
  const work: Work = { emit: () => {}, signal: new AbortController().signal }
  // Durable, as a user's server is: without fsync a bench would flatter whoever writes most.
  await using temporary = await TemporaryServer.start(work, {
    settings: { fsync: true, synchronous_commit: 'on', full_page_writes: true },
  })
  const server: BenchServer = {
    target: temporary.target,
    open: (database = 'postgres') => Session.open({ ...temporary.target, database }, 'dwh bench', work),
  }
  const version = await serverVersion(server)
  err.write(`${name}: ${count(rows)} rows, PostgreSQL ${version}; unit: ${unit.work}, ${unit.way}\n`)
  const results = await measureWays(await ways(server, rows), unit, (line) => err.write(`${line}\n`))
  err.write(`\n${render(results)}`)
  if (flags.json)
    out.write(`${JSON.stringify({ bench: name, unit: `${unit.work}, ${unit.way}`, rows: results })}\n`)
  const missed = results.filter(({ ratio, bar }) => bar !== undefined && ratio !== undefined && ratio > bar)
  for (const { work, way, ratio, bar } of missed)
    err.write(`missed: ${work} ${way} is ${ratio?.toFixed(2)}, its bar ${bar}\n`)
  return flags.check && missed.length > 0 ? 4 : 0
}

function render(results: BenchRow[]): string {
  const number = (value: number | undefined, digits: number) =>
    value === undefined ? '' : value.toFixed(digits)
  const columns: Column<BenchRow>[] = [
    { title: 'work', value: ({ work }) => work },
    { title: 'way', value: ({ way }) => way },
    { title: 'seconds', value: ({ seconds }) => number(seconds, 2), align: 'right' },
    { title: 'ratio', value: ({ ratio }) => number(ratio, 2), align: 'right' },
    { title: 'bar', value: ({ bar }) => bar, align: 'right' },
    { title: 'disk', value: (row) => (row.bytes === undefined ? '' : bytes(row.bytes)), align: 'right' },
    { title: 'disk ratio', value: ({ bytes_ratio }) => number(bytes_ratio, 2), align: 'right' },
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
