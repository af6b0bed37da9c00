import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import type { MigrationBuilder, RunnerOption } from 'node-pg-migrate'
import { DwhError } from '../errors.ts'
import type { Session } from '../postgres/session.ts'
import * as authoring from './authoring.ts'
import { declaredTables, type FactTable } from './fact-table.ts'
import { refuseStatements, withoutMark } from './refused.ts'

export type Direction = 'up' | 'down'

/** A folder of migrations with a history table of its own: `dwh` for the ledger, else the warehouse's name. */
export interface MigrationFolder {
  label: string
  path: string
}

/** One migration file. */
export interface MigrationFile {
  /** `0002_facts`: the file's name without its extension, as the history has it. */
  name: string
  path: string
}

/** What a migration would execute. */
export interface Produced {
  statements: string[]
  /** False for migrations that opt out with `pgm.noTransaction()`. */
  transactional: boolean
  /** True when the migration asked the database something: its SQL may then differ from one to the next. */
  asked: boolean
  factTables: FactTable[]
}

type Action = (pgm: MigrationBuilder) => void | Promise<void>

/** What a migration file exports. `down` left out means: the reverse of `up`, where it can be inferred. */
interface Actions {
  up?: Action | false
  down?: Action | false
}

/** The migrations of a folder, in the order of their numbers. A folder that does not exist has none. */
export async function listFiles(folder: MigrationFolder): Promise<MigrationFile[]> {
  if (!existsSync(folder.path)) return []
  const { getMigrationFilePaths } = await import('node-pg-migrate/migration')
  const paths = await getMigrationFilePaths(folder.path, { ignorePattern: ignored })
  const files = paths.map((path) => ({ name: basename(path, extname(path)), path }))
  for (const [index, { name, path }] of files.entries()) {
    const twin = files.slice(0, index).find((other) => other.name === name)
    if (twin) throw badName(`${twin.path} and ${path} have one name`)
    if (name.includes("'")) throw badName(`${path} has a quote in its name`)
  }
  return files
}

const badName = (what: string) =>
  new DwhError('MIGRATION_FAILED', `${what}; nothing was changed`, {
    hint: 'give the file another name: letters, digits and underscores behind its number',
  })

/** Everything that is not NNNN_name.sql, .ts, .js or .mjs. */
const ignored = String.raw`(?!\d+[_-].*\.(?:sql|ts|js|mjs)$).*`

/**
 * TypeScript and JavaScript migrations are loaded by jiti and not by Node.js, which refuses to strip types below
 * node_modules; `dwh` resolves to this very program, so that a user's folder needs no package.json.
 */
async function loadCode(path: string): Promise<Actions> {
  const { createJiti } = await import('jiti')
  const options = { fsCache: false, moduleCache: false, virtualModules: { dwh: authoring } }
  return createJiti(import.meta.url, options).import<Actions>(path)
}

async function load(path: string): Promise<Actions> {
  return extname(path) === '.sql' ? loadSql(path) : loadCode(path)
}

/** The two parts of an SQL file, as node-pg-migrate tells them apart, without a byte order mark. */
async function loadSql(path: string): Promise<Actions> {
  if (!isUtf8(readFileSync(path))) throw new Error('it is not stored in UTF-8')
  const { sqlMigration } = await import('node-pg-migrate/sqlMigration')
  // The package types its entry and its subpaths apart, though they are one and the same at run time.
  const { up, down } = (await sqlMigration(path)) as unknown as Actions
  const clean = (action: Action | false | undefined): Action | false =>
    action
      ? (pgm) => action({ sql: (text: string) => pgm.sql(withoutMark(text)) } as MigrationBuilder)
      : false
  return { up: clean(up), down: clean(down) }
}

/** How the runner shall find migrations, exactly as `listFiles` does, and load the one that it is to execute. */
export function loadingOnly({ path: wanted }: MigrationFile) {
  const loader = async (paths: string[]) =>
    Promise.all(
      paths.map(async (path) => ({
        id: path,
        filePaths: [path],
        actions: path === wanted ? await load(path) : {},
      })),
    )
  return {
    ignorePattern: ignored,
    migrationLoaderStrategies: ['.sql', '.ts', '.js', '.mjs'].map((extension) => ({
      extensions: [extension],
      loader,
    })) as MigrationLoaderStrategy[],
  }
}

type MigrationLoaderStrategy = NonNullable<RunnerOption['migrationLoaderStrategies']>[number]

/**
 * What a migration would execute in one direction, without executing it.
 *
 * @param session answers what the migration asks through `pgm.db`; open it read only
 * @throws DwhError MIGRATION_FAILED when the file cannot be loaded or has no such direction
 */
export async function produce(
  file: MigrationFile,
  direction: Direction,
  session: Session,
): Promise<Produced> {
  let former: string | undefined
  const query = async (text: string, values?: unknown[]) => {
    // As it is when the migration is applied, so that names are told in the same way.
    former ??= await setSearchPath(session, 'public')
    return session.client.query(text, values)
  }
  const db = { query, select: async (text: string, values?: unknown[]) => (await query(text, values)).rows }
  const { MigrationBuilder } = await import('node-pg-migrate')
  const pgm = new MigrationBuilder(db as never, {}, false, silent)
  try {
    const actions = await load(file.path)
    const inferred = direction === 'down' && actions.down === undefined
    if (inferred) pgm.enableReverseMode()
    const action = inferred ? actions.up : actions[direction]
    if (typeof action !== 'function') throw noDirection(file, direction)
    await action(pgm)
  } catch (error) {
    if (error instanceof DwhError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new DwhError('MIGRATION_FAILED', `${file.path} cannot be loaded: ${message}; nothing was changed`, {
      cause: error,
    })
  } finally {
    if (former !== undefined) await setSearchPath(session, former)
  }
  const statements = pgm.getSqlSteps()
  const transactional = pgm.isUsingTransaction()
  if (transactional) refuseStatements(file, statements)
  return {
    statements,
    transactional,
    asked: former !== undefined,
    factTables: declaredTables(pgm),
  }
}

/** @returns the search_path that was set before */
async function setSearchPath(session: Session, path: string): Promise<string> {
  const { former } = await session.one<{ former: string }>("SELECT current_setting('search_path') AS former")
  await session.rows("SELECT set_config('search_path', $1, false)", [path])
  return former
}

/** SHA-256 of a migration's file, hexadecimal. */
export function fileHash({ path }: MigrationFile): string {
  return sha256(readFileSync(path))
}

/** What stands for the SQL hash of a migration whose SQL depends on the database. */
export const dependsOnDatabase = 'depends on the database'

/** SHA-256 of the SQL that a migration produced, hexadecimal. */
export function sqlHash({ statements, asked }: Produced): string {
  return asked ? dependsOnDatabase : sha256(statements.join('\n'))
}

export const silent = { debug() {}, info() {}, warn() {}, error() {} }

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

function noDirection({ path }: MigrationFile, direction: Direction): DwhError {
  return new DwhError('MIGRATION_FAILED', `${path} has no ${direction} part; nothing was changed`, {
    hint:
      direction === 'down'
        ? 'write a new migration that takes its effect back'
        : 'export a function named up',
  })
}
