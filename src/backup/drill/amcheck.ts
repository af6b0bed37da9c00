import type { Work } from '../../events.ts'
import { Crew } from '../../postgres/crew.ts'
import { ident } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'

export interface Checked {
  tables: number
  indexes: number
  /** In words. */
  problems: string[]
}

/**
 * Checks the pages of every table and the order of every btree index with amcheck; makes the extension.
 *
 * @returns null where it cannot be had
 */
export async function checkPages(session: Session, work: Work, jobs: number): Promise<Checked | null> {
  const schema = await makeAmcheck(session)
  if (schema === null) return null
  const relations = await session.rows<{ oid: number; name: string; kind: string }>(sql('backup/checkable'))
  const checked: Checked = { tables: 0, indexes: 0, problems: [] }
  await using crew = await Crew.hire(session, work, jobs, 'dwh backup drill')
  let done = 0
  await crew.each(relations, async (member, { oid, name, kind }) => {
    const problems =
      kind === 'i' ? await checkIndex(member, schema, oid) : await checkTable(member, schema, oid)
    checked.problems.push(...problems.map((problem) => `${name}: ${problem}`))
    if (kind === 'i') checked.indexes += 1
    else checked.tables += 1
    done += 1
    work.emit({ type: 'progress', step: 'pages', done, total: relations.length, unit: 'tables' })
  })
  return checked
}

/** Its schema. */
async function makeAmcheck(session: Session): Promise<string | null> {
  await session.run('CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public').catch(() => {})
  const row = await session.row<{ schema: string }>(
    "SELECT n.nspname::text AS schema FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'",
  )
  return row?.schema ?? null
}

async function checkTable(session: Session, schema: string, oid: number): Promise<string[]> {
  const rows = await session.rows<{ msg: string }>(
    `SELECT msg FROM ${ident(schema)}.verify_heapam($1::bigint::oid::regclass) LIMIT 5`,
    [oid],
  )
  return rows.map(({ msg }) => msg)
}

async function checkIndex(session: Session, schema: string, oid: number): Promise<string[]> {
  try {
    // That every row is in the index, too.
    await session.rows(`SELECT ${ident(schema)}.bt_index_check($1::bigint::oid::regclass, true)`, [oid])
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}
