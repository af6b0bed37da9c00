// What ./scripts/demo does once everything is installed: three million flights in a plain table become monthly leaves.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findClientTool } from '../src/backup/client-tools.ts'
import { duration } from '../src/cli/format.ts'
import { drawEvents } from '../src/cli/progress.ts'
import { openStreams } from '../src/cli/streams.ts'
import { observed, step, type Work } from '../src/events.ts'
import { packageRoot } from '../src/package.ts'
import { runningTarget, targetUrl } from '../src/postgres/server/running.ts'
import { Session } from '../src/postgres/session.ts'
import type { Target } from '../src/postgres/target.ts'
import { loadPlainFlights } from './flights.ts'

const database = 'flights'
const { values: flags } = parseArgs({ options: { reset: { type: 'boolean', default: false } } })
process.chdir(packageRoot)
const started = performance.now()
const streams = openStreams(true)
const { emit, end } = drawEvents(streams.err, false)
const work: Work = { emit: observed(emit), signal: new AbortController().signal }

await dwh('dev', 'start')
const server = runningTarget(process.cwd()) as Target
// Whatever else the environment says, the demo stays on its own server.
for (const name of Object.keys(process.env))
  if (/^(PG|DATABASE_URL$|DWH_DB|DWH_DATABASE)/.test(name)) delete process.env[name]
// A .env of this clone speaks too, but after the environment.
process.env.DWH_DATABASE_URL = targetUrl(server)
const backup = await prepare()
end()
await dwh('-w', 'flights', '--database', database, 'setup', '--yes', ...backup)
streams.err.write(
  `\n${duration((performance.now() - started) / 1000)} in all. Look around:\n` +
    `  npx dwh -w flights --database ${database} partitions list\n` +
    `  npx dwh -w flights --database ${database} runs list\n` +
    `  npx dwh dev psql -- -d ${database}\n` +
    '  ./scripts/demo --reset begins anew; npx dwh dev stop ends the server\n',
)

/** Creates the database and fills the plain table where that is not done; says which flags the setup needs. */
async function prepare(): Promise<string[]> {
  await using admin = await Session.open(server, 'dwh demo', work)
  if (flags.reset) await admin.run(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
  const { there } = await admin.one<{ there: boolean }>(
    'SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS there',
    [database],
  )
  if (!there) await admin.run(`CREATE DATABASE ${database}`)
  await using session = await Session.open({ ...server, database }, 'dwh demo', work)
  // A load that was interrupted leaves the table without its comment, which comes last.
  const { loaded } = await session.one<{ loaded: boolean }>(
    "SELECT obj_description(to_regclass('public.flights'), 'pg_class') IS NOT NULL AS loaded",
  )
  if (!loaded) {
    await session.run('DROP TABLE IF EXISTS public.flights')
    const name = 'load three million flights into a plain table'
    await step(work, name, () =>
      loadPlainFlights(session, {
        loaded: (rows) =>
          work.emit({ type: 'progress', step: name, done: rows, total: 3_000_000, unit: 'rows' }),
      }),
    )
  }
  try {
    findClientTool('pg_dump', session.serverVersion)
    return []
  } catch {
    work.emit({ type: 'warning', message: 'no pg_dump is installed here: the demo goes without a backup' })
    return ['--no-backup']
  }
}

/** Runs a command of dwh as a user would, on this terminal. */
async function dwh(...words: string[]): Promise<void> {
  streams.err.write(`\n$ npx dwh ${words.join(' ')}\n`)
  const child = spawn(process.execPath, [join(packageRoot, 'bin', 'dwh.js'), ...words], { stdio: 'inherit' })
  const [code] = await once(child, 'close')
  if (code !== 0) process.exit(code ?? 1)
}
