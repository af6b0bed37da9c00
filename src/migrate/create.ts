import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import { listFiles, type MigrationFolder } from './files.ts'

const templates = {
  sql: `-- What this migration is for.

-- Up Migration


-- Down Migration

`,
  ts: `import { factTable } from 'dwh'
import type { MigrationBuilder } from 'node-pg-migrate'

/** What this migration is for. */
export function up(pgm: MigrationBuilder): void {
  factTable(pgm, {
    table: 'public.my_facts',
    columns: {
      fact_id: { type: 'bigint', notNull: true },
      date_key: { type: 'integer', notNull: true },
      amount: 'numeric(15,2)',
    },
    key: ['fact_id'],
    partitionBy: 'date_key',
    indexes: ['date_key'],
  })
}

export function down(pgm: MigrationBuilder): void {
  pgm.dropTable({ schema: 'public', name: 'my_facts' })
}
`,
}

/**
 * Writes an empty migration with the next free number.
 *
 * @returns the path of the new file
 */
export async function createMigration(
  folder: MigrationFolder,
  name: string,
  language: 'sql' | 'ts',
): Promise<string> {
  const slug = name
    .normalize('NFD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  if (slug === '') throw new DwhError('USAGE', `${JSON.stringify(name)} leaves no name for a file`)
  const numbers = (await listFiles(folder)).map((file) => Number.parseInt(file.name, 10))
  const number = String(Math.max(0, ...numbers) + 1).padStart(4, '0')
  const path = join(folder.path, `${number}_${slug}.${language}`)
  await mkdir(folder.path, { recursive: true })
  await writeFile(path, templates[language], { flag: 'wx' })
  return path
}
