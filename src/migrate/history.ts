import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import { ledgerPresence, listChecksums } from '../ledger/migrations.ts'
import { packageRoot } from '../package.ts'
import { literal, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { fileHash, listFiles, type MigrationFile, type MigrationFolder } from './files.ts'

/** The migrations of the ledger itself; every database that dwh works on has them first. */
export const ledgerFolder: MigrationFolder = { label: 'dwh', path: join(packageRoot, 'migrations', 'dwh') }

export type MigrationState = 'applied' | 'pending' | 'edited' | 'missing'

/** One migration as it stands: in the folder, in the database, or both. */
export interface MigrationStatus {
  folder: string
  name: string
  state: MigrationState
  file: MigrationFile | undefined
  appliedAt: Date | undefined
  milliseconds: number | undefined
  /** As recorded when it was applied. */
  sqlHash: string | undefined
}

/** The history table that node-pg-migrate keeps for a folder. */
export function historyTable({ label }: MigrationFolder): { schema: string; name: string } {
  return { schema: 'dwh', name: `migrations_${label}` }
}

/** Every migration of a folder, in the order of application; what is applied but has no file comes last. */
export async function folderStatus(session: Session, folder: MigrationFolder): Promise<MigrationStatus[]> {
  const applied = await appliedNames(session, folder)
  const { has_checksums } = await ledgerPresence(session)
  const checksums = new Map(
    (has_checksums ? await listChecksums(session, folder.label) : []).map((row) => [row.name, row]),
  )
  const files = await listFiles(folder)
  const named = new Set(files.map(({ name }) => name))
  const describe = (
    name: string,
    file: MigrationFile | undefined,
    state: MigrationState,
  ): MigrationStatus => {
    const recorded = checksums.get(name)
    return {
      folder: folder.label,
      name,
      state,
      file,
      appliedAt: recorded?.applied_at,
      milliseconds: recorded?.milliseconds,
      sqlHash: recorded?.sql_sha256,
    }
  }
  return [
    ...files.map((file) => {
      if (!applied.includes(file.name)) return describe(file.name, file, 'pending')
      const edited = checksums.get(file.name)?.file_sha256 !== fileHash(file)
      return describe(file.name, file, edited ? 'edited' : 'applied')
    }),
    ...applied.filter((name) => !named.has(name)).map((name) => describe(name, undefined, 'missing')),
  ]
}

/**
 * The migrations still to apply.
 *
 * @throws DwhError MIGRATION_EDITED, MIGRATION_MISSING or MIGRATION_ORDER when folder and database contradict each other
 */
export async function pendingMigrations(
  session: Session,
  folder: MigrationFolder,
): Promise<MigrationStatus[]> {
  const all = await folderStatus(session, folder)
  const inState = (state: MigrationState) => all.filter((migration) => migration.state === state)
  const list = (some: MigrationStatus[]) => some.map(({ name }) => name).join(', ')
  const missing = inState('missing')
  if (missing.length > 0) {
    const hint =
      folder.label === ledgerFolder.label
        ? 'a newer dwh has worked on this database: install that version'
        : 'bring the files back: a migration is never deleted once it has been applied'
    throw new DwhError(
      'MIGRATION_MISSING',
      `applied in ${folder.label}, but without a file: ${list(missing)}`,
      { hint },
    )
  }
  const edited = inState('edited')
  if (edited.length > 0) {
    throw new DwhError(
      'MIGRATION_EDITED',
      `changed after they were applied: ${list(edited)}; nothing was applied`,
      {
        hint:
          folder.label === ledgerFolder.label
            ? 'another build of dwh made this ledger: work on this database with that one'
            : 'put the files back as they were and write a new migration; see: dwh migrate verify',
      },
    )
  }
  const pending = inState('pending')
  const lastApplied = all.findLastIndex(({ state }) => state === 'applied')
  const late = pending.filter((migration) => all.indexOf(migration) < lastApplied)
  if (late.length > 0) {
    throw new DwhError(
      'MIGRATION_ORDER',
      `${list(late)} would come before ${all[lastApplied]?.name}, which is applied`,
      {
        hint: 'give the new migration the next free number',
      },
    )
  }
  return pending
}

/**
 * Every file of the ledger is applied as it stands, and nothing else. What every command asks first is answered without
 * node-pg-migrate, whose loading takes as long as the rest of a short command.
 */
export async function isLedgerCurrent(session: Session): Promise<boolean> {
  const { has_checksums } = await ledgerPresence(session)
  if (!has_checksums) return false
  const applied = await listChecksums(session, ledgerFolder.label)
  const files = readdirSync(ledgerFolder.path)
  return (
    files.length === applied.length &&
    applied.every(({ name, file_sha256 }) => {
      const path = join(ledgerFolder.path, `${name}.sql`)
      return existsSync(path) && fileHash({ name, path }) === file_sha256
    })
  )
}

async function appliedNames(session: Session, folder: MigrationFolder): Promise<string[]> {
  const table = relation(historyTable(folder))
  const { found } = await session.one<{ found: boolean }>(
    `SELECT pg_catalog.to_regclass(${literal(table)}) IS NOT NULL AS found`,
  )
  if (!found) return []
  const rows = await session.rows<{ name: string }>(`SELECT name FROM ${table} ORDER BY id`)
  return rows.map(({ name }) => name)
}
