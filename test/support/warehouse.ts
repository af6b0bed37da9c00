import { Folder } from '../warehouse/folder.ts'
import type { TestDatabase } from './database.ts'

/** A warehouse of a user in a temporary folder, with a database behind it: everything `dwh` needs to be run there. */
export interface TestWarehouse extends Disposable {
  cwd: string
  env: Record<string, string>
  /** Writes a file, such as `migrations/0001_facts.sql`, and returns its path. */
  write(name: string, content: string): string
}

/** @param files by their path below the folder; `dwh.yaml` without its name */
export function warehouse(database: TestDatabase, files: Record<string, string> = {}): TestWarehouse {
  const folder = new Folder()
  const write = (name: string, content: string) =>
    folder.write(name, name === 'dwh.yaml' ? `name: testing\n${content}` : content)
  for (const [name, content] of Object.entries({ 'dwh.yaml': '', ...files })) write(name, content)
  const { host, port, user } = database.target
  return {
    cwd: folder.path,
    env: { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database.name },
    write,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}
