import { DwhError } from '../errors.ts'
import { ident } from './identifiers.ts'
import type { Session } from './session.ts'
import { sql } from './sql-files.ts'

/** @throws DwhError USAGE when there is no such tablespace, PRIVILEGE_MISSING when we may not create in it */
export async function requireTablespace(session: Session, name: string): Promise<void> {
  const { is_there, may_create } = await session.one<{ is_there: boolean; may_create: boolean }>(
    sql('postgres/tablespace'),
    [name],
  )
  if (!is_there) {
    throw new DwhError('USAGE', `there is no tablespace ${JSON.stringify(name)}; nothing was changed`, {
      hint: 'create it first: CREATE TABLESPACE … LOCATION …',
    })
  }
  if (!may_create) {
    throw new DwhError(
      'PRIVILEGE_MISSING',
      `nothing may be created in tablespace ${name}; nothing was changed`,
      {
        hint: `GRANT CREATE ON TABLESPACE ${ident(name)} to the role of dwh`,
      },
    )
  }
}
