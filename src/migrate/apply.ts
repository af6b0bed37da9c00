import type { RunnerOption } from 'node-pg-migrate'
import type { ClientBase } from 'pg'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { step } from '../events.ts'
import { forgetMigration, ledgerPresence, recordMigration } from '../ledger/migrations.ts'
import { AdvisoryLock, migrationsKey } from '../postgres/advisory.ts'
import { relation } from '../postgres/identifiers.ts'
import { climb } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import { classify } from '../postgres/sqlstate.ts'
import type { FactTable } from './fact-table.ts'
import {
  type Direction,
  fileHash,
  listFiles,
  loadingOnly,
  type MigrationFile,
  type MigrationFolder,
  type Produced,
  produce,
  silent,
  sqlHash,
} from './files.ts'
import { folderStatus, historyTable, isLedgerCurrent, ledgerFolder, pendingMigrations } from './history.ts'
import { statementInFile } from './refused.ts'

/** Seconds that one `up` waits for another. */
const lockPatience = 600

/** Milliseconds a statement outside a transaction (CREATE INDEX CONCURRENTLY) may wait: it blocks nobody meanwhile. */
const longLockTimeout = 30 * 60 * 1000

/** One migration with what it would execute. */
export interface PlannedMigration {
  folder: MigrationFolder
  file: MigrationFile
  produced: Produced
}

/** What `up` would do, in order; reads only. */
export async function planUp(session: Session, folders: MigrationFolder[]): Promise<PlannedMigration[]> {
  const planned: PlannedMigration[] = []
  for (const folder of folders) {
    for (const { file } of await pendingMigrations(session, folder)) {
      if (file) planned.push({ folder, file, produced: await produce(file, 'up', session) })
    }
  }
  return planned
}

/** What `down` would take back: the last `count` applied migrations of a folder, newest first; reads only. */
export async function planDown(
  session: Session,
  folder: MigrationFolder,
  count: number,
): Promise<PlannedMigration[]> {
  await pendingMigrations(session, folder)
  const applied = (await folderStatus(session, folder)).filter(({ state }) => state === 'applied')
  const planned: PlannedMigration[] = []
  for (const { file } of applied.slice(-count).toReversed()) {
    if (file) planned.push({ folder, file, produced: await produce(file, 'down', session) })
  }
  return planned
}

/** The fact tables that the migrations of a folder declare, applied or not; reads only. */
export async function declaredFactTables(session: Session, folder: MigrationFolder): Promise<FactTable[]> {
  const files = await listFiles(folder)
  const produced = await Promise.all(files.map((file) => produce(file, 'up', session)))
  return produced.flatMap(({ factTables }) => factTables)
}

/**
 * Applies what is pending, one transaction a migration, under a lock that lets one `up` work at a time: whoever comes
 * second waits and then finds nothing to do.
 *
 * @param session not pooled and used for nothing else: its search_path becomes `public`
 * @returns the migrations that this call applied
 */
export async function up(
  session: Session,
  work: Work,
  folders: MigrationFolder[],
): Promise<PlannedMigration[]> {
  await using _lock = await AdvisoryLock.poll(session, work, migrationsKey, 'migrations', lockPatience)
  const planned = await planUp(session, folders)
  if (planned.length > 0) await ensureSchema(session)
  for (const migration of planned) await apply(session, work, migration, 'up')
  return planned
}

/** Takes the last `count` migrations of a folder back, newest first. */
export async function down(
  session: Session,
  work: Work,
  folder: MigrationFolder,
  count: number,
): Promise<PlannedMigration[]> {
  await using _lock = await AdvisoryLock.poll(session, work, migrationsKey, 'migrations', lockPatience)
  const planned = await planDown(session, folder, count)
  for (const migration of planned) await apply(session, work, migration, 'down')
  return planned
}

/** Brings the ledger itself up to date, where it is not. */
export async function ensureLedger(session: Session, work: Work): Promise<void> {
  if ((await isLedgerCurrent(session)) || (await pendingMigrations(session, ledgerFolder)).length === 0)
    return
  await using own = await session.sibling('dwh migrate')
  await up(own, work, [ledgerFolder])
}

/** node-pg-migrate's own CREATE SCHEMA IF NOT EXISTS asks for the right to create even where the schema is there. */
async function ensureSchema(session: Session): Promise<void> {
  if (!(await ledgerPresence(session)).has_schema) await session.run('CREATE SCHEMA dwh')
}

