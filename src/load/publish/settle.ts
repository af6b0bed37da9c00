import { forValues } from '../../partitions/bounds.ts'
import { readFurniture } from '../../partitions/create.ts'
import { createLeafStatements, leafIndexName } from '../../partitions/leaf-sql.ts'
import { boundName, ident, type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { Policy } from '../../warehouse/schema.ts'
import type { LoadTarget } from '../target.ts'
import type { Conclusion } from './conclusion.ts'
import { type Destination, nameOf } from './destinations.ts'
import { keepLeaf, renameStatistics } from './former-leaf.ts'
import { type MergeColumns, type Merged, merge } from './merge.ts'
import type { ReadyLeaf } from './ready-leaf.ts'

/** A leaf of the landing whose rows are in the target, in this table. */
export interface Settled {
  destination: Destination
  table: RelationName
}

/**
 * Brings the rows of one leaf of a landing into the target.
 *
 * @param kept by its oid, the name under which a leaf stays that another takes the place of
 */
export async function settle(
  session: Session,
  { target, onDuplicate, territory }: Pick<Conclusion, 'target' | 'onDuplicate' | 'territory'>,
  { leaf, table, twin, how }: Destination,
  columns: MergeColumns,
  kept: Map<number, RelationName>,
): Promise<Merged & { table: RelationName }> {
  const parent = target.dataset.target
  if (how === 'merge') {
    const into = twin ?? (target.leaves ? await makeLeaf(session, target, leaf) : parent)
    const merged = await merge(
      session,
      target,
      columns,
      leaf,
      leaf.rows,
      target.isAligned ? into : parent,
      onDuplicate,
      territory?.spared,
    )
    return { ...merged, table: into }
  }
  const policy = target.dataset.partition as Policy
  const name = twin ?? nameOf(target, leaf)
  const indexNames = new Map<string, string>()
  if (twin) {
    const rows = await session.rows<{ of: string; name: string }>(sql('load/leaf_indexes'), [twin.oid])
    for (const index of rows) indexNames.set(index.of, index.name)
    await session.run(`ALTER TABLE ${relation(parent)} DETACH PARTITION ${relation(twin)}`)
    const former = kept.get(twin.oid)
    if (former) await keepLeaf(session, twin, former, indexNames, parent)
    else await session.run(`DROP TABLE ${relation(twin)}`)
  }
  await session.run(`ALTER TABLE ${relation(table)} RENAME TO ${ident(name.name)}`)
  const here = { schema: table.schema, name: name.name }
  if (name.schema !== table.schema)
    await session.run(`ALTER TABLE ${relation(here)} SET SCHEMA ${ident(name.schema)}`)
  const there = { schema: name.schema, name: name.name }
  for (const index of table.indexes) {
    const final = indexNames.get(index.of) ?? leafIndexName(there, { name: index.of }, parent)
    await session.run(
      `ALTER INDEX ${relation({ schema: there.schema, name: index.name })} RENAME TO ${ident(final)}`,
    )
  }
  await renameStatistics(session, there, table.name)
  await session.run(
    `ALTER TABLE ${relation(parent)} ATTACH PARTITION ${relation(there)} ${forValues(policy, table.range as NonNullable<typeof table.range>)}`,
  )
  await session.run(`ALTER TABLE ${relation(there)} DROP CONSTRAINT ${ident(boundName(table.name))}`)
  const merged = leaf.rebuilt?.merged ?? { inserted: leaf.rows, updated: 0, unchanged: 0, moved: 0 }
  return { ...merged, table: there }
}

/** A leaf of the target for rows that come by INSERT. */
async function makeLeaf(session: Session, target: LoadTarget, leaf: ReadyLeaf): Promise<RelationName> {
  const { dataset, oid } = target
  const named = { ...nameOf(target, leaf), range: leaf.range }
  const furniture = await readFurniture(session, oid, dataset)
  for (const statement of createLeafStatements(dataset.target, dataset.partition as Policy, named, furniture))
    await session.run(statement)
  return named
}
