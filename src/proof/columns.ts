import { ident } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** A column as the proof sees it. */
export interface ProofColumn {
  name: string
  /** What of it is hashed: `value`, `text`, or what a send function such as `int8send` makes of it. */
  hashed: string
}

/** The columns of a table that take part in its proof, in attribute-name order. */
export async function proofColumns(session: Session, oid: number): Promise<ProofColumn[]> {
  return session.rows<ProofColumn>(sql('proof/columns'), [oid])
}

/** The row as the proof hashes it: `ROW("a", int8send("b"), "c"::text COLLATE "C")`. */
export function proofRow(columns: ProofColumn[]): string {
  return `ROW(${columns.map(hashedValue).join(', ')})`
}

function hashedValue({ name, hashed }: ProofColumn): string {
  if (hashed === 'value') return ident(name)
  return hashed === 'text' ? `${ident(name)}::text COLLATE "C"` : `${hashed}(${ident(name)})`
}
