import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import type { Target } from '../../src/postgres/target.ts'

/** A folder with a dwh.yaml, deleted when the block is left. */
export interface TestWarehouse extends Disposable {
  folder: string
  /** For the CLI: works in the folder, on the database of a target. */
  at(target: Target): { cwd: string; env: Record<string, string> }
}

/**
 * @param file what dwh.yaml says, but for the name
 * @param files other files, by their path in the folder
 */
export function testWarehouse(file: object, files: Record<string, string> = {}): TestWarehouse {
  const folder = mkdtempSync(join(tmpdir(), 'warehouse-'))
  const all = { 'dwh.yaml': stringify({ name: 'test', ...file }), ...files }
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return {
    folder,
    at: (target) => ({ cwd: folder, env: targetEnvironment(target) }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The variables that lead a command to a database. */
export function targetEnvironment({ host, port, user, database }: Target): Record<string, string> {
  return { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database }
}
