import { lastTasks } from '../ledger/tasks.ts'
import { relation, shown } from '../postgres/identifiers.ts'
import { bytesOf, type CaredTable, readTable, readTables, requireMaintainable } from './tables.ts'
import { idle, type Scene, type Task } from './task.ts'

/** ANALYZE of a partitioned table reads its leaves too, unless it is told to leave them out, which PostgreSQL 18 can. */
const analyzeOnly = 180_000

/**
 * VACUUM and ANALYZE of tables and leaves in which something has changed, the largest first, and ANALYZE of partitioned tables,
 * which autovacuum never does. VACUUM waits for nobody who reads or writes; for another VACUUM, or DDL, of the same table it does.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on each table; ACCESS EXCLUSIVE for a moment where free space at its end can be given back and
 * nobody is in the way.
 */
export async function planVacuum({ session, warehouse, datasets }: Scene): Promise<Task[]> {
  const tables = await readTables(session, datasets)
  const known = await lastTasks<State>(session, warehouse.name, 'vacuum')
  const onlyParents = session.serverVersion >= analyzeOnly
  const stale = new Set(
    tables.flatMap((table) =>
      table.is_parent && !isSame(stateOf(table, tables), known.get(relation(table))?.after) ? table.oid : [],
    ),
  )
  const plain = tables.filter((table) => !table.is_parent).toSorted((a, b) => bytesOf(b) - bytesOf(a))
  const isAnalyzedByParent = ({ parent }: CaredTable) => !onlyParents && parent !== null && stale.has(parent)
  const absent = datasets.filter((dataset) => !tables.some((table) => table.dataset === dataset))
  return [
    ...absent.map(({ name, target }) =>
      idle('vacuum', name, `${shown(target)} is no table, or is not there yet`, 'skipped'),
    ),
    ...plain.map((table) => vacuumTask(table, !isAnalyzedByParent(table))),
    ...tables
      .filter((table) => table.is_parent)
      .map((table) => analyzeTask(table, stale.has(table.oid), onlyParents)),
  ]
}

/** What has changed since, by the statistics of the server, which a crash empties: then nothing is known, and all is done. */
function isUntouched(table: CaredTable): boolean {
  const { vacuumed_at, analyzed_at, dead_rows, modified, inserted } = table
  return vacuumed_at !== null && analyzed_at !== null && dead_rows + modified + inserted === 0
}

/** By which the leaves of a parent are known to be those that were analyzed. The server does not keep that for a parent. */
interface State {
  leaves: number[]
  writes: number
}

function stateOf(parent: CaredTable, tables: CaredTable[]): State {
  const leaves = leavesBelow(parent, tables)
  return {
    leaves: leaves.map(({ oid }) => oid).toSorted((a, b) => a - b),
    writes: leaves.reduce((sum, { writes }) => sum + writes, 0),
  }
}

function leavesBelow(parent: CaredTable, tables: CaredTable[]): CaredTable[] {
  const children = tables.filter((table) => table.parent === parent.oid)
  return children.flatMap((child) => (child.is_parent ? leavesBelow(child, tables) : child))
}

function isSame(now: State, before: State | null | undefined): boolean {
  return before?.writes === now.writes && before.leaves.join() === now.leaves.join()
}

function vacuumTask(table: CaredTable, analyze: boolean): Task {
  const subject = relation(table)
  if (table.heap_bytes === 0) return idle('vacuum', subject, 'it is empty')
  if (isUntouched(table))
    return idle('vacuum', subject, 'nothing has changed since it was vacuumed and analyzed')
  const statement = `VACUUM${analyze ? ' (ANALYZE)' : ''} ${subject}`
  return {
    name: 'vacuum',
    subject,
    plan: analyze ? 'VACUUM (ANALYZE)' : 'VACUUM, analyzed with its parent',
    parallel: true,
    async run({ session }) {
      requireMaintainable(await readTable(session, table))
      await session.run(statement)
      const now = await readTable(session, table)
      requireMaintainable(now)
      const before = { bytes: bytesOf(table), dead_rows: table.dead_rows }
      return {
        outcome: 'done',
        before,
        after: now && { bytes: bytesOf(now), freed: bytesOf(table) - bytesOf(now), rows: now.row_count },
      }
    },
  }
}

function analyzeTask(table: CaredTable, stale: boolean, only: boolean): Task {
  const subject = relation(table)
  if (!stale) return idle('vacuum', subject, 'none of its leaves has changed since it was analyzed')
  return {
    name: 'vacuum',
    subject,
    plan: only ? 'ANALYZE of the parent alone' : 'ANALYZE of the parent with its leaves',
    async run({ session }) {
      // What is written meanwhile may be in its sample or not: it shall count as written afterwards.
      const tables = await readTables(session, [table.dataset])
      requireMaintainable(tables.find(({ oid }) => oid === table.oid))
      const after = stateOf(table, tables)
      await session.run(`ANALYZE ${only ? 'ONLY ' : ''}${subject}`)
      return { outcome: 'done', after }
    },
  }
}
