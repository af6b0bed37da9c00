import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../package.ts'

/** A statement and, where it stands in a file, that file: errors then name file, line and column. */
export interface Statement {
  text: string
  file?: string
  /** Where in the text that begins which was sent to the server; 0 unless said otherwise. */
  offset?: number
}

const loaded = new Map<string, Statement>()

/**
 * The statement of `sql/dwh/<name>.sql`, read once.
 *
 * @param name `<domain>/<verb>`, such as `ledger/start_run`
 */
export function sql(name: string): Statement {
  let statement = loaded.get(name)
  if (!statement) {
    const file = join('sql', 'dwh', `${name}.sql`)
    statement = { text: readFileSync(join(packageRoot, file), 'utf8'), file }
    loaded.set(name, statement)
  }
  return statement
}