async function apply(
  session: Session,
  work: Work,
  planned: PlannedMigration,
  direction: Direction,
): Promise<void> {
  const { folder, file, produced } = planned
  const name = `${direction === 'up' ? 'apply' : 'take back'} ${folder.label}/${file.name}`
  await step(work, name, async () => {
    if (!produced.transactional) return runOne(session, work, planned, direction, longLockTimeout)
    return climb(session, work, { relations: [] }, (timeout) =>
      runOne(session, work, planned, direction, timeout),
    )
  })
}

/** Lets node-pg-migrate execute one migration through a client that adds the lock timeout and the ledger's rows. */
async function runOne(
  session: Session,
  work: Work,
  planned: PlannedMigration,
  direction: Direction,
  lockTimeout: number,
): Promise<void> {
  const { folder, file, produced } = planned
  const { schema, name } = historyTable(folder)
  const client = migrationClient(session, work, planned, direction, lockTimeout)
  const options: RunnerOption = {
    // The runner asks nothing of its client but `query`.
    dbClient: client as unknown as ClientBase,
    dir: folder.path,
    ...loadingOnly(file),
    file: file.name,
    direction,
    ...(direction === 'down' ? { count: 1 } : {}),
    migrationsTable: name,
    migrationsSchema: schema,
    schema: 'public',
    singleTransaction: true,
    // Order and locking are ours: pendingMigrations and AdvisoryLock.
    checkOrder: false,
    noLock: true,
    logger: silent,
  }
  try {
    const { runner } = await import('node-pg-migrate')
    await runner(options)
  } catch (error) {
    work.signal.throwIfAborted()
    throw migrationFailed(file, produced, client.failed ?? { error, text: '' })
  }
}

interface MigrationClient {
  query(text: string, values?: unknown[]): Promise<unknown>
  /** The first statement that failed. */
  failed?: { error: unknown; text: string }
}

/**
 * The history row of node-pg-migrate and the hashes of the ledger commit together, also where the migration itself runs
 * without a transaction: the runner then says `COMMIT;`, the statements, the history row, `BEGIN;` and `COMMIT`.
 */
function migrationClient(
  session: Session,
  work: Work,
  { folder, file, produced }: PlannedMigration,
  direction: Direction,
  lockTimeout: number,
): MigrationClient {
  const history = new RegExp(`^(INSERT INTO|DELETE FROM) ${relation(historyTable(folder))} `)
  const started = performance.now()
  const execute = async (text: string, values?: unknown[]) => {
    const before = performance.now()
    try {
      return await session.client.query(text, values)
    } finally {
      work.emit({ type: 'statement', sql: text, milliseconds: performance.now() - before })
    }
  }
  const bookkeeping = async () => {
    const hashes = { file: fileHash(file), sql: sqlHash(produced) }
    if (direction === 'up') {
      await recordMigration(session, folder.label, file.name, hashes, performance.now() - started)
    } else if ((await ledgerPresence(session)).has_checksums) {
      await forgetMigration(session, folder.label, file.name)
    }
  }
  const query = async (text: string, values?: unknown[]) => {
    const isOpen = session.client.getTransactionStatus() !== 'I'
    if ((text === 'BEGIN;' && isOpen) || (text === 'ROLLBACK' && !isOpen)) return undefined
    if (history.test(text) && !isOpen) await execute('BEGIN')
    if (text === 'COMMIT') await bookkeeping()
    const result = await execute(text, values)
    if (text === 'BEGIN') await session.run(`SET LOCAL lock_timeout = ${lockTimeout}`)
    if (text === 'COMMIT;') await session.run(`SET lock_timeout = ${lockTimeout}`)
    return result
  }
  const client: MigrationClient = {
    query: (text, values) =>
      query(text, values).catch((error) => {
        client.failed ??= { error, text }
        throw error
      }),
  }
  return client
}

function migrationFailed(
  file: MigrationFile,
  produced: Produced,
  { error, text }: { error: unknown; text: string },
) {
  const cause = classify(error, statementInFile(file, text))
  if (cause.code !== 'SQL_FAILED' && cause.code !== 'FAILED') return cause
  const aftermath = produced.transactional
    ? 'it was rolled back'
    : 'it runs without a transaction: what it had done before stays'
  return new DwhError('MIGRATION_FAILED', `${file.name}: ${cause.message}\n${aftermath}`, {
    cause: error,
    hint: cause.hint ?? 'mend the file and run the same command again',
  })
}
