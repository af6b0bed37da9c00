import { type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'

interface Attachment {
  oid: number
  is_attached: boolean
  is_pending: boolean
  has_default: boolean
  is_foreign: boolean
}

/** How a leaf hangs on its parent; undefined where there is no table of that name. */
export async function attachmentOf(
  session: Session,
  parent: RelationName,
  leaf: RelationName,
): Promise<Attachment | undefined> {
  return session.row<Attachment>(sql('maintain/attachment'), [relation(parent), relation(leaf)])
}
