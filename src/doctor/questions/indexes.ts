import { fitName, ident, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { bySql, named, no, unknown, warning, yes } from '../answer.ts'
import type { Question } from '../question.ts'

interface IndexRow extends RelationName {
  table_name: string
  is_parent: boolean
}

interface InvalidIndex extends IndexRow {
  oid: number
  constraint_type: 'p' | 'u' | null
  is_remnant: boolean
}

interface LeafOfIndex extends RelationName {
  index_name: string | null
  is_unique: boolean
  tail: string
}

/** `name on table` */
const placed = (index: IndexRow) => `${shown(index)} on ${index.table_name}`

/** PostgreSQL drops the indexes of a parent in no other way than with a lock. */
const drop = (index: IndexRow) => `DROP INDEX ${index.is_parent ? '' : 'CONCURRENTLY '}${relation(index)}`

export const invalidIndexes: Question = {
  id: 'invalid_indexes',
  ask: 'Is every index valid?',
  async answer({ session }) {
    const invalid = await session.rows<InvalidIndex>(sql('doctor/invalid_indexes'))
    if (invalid.length === 0) return yes()
    const statements: string[] = []
    for (const index of invalid) {
      if (index.is_remnant) statements.push(drop(index))
      else if (index.is_parent) statements.push(...(await completeParent(session, index)))
      else statements.push(`REINDEX INDEX CONCURRENTLY ${relation(index)}`)
    }
    return no(named(invalid.map(placed)), bySql(...statements))
  },
}

/**
 * Builds the index on each leaf that has none, without keeping writers out, and hangs it below the parent's. Where every
 * leaf has its own, attaching one again makes PostgreSQL look whether all are valid by now.
 */
async function completeParent(session: Session, parent: InvalidIndex): Promise<string[]> {
  const leaves = await session.rows<LeafOfIndex>(sql('doctor/leaves_of_index'), [parent.oid])
  const attach = (schema: string, name: string) =>
    `ALTER INDEX ${relation(parent)} ATTACH PARTITION ${relation({ schema, name })}`
  const bare = leaves.filter(({ index_name }) => index_name === null)
  const [first] = leaves
  if (bare.length === 0) return first?.index_name ? [attach(first.schema, first.index_name)] : []
  return bare.flatMap((leaf) => {
    const name = fitName(`${leaf.name}_${parent.name}`)
    const unique = leaf.is_unique ? 'UNIQUE ' : ''
    const constraint = parent.constraint_type === 'p' ? 'PRIMARY KEY' : 'UNIQUE'
    const adopt = `ALTER TABLE ${relation(leaf)} ADD CONSTRAINT ${ident(name)} ${constraint} USING INDEX ${ident(name)}`
    return [
      `CREATE ${unique}INDEX CONCURRENTLY ${ident(name)} ON ${relation(leaf)} USING ${leaf.tail}`,
      ...(parent.constraint_type ? [adopt] : []),
      attach(leaf.schema, name),
    ]
  })
}

export const redundantIndexes: Question = {
  id: 'duplicate_indexes',
  ask: 'Is no index made superfluous by another?',
  async answer({ session }) {
    const redundant = await session.rows<IndexRow & { covered_by: string; is_same: boolean }>(
      sql('doctor/redundant_indexes'),
    )
    if (redundant.length === 0) return yes('none is')
    const each = redundant.map(
      (index) =>
        `${placed(index)} ${index.is_same ? 'is the same as' : 'is the beginning of'} ${index.covered_by}`,
    )
    const mend = bySql(...redundant.map(drop))
    return redundant.some(({ is_same }) => is_same) ? no(named(each), mend) : warning(named(each), mend)
  },
}

export const unusedIndexes: Question = {
  id: 'unused_indexes',
  ask: 'Is every index used?',
  async answer({ session, limits }) {
    const { days } = await session.one<{ days: number }>(sql('doctor/statistics_days'))
    if (days < limits.unusedDays) {
      return unknown(
        `statistics are gathered for ${Math.floor(days)} days, of ${limits.unusedDays} that it takes to know`,
      )
    }
    const unused = await session.rows<IndexRow & { bytes: number }>(sql('doctor/unused_indexes'), [
      limits.unusedBytes,
    ])
    if (unused.length === 0) return yes()
    const each = unused.map((index) => `${placed(index)}, ${(index.bytes / 1024 ** 2).toFixed(0)} MB`)
    return warning(
      `${named(each)}, in ${Math.floor(days)} days on this server; a standby counts its own`,
      bySql(...unused.map(drop)),
    )
  },
}
