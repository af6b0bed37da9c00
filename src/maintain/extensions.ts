import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

export interface Extension {
  name: 'pgstattuple' | 'pg_repack'
  version: string
  schema: string
}

/** An extension that upkeep can use, where it is in the database. */
export async function findExtension(
  session: Session,
  name: Extension['name'],
): Promise<Extension | undefined> {
  return (await session.rows<Extension>(sql('maintain/extensions'))).find((one) => one.name === name)
}
