import { leafIndexName } from '../../partitions/leaf-sql.ts'
import type { Leaf } from '../../partitions/tree.ts'
import { fitName, ident, type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'

/** A leaf that was detached gets another name, and so does all of it that would be in the way of the one in its place. */
export async function keepLeaf(
  session: Session,
  leaf: Leaf,
  as: RelationName,
  indexNames: Map<string, string>,
  parent: RelationName,
): Promise<void> {
  await session.run(`ALTER TABLE ${relation(leaf)} RENAME TO ${ident(as.name)}`)
  if (leaf.schema !== as.schema)
    await session.run(
      `ALTER TABLE ${relation({ ...as, schema: leaf.schema })} SET SCHEMA ${ident(as.schema)}`,
    )
  for (const [of, name] of indexNames) {
    const index = relation({ schema: as.schema, name })
    await session.run(`ALTER INDEX ${index} RENAME TO ${ident(leafIndexName(as, { name: of }, parent))}`)
  }
  await renameStatistics(session, as, leaf.name)
  // It is there for itself: nobody shall be kept from deleting what its rows refer to.
  const keys = await session.rows<{ name: string }>(sql('load/own_foreign_keys'), [leaf.oid])
  for (const { name } of keys) await session.run(`ALTER TABLE ${relation(as)} DROP CONSTRAINT ${ident(name)}`)
}

/** They were named after the table when it was made, as LIKE does it. */
export async function renameStatistics(session: Session, leaf: RelationName, before: string): Promise<void> {
  const statistics = await session.rows<RelationName>(sql('load/leaf_statistics'), [relation(leaf)])
  for (const { schema, name } of statistics) {
    const final = fitName(leaf.name, name.startsWith(before) ? name.slice(before.length) : `_${name}`)
    const taken = await session.row(sql('load/find_statistics'), [final, schema])
    if (!taken) await session.run(`ALTER STATISTICS ${relation({ schema, name })} RENAME TO ${ident(final)}`)
  }
}
