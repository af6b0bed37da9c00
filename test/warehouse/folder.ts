import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { vi } from 'vitest'

/** A temporary folder with some files in it, removed when the block is left. */
export class Folder implements Disposable {
  readonly path: string

  constructor(files: Record<string, string | Uint8Array> = {}) {
    this.path = realpathSync(mkdtempSync(join(tmpdir(), 'dwh-test-')))
    for (const [name, content] of Object.entries(files)) this.write(name, content)
  }

  /** @param mode only its owner may read it, as PostgreSQL asks of files with passwords */
  write(name: string, content: string | Uint8Array, mode = 0o600): string {
    const path = join(this.path, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content, { mode })
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

/** Takes away every variable that names a database, and gives an empty home; undone by `vi.unstubAllEnvs`. */
export function forgetEnvironment(home: Folder): void {
  for (const name of Object.keys(process.env)) {
    if (/^(PG|DWH_|SOURCE_DB_|DATABASE_URL$|DBT_PASSWORD$)/.test(name)) vi.stubEnv(name, undefined)
  }
  vi.stubEnv('HOME', home.path)
  vi.stubEnv('PGSYSCONFDIR', home.path)
}
