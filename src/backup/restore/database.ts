import { join } from 'node:path'
import { DwhError } from '../../errors.ts'
import { step, type Work } from '../../events.ts'
import { resealLeaves } from '../../partitions/seal.ts'
import { Crew } from '../../postgres/crew.ts'
import { ident, type RelationName, relation } from '../../postgres/identifiers.ts'
import { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import type { ClientTool } from '../client-tools.ts'
import type { BackedUpTable, Manifest } from '../manifest.ts'
import {
  type Compared,
  canCompare,
  compareTable,
  locateTables,
  requireEqual,
  requireObjects,
} from './compare.ts'
import { fillTable, finishedTables, openDone, restoreSchema } from './data.ts'
import { endOccupants, findDatabase, writable } from './server.ts'
import { applySettings, createStatement } from './settings.ts'
import { type Destination, restoreIndexes, restoreRest, restoreStructure } from './structure.ts'

/** What is there of a database that is being restored, from nothing to proved. */
export const buildPhases = ['planned', 'structure', 'data', 'proved'] as const
export type BuildPhase = (typeof buildPhases)[number]

export interface DatabaseOrder {
  /** Of backups. */
  folder: string
  manifest: Manifest
  /** Those that are filled and proved, where the others shall stay empty; all unless given. */
  tables?: BackedUpTable[]
  /** Its name, which is nobody's yet. */
  into: string
  /** pg_restore. */
  tool: ClientTool
  /** Connections that copy rows, build indexes and prove. */
  jobs: number
  tablespace?: string | undefined
  /** Of the connections, such as `dwh restore`. */
  application: string
  /** How far an earlier attempt has come, and the oid of the database that it made. */
  phase: BuildPhase
  oid: number | null
  /** Is told when a phase is done; the next one begins when it returns. */
  reached(phase: BuildPhase, oid: number): Promise<void>
}

/** A database that has been proved to hold what the backup holds. */
export interface RestoredDatabase {
  name: string
  oid: number
  rows: number
  tables: Compared[]
}

/**
 * Makes a database from a backup whose files have been verified, beside all others, and proves it. What an earlier attempt
 * has finished is not done again; whatever is still at work for it is ended first.
 *
 * @param maintenance a session in another database of the server
 * @returns without `tables` where an earlier attempt has proved it already
 * @throws DwhError RESTORE_FAILED, INPUT_BROKEN, PROOF_FAILED, DISK_FULL, SERVER_WENT_AWAY …; no other database was touched
 */
export async function restoreDatabase(
  maintenance: Session,
  work: Work,
  order: DatabaseOrder,
): Promise<RestoredDatabase> {
  const { into, manifest, application, jobs } = order
  const isAt = (phase: BuildPhase) => buildPhases.indexOf(order.phase) >= buildPhases.indexOf(phase)
  if (order.phase !== 'planned') await takeUp(maintenance, order)
  const oid = isAt('structure') ? (order.oid as number) : await createWithStructure(maintenance, work, order)
  const target = writable(maintenance.target, into)
  await using session = await Session.open(target, application, work)
  await using crew = await Crew.hire(session, work, jobs, application)
  if (!isAt('data')) {
    await fill(session, crew, work, order)
    await order.reached('data', oid)
  }
  if (!isAt('proved')) {
    const destination = await destinationOf(maintenance, order, work.signal)
    await step(work, 'indexes and constraints', () => restoreIndexes(destination, order.phase === 'data'))
    await step(work, 'analyze', () => analyze(session, crew, work))
    const tables = await step(
      work,
      'proof',
      () => proveAll(session, crew, work, manifest, order.tables),
      (compared) => `${compared.length} tables equal`,
    )
    await sealAgain(session, work, manifest)
    await session.run(`DROP SCHEMA IF EXISTS ${restoreSchema} CASCADE`)
    await requireObjects(session, work, manifest)
    await applySettings(maintenance, into, manifest.database)
    await order.reached('proved', oid)
    return { name: into, oid, rows: tables.reduce((sum, { rows }) => sum + (rows ?? 0), 0), tables }
  }
  const rows = manifest.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0)
  return { name: into, oid, rows, tables: [] }
}

/** A killed client leaves pg_restore behind it, at work. */
async function takeUp(maintenance: Session, { into, oid }: DatabaseOrder): Promise<void> {
  const found = await findDatabase(maintenance, into)
  if (found?.oid !== oid) {
    throw new DwhError(
      'RESTORE_FAILED',
      `the database ${into} of an earlier attempt is not there any more, or is another one`,
      {
        hint: 'begin anew with --anew',
      },
    )
  }
  await endOccupants(maintenance, into)
}

async function createWithStructure(maintenance: Session, work: Work, order: DatabaseOrder): Promise<number> {
  const { into, manifest, tablespace } = order
  return step(work, 'structure', async () => {
    await clearHalfMade(maintenance, work, order)
    await maintenance.run(createStatement(into, manifest.database, maintenance.serverVersion, tablespace))
    const made = await findDatabase(maintenance, into)
    if (!made) throw new DwhError('RESTORE_FAILED', `the database ${into} was dropped by somebody else`)
    const destination = await destinationOf(maintenance, order, work.signal)
    await using session = await Session.open(destination.target, order.application, work)
    // An empty one of ours is told from somebody's by this.
    await openDone(session)
    await makeSurroundings(session, manifest)
    await restoreStructure(destination)
    await order.reached('structure', made.oid)
    return made.oid
  })
}

