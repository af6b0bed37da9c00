import { DwhError } from '../errors.ts'
import { type RelationName, relation, shown } from './identifiers.ts'
import type { Session } from './session.ts'
import { sql } from './sql-files.ts'

/** The oid of what bears a name; undefined where nothing does. */
export async function findOid(session: Session, name: RelationName): Promise<number | undefined> {
  const { oid } = await session.one<{ oid: number | null }>(sql('postgres/find_oid'), [relation(name)])
  return oid ?? undefined
}

/** @throws DwhError TARGET_UNFIT where nothing bears the name */
export async function oidOf(session: Session, name: RelationName): Promise<number> {
  const oid = await findOid(session, name)
  if (oid === undefined) throw new DwhError('TARGET_UNFIT', `there is no table ${shown(name)} any more`)
  return oid
}
