import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { DirectType } from '../file/reader.ts'

/** A column of what a source selects. */
export interface SourceColumn {
  name: string
  type: DirectType
}

/** What `Session.describe` says, with the names of the types. */
export async function readTypes(
  session: Session,
  fields: Awaited<ReturnType<Session['describe']>>,
): Promise<SourceColumn[]> {
  const types = await session.rows<DirectType>(sql('sources/types'), [
    fields.map(({ type }) => type),
    fields.map(({ modifier }) => modifier),
  ])
  return fields.map(({ name }, index) => ({ name, type: types[index] as DirectType }))
}
