import { ident } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** A column as the proof sees it. */
export interface ProofColumn {
  name: string
  /** The type's hash tells any two values apart; otherwise the value is hashed as text. */
  identity_hash: boolean
}

/** The columns of a table that take part in its proof, in attribute-name order. */
export async function proofColumns(session: Session, oid: number): Promise<ProofColumn[]> {
  return session.rows<ProofColumn>(sql('proof/columns'), [oid])
}

/** The row as the proof hashes it: `ROW("a", "b"::text)`. */
export function proofRow(columns: ProofColumn[]): string {
  const values = columns.map(
    ({ name, identity_hash }) => `${ident(name)}${identity_hash ? '' : '::text COLLATE "C"'}`,
  )
  return `ROW(${values.join(', ')})`
}
