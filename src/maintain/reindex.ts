import { lastTasks } from '../ledger/tasks.ts'
import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import { climbInSession } from '../postgres/ladder.ts'
import { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { dayOf, isAsRebuilt } from './estimates.ts'
import { findExtension } from './extensions.ts'
import { measureAll } from './measure-all.ts'
import { readTables } from './tables.ts'
import { idle, type Scene, type Task, type Turn } from './task.ts'

interface CaredIndex extends RelationName {
  oid: number
  table_oid: number
  file: number
  is_valid: boolean
  /** What an interrupted REINDEX CONCURRENTLY has left. */
  is_remnant: boolean
  is_exclusion: boolean
  is_btree: boolean
  is_being_built: boolean
  bytes: number
  expected_bytes: number
  is_known: boolean
}

/** What is known of an index since it was built anew: `free` by the same estimate. */
interface Rebuilt {
  free: number | null
}

/**
 * What killed rebuilds have left is dropped, and indexes that are invalid or bloated are built anew beside their users.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on the table of one index after the other; each waits for the transactions that use the table.
 */
export async function planReindex({
  session,
  datasets,
  warehouse,
  tablespace,
  planned,
}: Scene): Promise<Task[]> {
  const rewritten = new Set(planned.map(({ rebuilds }) => rebuilds))
  const tables = (await readTables(session, datasets)).filter(({ is_parent }) => !is_parent)
  const indexes = await readIndexes(
    session,
    tables.map(({ oid }) => oid),
  )
  const pgstattuple = await findExtension(session, 'pgstattuple')
  const large = indexes.filter(
    (index) =>
      index.is_btree &&
      index.is_valid &&
      index.bytes >= warehouse.maintenance.min_size &&
      !rewritten.has(index.table_oid),
  )
  const measured = pgstattuple
    ? await measureIndexes(session, pgstattuple.schema, large)
    : new Map<number, number>()
  const known = await lastTasks<Rebuilt>(session, warehouse.name, 'reindex')
  const tasks: Task[] = []
  for (const index of indexes) {
    const { maintenance } = warehouse
    const { bloat = maintenance.bloat } =
      tables.find(({ oid }) => oid === index.table_oid)?.dataset.maintenance ?? {}
    if (index.is_remnant) tasks.push(dropTask(index))
    else if (!index.is_valid) tasks.push(rebuildTask(index, 'it is invalid', tablespace))
    else if (large.includes(index)) {
      const exact = measured.get(index.oid)
      const share = exact ?? estimate(index)
      const exactly = exact === undefined ? ' by estimate' : ''
      const found = `${Math.round(100 * share)} % of it is free${exactly}`
      const last = known.get(relation(index))
      if (share < bloat) tasks.push(idle('reindex', relation(index), found))
      else if (exact === undefined && last?.after && isAsRebuilt(share, last.after.free))
        tasks.push(
          idle('reindex', relation(index), `${found}, as when it was built anew on ${dayOf(last.at)}`),
        )
      else tasks.push(rebuildTask(index, found, tablespace))
    }
  }
  return tasks
}

async function readIndexes(session: Session, tables: number[]): Promise<CaredIndex[]> {
  return session.rows<CaredIndex>(sql('maintain/indexes'), [tables])
}

function estimate({ is_known, expected_bytes, bytes }: CaredIndex): number {
  return is_known && expected_bytes < bytes ? 1 - expected_bytes / bytes : 0
}

/**
 * The free share of indexes, of which each page is read; those that cannot be read now are left out.
 *
 * @param schema of pgstattuple
 */
async function measureIndexes(
  session: Session,
  schema: string,
  indexes: CaredIndex[],
): Promise<Map<number, number>> {
  const oids = indexes.map(({ oid }) => oid)
  const rows = await measureAll(oids, (some) =>
    session.rows<{ oid: number; density: number; empty: number }>(
      `SELECT c.oid::bigint AS oid, s.avg_leaf_density AS density,
              (s.deleted_pages + s.empty_pages)::float8 / greatest(1, s.leaf_pages + s.deleted_pages + s.empty_pages) AS empty
         FROM pg_class AS c
        CROSS JOIN LATERAL ${ident(schema)}.pgstatindex(c.oid::regclass) AS s
        WHERE c.oid = ANY ($1::bigint[]::oid[])`,
      [some],
    ),
  )
  // Pages of a fresh index are filled to nine tenths.
  const full = (density: number) => (Number.isFinite(density) ? Math.min(1, density / 90) : 0)
  return new Map(rows.map(({ oid, density, empty }) => [oid, 1 - full(density) * (1 - empty)]))
}

function dropTask(index: CaredIndex): Task {
  const subject = relation(index)
  return {
    name: 'reindex',
    subject,
    plan: 'drop it: a rebuild that was killed has left it',
    async run({ session, work }) {
      const now = (await readIndexes(session, [index.table_oid])).find(({ oid }) => oid === index.oid)
      // Since the plan somebody may have made an index of it that is used.
      if (!now?.is_remnant) return { outcome: 'nothing', reason: 'it is gone, or valid by now' }
      if (now.is_being_built) return { outcome: 'skipped', reason: 'somebody builds it' }
      const ladder = { relations: [index] }
      await climbInSession(session, work, ladder, () =>
        session.run(`DROP INDEX CONCURRENTLY IF EXISTS ${subject}`),
      )
      return { outcome: 'done', reason: 'dropped', after: { freed: index.bytes } }
    },
  }
}

function rebuildTask(index: CaredIndex, why: string, tablespace: string | undefined): Task {
  const subject = relation(index)
  if (index.is_exclusion)
    return idle(
      'reindex',
      subject,
      `${why}; of an exclusion constraint it cannot be built beside its users`,
      'skipped',
    )
  const place = tablespace ? `(TABLESPACE ${ident(tablespace)}) ` : ''
  return {
    name: 'reindex',
    subject,
    plan: `REINDEX CONCURRENTLY: ${why}`,
    async run(turn) {
      const [before] = (await readIndexes(turn.session, [index.table_oid])).filter(
        ({ oid }) => oid === index.oid,
      )
      if (before?.file !== index.file) return { outcome: 'nothing', reason: 'it was built anew meanwhile' }
      if (before.is_being_built) return { outcome: 'skipped', reason: 'somebody builds it' }
      try {
        // It waits for transactions that are older than it, and nobody who reads or writes waits behind it.
        await turn.session.run("SET lock_timeout = '5min'")
        await turn.session.run(`REINDEX ${place}INDEX CONCURRENTLY ${subject}`)
      } catch (error) {
        await clearRemnants(turn, index)
        throw error
      }
      const all = await readIndexes(turn.session, [index.table_oid])
      // Rebuilt beside the old one it is another relation of the same name.
      const now = all.find(({ name, schema }) => name === index.name && schema === index.schema)
      const bytes = now?.bytes ?? 0
      return {
        outcome: 'done',
        before: { bytes: before.bytes, why },
        after: { bytes, freed: before.bytes - bytes, free: now ? estimate(now) : null },
      }
    },
  }
}

/** A rebuild that was stopped leaves its half of the work; where it cannot be dropped now the next run does it. */
async function clearRemnants({ session, work }: Turn, index: CaredIndex): Promise<void> {
  const quiet = { emit: work.emit, signal: new AbortController().signal }
  try {
    await using another = await Session.open(session.target, 'dwh maintain', quiet)
    const remnants = (await readIndexes(another, [index.table_oid])).filter(
      ({ is_remnant, is_being_built }) => is_remnant && !is_being_built,
    )
    for (const remnant of remnants)
      await climbInSession(another, quiet, { relations: [remnant], rungs: [200, 400, 800] }, () =>
        another.run(`DROP INDEX CONCURRENTLY IF EXISTS ${relation(remnant)}`),
      )
  } catch {
    work.emit({
      type: 'note',
      message: `what the rebuild of ${relation(index)} has left is dropped by the next run`,
    })
  }
}
