import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MigrationFolder } from '../../src/migrate/files.ts'
import { ledgerFolder } from '../../src/migrate/history.ts'

/** A folder of migrations, deleted when the block is left. */
export interface TestMigrations extends Disposable {
  folder: MigrationFolder
  /** The ledger's and this one, as `dwh migrate up` has them. */
  folders: MigrationFolder[]
  /** Adds files or writes them anew. */
  write(files: Record<string, string | Buffer>): void
}

export function migrations(files: Record<string, string | Buffer>): TestMigrations {
  const path = mkdtempSync(join(tmpdir(), 'migrations-'))
  const folder = { label: 'test', path }
  const write = (more: Record<string, string | Buffer>) => {
    for (const [name, content] of Object.entries(more)) writeFileSync(join(path, name), content)
  }
  write(files)
  return {
    folder,
    folders: [ledgerFolder, folder],
    write,
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  }
}
