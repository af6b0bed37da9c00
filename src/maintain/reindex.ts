import { ident, type RelationName, relation } from '../postgres/identifiers.ts'
import { climbInSession } from '../postgres/ladder.ts'
import { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { findExtension } from './extensions.ts'
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

/**
 * What killed rebuilds have left is dropped, and indexes that are invalid or bloated are built anew beside their users.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on the table of one index after the other; each waits for the transactions that use the table.
 */
export async function planReindex({ session, datasets, warehouse, tablespace }: Scene): Promise<Task[]> {
  const tables = (await readTables(session, datasets)).filter(({ is_parent }) => !is_parent)
  const indexes = await readIndexes(
    session,
    tables.map(({ oid }) => oid),
  )
  const pgstattuple = await findExtension(session, 'pgstattuple')
  const tasks: Task[] = []
  for (const index of indexes) {
    const { maintenance } = warehouse
    const { bloat = maintenance.bloat } =
      tables.find(({ oid }) => oid === index.table_oid)?.dataset.maintenance ?? {}
    if (index.is_remnant) tasks.push(dropTask(index))
    else if (!index.is_valid) tasks.push(rebuildTask(index, 'it is invalid', tablespace))
    else if (index.is_btree && index.bytes >= maintenance.min_size) {
      const share = await freeShare(session, index, pgstattuple?.schema)
      const exactly = pgstattuple ? '' : ' by estimate'
      const found = `${Math.round(100 * share)} % of it is free${exactly}`
      if (share >= bloat) tasks.push(rebuildTask(index, found, tablespace))
      else tasks.push(idle('reindex', relation(index), found))
    }
  }
  return tasks
}

async function readIndexes(session: Session, tables: number[]): Promise<CaredIndex[]> {
  return session.rows<CaredIndex>(sql('maintain/indexes'), [tables])
}

/** Measured where the extension is there, which reads the whole index. */
async function freeShare(session: Session, index: CaredIndex, schema: string | undefined): Promise<number> {
  if (schema === undefined) {
    const isTold = index.is_known && index.expected_bytes < index.bytes
    return isTold ? 1 - index.expected_bytes / index.bytes : 0
  }
  // Pages of a fresh index are filled to nine tenths.
  const { density, empty } = await session.one<{ density: number; empty: number }>(
    `SELECT avg_leaf_density AS density, (deleted_pages + empty_pages)::float8 / greatest(1, leaf_pages + deleted_pages + empty_pages) AS empty
       FROM ${ident(schema)}.pgstatindex($1::bigint::oid::regclass)`,
    [index.oid],
  )
  const full = Number.isFinite(density) ? Math.min(1, density / 90) : 0
  return 1 - full * (1 - empty)
}

function dropTask(index: CaredIndex): Task {
  const subject = relation(index)
  return {
    name: 'reindex',
    subject,
    plan: 'drop it: a rebuild that was killed has left it',
    async run({ session, work }) {
      if (await isOfAnother(session, index)) return { outcome: 'skipped', reason: 'somebody builds it' }
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
      const bytes = all.find(({ name, schema }) => name === index.name && schema === index.schema)?.bytes ?? 0
      return {
        outcome: 'done',
        before: { bytes: before.bytes, why },
        after: { bytes, freed: before.bytes - bytes },
      }
    },
  }
}

async function isOfAnother(session: Session, index: CaredIndex): Promise<boolean> {
  const all = await readIndexes(session, [index.table_oid])
  return all.some(({ oid, is_being_built }) => oid === index.oid && is_being_built)
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