/**
 * An attempt that ended before its structure was whole begins anew. Dropped is only what is empty or bears our mark: the
 * name may have been given to something else meanwhile.
 */
async function clearHalfMade(
  maintenance: Session,
  work: Work,
  { into, application }: DatabaseOrder,
): Promise<void> {
  if (!(await findDatabase(maintenance, into))) return
  await endOccupants(maintenance, into)
  {
    await using session = await Session.open({ ...maintenance.target, database: into }, application, work)
    const { is_ours } = await session.one<{ is_ours: boolean }>(sql('restore/is_ours'), [restoreSchema])
    if (!is_ours)
      throw new DwhError(
        'RESTORE_FAILED',
        `there is a database ${into} already, and it is none of this restore; nothing was changed`,
        {
          hint: 'take another name: --into NAME',
        },
      )
  }
  await maintenance.run(`DROP DATABASE ${ident(into)}`)
}

/** What an archive of some schemas or tables takes for granted. */
async function makeSurroundings(session: Session, { scope, tables, needs }: Manifest): Promise<void> {
  if (scope.kind === 'database') return
  for (const { name } of needs.extensions) await session.run(`CREATE EXTENSION IF NOT EXISTS ${ident(name)}`)
  if (scope.kind === 'schemas') return
  for (const schema of new Set(
    tables.flatMap((table) => [table.schema, ...(table.parent ? [table.parent.schema] : [])]),
  ))
    await session.run(`CREATE SCHEMA IF NOT EXISTS ${ident(schema)}`)
}

async function fill(session: Session, crew: Crew, work: Work, order: DatabaseOrder): Promise<void> {
  const { manifest, folder, tables: wanted = manifest.tables } = order
  const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0)
  const members = new Set(
    (await session.rows<{ schema: string; name: string }>(sql('restore/members'))).map(relation),
  )
  const finished = await finishedTables(session)
  let done = 0
  const oneMore = (bytes: number) => {
    done += bytes
    work.emit({ type: 'progress', step: 'data', done, total, unit: 'bytes' })
  }
  await step(
    work,
    'data',
    async () => {
      // The largest first: the last ones to end are small.
      const tables = wanted.toSorted((a, b) => b.bytes - a.bytes)
      await crew.each(tables, async (member, table) => {
        const isMember = members.has(relation(table))
        if (!finished.has(table.oid))
          await fillTable(member, work, { folder, manifest, table, into: table, isMember })
        oneMore(table.bytes)
      })
      const destination = await destinationOf(session, order, work.signal)
      const own = manifest.tables.filter(({ file }) => file.archive === 'main')
      await restoreRest(
        destination,
        own.map(({ file }) => file.name),
      )
    },
    () =>
      finished.size > 0
        ? `${wanted.length} tables, ${finished.size} of them by an earlier attempt`
        : `${wanted.length} tables`,
  )
}

async function destinationOf(
  session: Session,
  order: DatabaseOrder,
  signal: AbortSignal,
): Promise<Destination> {
  const { options } = await session.one<{ options: string }>(sql('restore/tool_options'))
  const target = writable(session.target, order.into)
  return {
    tool: order.tool,
    archive: join(order.folder, order.manifest.backup, 'main'),
    target: { ...target, options: `${target.options} ${options}` },
    jobs: order.jobs,
    signal,
  }
}

async function analyze(session: Session, crew: Crew, work: Work): Promise<void> {
  const relations = await session.rows<RelationName & { is_only: boolean }>(sql('restore/analyzable'))
  let done = 0
  await crew.each(relations, async (member, one) => {
    await member.run(`ANALYZE ${one.is_only ? 'ONLY ' : ''}${relation(one)}`)
    done += 1
    work.emit({ type: 'progress', step: 'analyze', done, total: relations.length, unit: 'tables' })
  })
}

/** After the proof: it changes the ledger. What an earlier attempt has sealed again has no open seal of that name any more. */
async function sealAgain(session: Session, work: Work, { tables }: Manifest): Promise<void> {
  const sealed = tables.filter(({ seal }) => seal !== null)
  if (sealed.length === 0) return
  const here = await locateTables(session, sealed)
  const leaves = sealed.flatMap(({ schema, name, oid, seal }) => {
    const own = here.get(oid)
    return own === undefined || seal === null ? [] : [{ schema, name, seal, oid: own }]
  })
  await step(
    work,
    'seals',
    () => resealLeaves(session, work, leaves),
    (done) => `sealed again: ${done.length}`,
  )
}

/** Each table in a statement of its own: planning a scan locks every index, and thousands of leaves have too many for one. */
async function proveAll(
  session: Session,
  crew: Crew,
  work: Work,
  manifest: Manifest,
  wanted = manifest.tables,
): Promise<Compared[]> {
  const hashes = await canCompare(session, manifest)
  if (!hashes)
    work.emit({
      type: 'warning',
      message: 'hashes of this server cannot be compared with those of the backup: rows are counted only',
    })
  const here = await locateTables(session, manifest.tables)
  const compared: Compared[] = []
  const tables = wanted.toSorted((a, b) => b.bytes - a.bytes)
  await crew.each(tables, async (member, table) => {
    compared.push(await compareTable(member, table, here.get(table.oid), hashes))
    work.emit({
      type: 'progress',
      step: 'proof',
      done: compared.length,
      total: tables.length,
      unit: 'tables',
    })
  })
  requireEqual(compared, manifest.backup)
  return compared
}
