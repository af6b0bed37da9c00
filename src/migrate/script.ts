import { ledgerPresence } from '../ledger/migrations.ts'
import { packageVersion } from '../package.ts'
import { comment, literal, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { scriptStatements } from '../postgres/statements.ts'
import type { PlannedMigration } from './apply.ts'
import { type Direction, fileHash, type MigrationFolder, sqlHash } from './files.ts'
import { historyTable } from './history.ts'

/** The exact SQL of some migrations with all bookkeeping, for reading or for psql; reads only. */
export async function migrationScript(
  session: Session,
  planned: PlannedMigration[],
  direction: Direction = 'up',
): Promise<string> {
  if (planned.length === 0) return ''
  const folders = [...new Set(planned.map(({ folder }) => folder))]
  const { has_schema } = await ledgerPresence(session)
  const tables: string[] = []
  for (const folder of folders) {
    const table = relation(historyTable(folder))
    const { found } = await session.one<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
      table,
    ])
    if (!found) {
      tables.push(
        `CREATE TABLE ${table} (id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);`,
      )
    }
  }
  const preamble = [
    ...(has_schema ? [] : ['CREATE SCHEMA dwh;']),
    ...tables,
    'SET search_path TO "public";',
    '',
  ]
  return `${preamble.join('\n')}\n${planned.map((migration) => oneScript(migration, direction)).join('\n')}`
}

function oneScript({ folder, file, produced }: PlannedMigration, direction: Direction): string {
  const statements = [
    ...produced.statements.map(terminated),
    ...bookkeeping(folder, { folder, file, produced }, direction),
  ]
  const header = comment(`${folder.label}/${file.name}`)
  return produced.transactional
    ? `${header}\nBEGIN;\n${statements.join('\n')}\nCOMMIT;\n`
    : `${header}: runs without a transaction\n${statements.join('\n')}\n`
}

/** The semicolon that node-pg-migrate adds may have gone into a comment at the end. */
function terminated(text: string): string {
  const isOpen = scriptStatements(text).at(-1)?.terminated === false
  return isOpen ? `${text.trim()}\n;` : text.trim()
}

function bookkeeping(
  folder: MigrationFolder,
  { file, produced }: PlannedMigration,
  direction: Direction,
): string[] {
  const table = relation(historyTable(folder))
  const name = literal(file.name)
  const label = literal(folder.label)
  if (direction === 'down') {
    return [
      `DELETE FROM ${table} WHERE name = ${name};`,
      `DELETE FROM dwh.migration_checksums WHERE folder = ${label} AND name = ${name};`,
    ]
  }
  const hashes = [fileHash(file), sqlHash(produced), packageVersion].map(literal).join(', ')
  return [
    `INSERT INTO ${table} (name, run_on) VALUES (${name}, now());`,
    `INSERT INTO dwh.migration_checksums (folder, name, file_sha256, sql_sha256, version, milliseconds) ` +
      `VALUES (${label}, ${name}, ${hashes}, 0);`,
  ]
}
