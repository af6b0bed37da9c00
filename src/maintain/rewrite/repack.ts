import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runTool, type ToolRun } from '../../backup/client.ts'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { relation, shown } from '../../postgres/identifiers.ts'
import { climbInTransaction } from '../../postgres/ladder.ts'
import { usualPlaces } from '../../postgres/server/binaries.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { findExtension } from '../extensions.ts'
import type { CaredTable } from '../tables.ts'

/** pg_repack as it can be used in one database. */
export interface Repack {
  /** Of the client program. */
  path: string
  version: string
}

/** Finds a client of exactly the version of the extension: it refuses any other. */
export async function findRepack(session: Session): Promise<Repack | string> {
  const extension = await findExtension(session, 'pg_repack')
  if (!extension) return 'its extension is not in this database'
  const versions: string[] = []
  for (const { folder } of usualPlaces()) {
    const path = join(folder, 'pg_repack')
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
    const [, version] = /(\d+(?:\.\d+)+)/.exec(stdout ?? '') ?? []
    if (version === extension.version) return { path, version }
    if (version) versions.push(version)
  }
  return versions.length === 0
    ? 'its program is not installed here'
    : `its extension is ${extension.version}, its program ${versions.join(', ')}`
}

/**
 * Rewrites a table beside its users: triggers keep what they write meanwhile, and the files are exchanged at the end, under a
 * lock that is given up where it does not come at once.
 *
 * @throws DwhError LOCK_HELD where it gave up, FAILED
 */
export async function repackTable(
  session: Session,
  work: Work,
  { path }: Repack,
  table: CaredTable,
  options: { run: number; tablespace: string | undefined },
): Promise<void> {
  const { tablespace } = options
  if (!(await isFree(session, table))) {
    throw new DwhError('LOCK_HELD', `a pg_repack is at work on ${shown(table)} already`, {
      hint: 'wait for it, and run the same command again',
    })
  }
  const { is_superuser } = await session.one<{ is_superuser: boolean }>(
    'SELECT rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user',
  )
  const words = [
    `--table=${relation(table)}`,
    '--no-order',
    '--no-analyze',
    // Whoever is in the way stays: it gives up after a minute, and says nothing of it by its exit code.
    '--no-kill-backend',
    '--wait-timeout=60',
    ...(is_superuser ? [] : ['--no-superuser-check']),
    ...(tablespace === undefined ? [] : [`--tablespace=${tablespace}`, '--moveidx']),
  ]
  const said: string[] = []
  const run: ToolRun = {
    target: session.target,
    // By which the next run knows whose it was, should this one be killed: its program would go on.
    application: `pg_repack ${options.run}`,
    signal: work.signal,
    failure: 'FAILED',
    onMessage: (line) => void said.push(line),
  }
  await runTool({ name: 'pg_repack', path }, words, run)
  const now = await session.row<{ file: number }>(sql('maintain/file'), [table.oid])
  if (now?.file !== table.file) return
  const complaint = said.findLast((line) => /WARNING|ERROR|NOTICE/.test(line)) ?? 'it gave up'
  throw new DwhError('LOCK_HELD', `pg_repack did not exchange ${shown(table)}: ${complaint}`, {
    hint: 'see who holds it in pg_locks, and run the same command again',
  })
}

/** pg_repack holds this advisory lock while it works; the other half is the oid of the table, less 2^31. */
const repackClass = 16_185_446

/** Within a transaction it stays so until its end. */
async function isFree(session: Session, { oid }: CaredTable): Promise<boolean> {
  const { free } = await session.one<{ free: boolean }>(
    'SELECT pg_try_advisory_xact_lock($1::integer, ($2::bigint - 2147483648)::integer) AS free',
    [repackClass, oid],
  )
  return free
}

/** The connections of pg_repacks that have outlived the run which started them, by the table on which they are at work. */
async function orphans(session: Session, tables: CaredTable[]): Promise<{ oid: number; pid: number }[]> {
  const oids = tables.map(({ oid }) => oid)
  return (await ledgerPresence(session)).has_tasks
    ? await session.rows<{ oid: number; pid: number }>(sql('maintain/orphaned_repacks'), [oids])
    : []
}

/** Ends the pg_repack of a run that was killed, which would otherwise go on as if nobody had anything to say any more. */
async function endOrphans(session: Session, work: Work, table: CaredTable): Promise<void> {
  const found = await orphans(session, [table])
  for (const { pid } of found) await session.run('SELECT pg_terminate_backend($1)', [pid])
  while ((await orphans(session, [table])).length > 0) await sleep(50, undefined, { signal: work.signal })
}

/** Tables on which a pg_repack that was killed has left its trigger and its tables, or is still at work for a run that was. */
export async function findLeftovers(session: Session, tables: CaredTable[]): Promise<CaredTable[]> {
  const rows = [
    ...(await session.rows<{ oid: number }>(sql('maintain/repack_leftovers'), [
      tables.map(({ oid }) => oid),
    ])),
    ...(await orphans(session, tables)),
  ]
  return tables.filter(({ oid }) => rows.some((row) => row.oid === oid))
}

/**
 * Takes away what a killed pg_repack has left of one table; every write would be written down twice for ever.
 *
 * Locks: ACCESS EXCLUSIVE on the table, for a moment, under the lock ladder.
 *
 * @returns false where a pg_repack is at work on it
 */
export async function clearLeftovers(session: Session, work: Work, table: CaredTable): Promise<boolean> {
  await endOrphans(session, work, table)
  return climbInTransaction(session, work, { relations: [table] }, async () => {
    if (!(await isFree(session, table))) return false
    await session.run(`LOCK TABLE ONLY ${relation(table)} IN ACCESS EXCLUSIVE MODE`)
    // The extension itself is at home in another schema than what it makes.
    const own = (kind: string) => relation({ schema: 'repack', name: `${kind}_${table.oid}` })
    await session.run(`
      DROP TRIGGER IF EXISTS repack_trigger ON ${relation(table)};
      DROP TABLE IF EXISTS ${own('table')}, ${own('log')};
      DROP TYPE IF EXISTS ${own('pk')}`)
    return true
  })
}
