// What ./scripts/demo does once everything is installed: plain tables become partitioned ones. They hold three million
// flights, or with --sigeti the legacy database of SIGETI.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findArchiveTools } from '../src/backup/archive.ts'
import { duration } from '../src/cli/format.ts'
import { drawEvents } from '../src/cli/progress.ts'
import { openStreams } from '../src/cli/streams.ts'
import { observed, step, type Work } from '../src/events.ts'
import { packageRoot } from '../src/package.ts'
import { ident } from '../src/postgres/identifiers.ts'
import { runningTarget, targetUrl } from '../src/postgres/server/running.ts'
import { Session } from '../src/postgres/session.ts'
import type { Target } from '../src/postgres/target.ts'
import { hasPlainFlights, loadPlainFlights } from './flights.ts'
import { hasLegacySigeti, loadLegacySigeti } from './legacy/sigeti.ts'

/** What is shown: the warehouse and its database bear one name. */
interface Show {
  name: string
  /** The data is there whole, from an earlier run. */
  isLoaded(session: Session): Promise<boolean>
  /** Fills an empty database. */
  load(session: Session): Promise<void>
  /** Commands to look around with afterwards. */
  look: string[]
}

const { values: flags } = parseArgs({
  options: {
    reset: { type: 'boolean', default: false },
    sigeti: { type: 'boolean', default: false },
    rows: { type: 'string' },
    duplicates: { type: 'string' },
  },
})
process.chdir(packageRoot)
const started = performance.now()
const streams = openStreams(true)
const { emit, end } = await drawEvents(streams.err, false)
const work: Work = { emit: observed(emit), signal: new AbortController().signal }

const flights: Show = {
  name: 'flights',
  isLoaded: hasPlainFlights,
  load: (session) => {
    const name = 'load three million flights into a plain table'
    const loaded = (rows: number) =>
      work.emit({ type: 'progress', step: name, done: rows, total: 3_000_000, unit: 'rows' })
    return step(work, name, () => loadPlainFlights(session, { loaded }))
  },
  look: ['partitions list', 'runs list'],
}
const sigeti: Show = {
  name: 'sigeti',
  isLoaded: hasLegacySigeti,
  load: (session) =>
    loadLegacySigeti(session, work, {
      ...(flags.rows ? { rows: Number(flags.rows) } : {}),
      ...(flags.duplicates ? { duplicates: Number(flags.duplicates) } : {}),
    }),
  look: ['partitions list', 'compress audit fait_attributions', 'runs list'],
}
const show = flags.sigeti ? sigeti : flights

await dwh('dev', 'start')
const server = runningTarget(process.cwd()) as Target
// Whatever else the environment says, the demo stays on its own server.
for (const name of Object.keys(process.env))
  if (/^(PG|DATABASE_URL$|DWH_DB|DWH_DATABASE)/.test(name)) delete process.env[name]
// A .env of this clone speaks too, but after the environment.
process.env.DWH_DATABASE_URL = targetUrl(server)
const backup = await prepare()
end()
const here = ['-w', show.name, '--database', show.name]
await dwh(...here, 'setup', '--yes', ...backup)
streams.err.write(
  `\n${duration((performance.now() - started) / 1000)} in all. Look around:\n` +
    show.look.map((words) => `  npx dwh ${here.join(' ')} ${words}\n`).join('') +
    `  npx dwh dev psql -- -d ${show.name}\n` +
    `  ./scripts/demo${flags.sigeti ? ' --sigeti' : ''} --reset begins anew; npx dwh dev stop ends the server\n`,
)

/** Creates the database and fills it where that is not done; says which flags the setup needs. */
async function prepare(): Promise<string[]> {
  const database = show.name
  await using admin = await Session.open(server, 'dwh demo', work)
  const isLoaded = !flags.reset && (await isThere(admin)) && (await holdsAll())
  if (!isLoaded) {
    // What an interrupted load left is no use to anybody.
    await admin.run(`DROP DATABASE IF EXISTS ${ident(database)} WITH (FORCE)`)
    await admin.run(`CREATE DATABASE ${ident(database)}`)
    await using session = await Session.open({ ...server, database }, 'dwh demo', work)
    await show.load(session)
  }
  try {
    findArchiveTools(admin.serverVersion)
    return []
  } catch {
    work.emit({ type: 'warning', message: 'no pg_dump is installed here: the demo goes without a backup' })
    return ['--no-backup']
  }
}

async function isThere(admin: Session): Promise<boolean> {
  const { there } = await admin.one<{ there: boolean }>(
    'SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS there',
    [show.name],
  )
  return there
}

async function holdsAll(): Promise<boolean> {
  await using session = await Session.open({ ...server, database: show.name }, 'dwh demo', work)
  return await show.isLoaded(session)
}

/** Runs a command of dwh as a user would, on this terminal. */
async function dwh(...words: string[]): Promise<void> {
  streams.err.write(`\n$ npx dwh ${words.join(' ')}\n`)
  const child = spawn(process.execPath, [join(packageRoot, 'bin', 'dwh.js'), ...words], { stdio: 'inherit' })
  const [code] = await once(child, 'close')
  if (code !== 0) process.exit(code ?? 1)
}
