import { statfs } from 'node:fs/promises'
import type { ErrorCode } from '../errors.ts'
import { type RelationName, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** What the server says of itself before work begins. */
export interface ServerFacts {
  now: Date
  in_recovery: boolean
  read_only: boolean
  connections_left: number
  max_connections: number
  data_directory: string | null
  /** The server runs on this machine, so that its disk can be looked at. */
  local: boolean
  autovacuum: boolean
  /** Age in seconds of the oldest transaction of others. */
  oldest_transaction: number | null
  /** Sessions that wait for a lock. */
  waiting: number
  oldest_xid: number
}

/** A look at one thing that a backfill needs; `no` keeps it from beginning. */
export interface Check {
  what: 'server' | 'tables' | 'leaves' | 'rows' | 'sources' | 'connections' | 'disk' | 'health'
  state: 'yes' | 'warning' | 'no' | 'unknown'
  finding: string
  hint?: string
  /** Of the error that it ends with, where it is no finding of ours. */
  code?: ErrorCode
}

/** Of the connections that a process holds whatever it does: the run, its lease, its ledger, its control. */
const ownConnections = 4
const perHand = 3

export async function serverFacts(session: Session): Promise<ServerFacts> {
  return session.one<ServerFacts>(sql('backfill/server'))
}

/** Those of some tables that are not there. */
export async function missingTables(session: Session, tables: RelationName[]): Promise<RelationName[]> {
  return session.rows<RelationName>(sql('backfill/missing_tables'), [
    tables.map(({ schema }) => schema),
    tables.map(({ name }) => name),
  ])
}

/**
 * Looks at the server before a plan is carried out; nothing is changed.
 *
 * @param missing tables of the plan that are not there
 * @param rows what is known of those that get no leaf, or come twice
 * @param sources what asking them has shown
 * @param bytes of disk that it will take, where that is known
 */
export async function preflight(
  facts: ServerFacts,
  missing: RelationName[],
  rows: Check[],
  sources: Check[],
  parallel: number,
  bytes: number | undefined,
  spoolFolder: string,
): Promise<Check[]> {
  return [
    server(facts),
    tables(missing),
    ...rows,
    ...sources,
    connections(facts, parallel),
    await disk(facts, bytes, spoolFolder),
    ...health(facts),
  ].filter((check) => check !== undefined)
}

function server({ in_recovery, read_only }: ServerFacts): Check | undefined {
  const finding = in_recovery ? 'the server is a standby' : read_only ? 'the server is read-only' : undefined
  return finding ? { what: 'server', state: 'no', finding, hint: 'connect to the primary' } : undefined
}

/** A window without rows would be done in a table that is not there. */
function tables(missing: RelationName[]): Check | undefined {
  if (missing.length === 0) return undefined
  const finding = `${[...new Set(missing.map(shown))].join(', ')} ${missing.length === 1 ? 'is' : 'are'} not there`
  return { what: 'tables', state: 'no', finding, hint: 'create what the warehouse file describes: dwh setup' }
}

function connections({ connections_left: left, max_connections }: ServerFacts, parallel: number): Check {
  const needed = ownConnections + perHand * parallel
  const finding = `${needed} of ${left} that are free (max_connections ${max_connections})`
  if (needed <= left) return { what: 'connections', state: 'yes', finding }
  const most = Math.floor((left - ownConnections) / perHand)
  return {
    what: 'connections',
    state: 'no',
    finding,
    hint: most > 0 ? `take fewer at the same time: --parallel ${most}` : 'raise max_connections, or end some',
  }
}

/** Rows, their WAL, and the table that they arrive in: twice what they take in the end. */
async function disk(
  { local, data_directory }: ServerFacts,
  bytes: number | undefined,
  spoolFolder: string,
): Promise<Check> {
  const free = local && data_directory !== null ? await freeOn(data_directory) : undefined
  const spool = await freeOn(spoolFolder)
  const spooled = spool === undefined ? '' : `, ${gigabytes(spool)} in ${spoolFolder} for what is fetched`
  if (free === undefined)
    return { what: 'disk', state: 'unknown', finding: `that of the server cannot be seen${spooled}` }
  if (bytes === undefined)
    return { what: 'disk', state: 'unknown', finding: `${gigabytes(free)} free, need unknown${spooled}` }
  const finding = `about ${gigabytes(2 * bytes)} of ${gigabytes(free)} that are free${spooled}`
  if (2 * bytes < free) return { what: 'disk', state: 'yes', finding }
  return {
    what: 'disk',
    state: bytes < free ? 'warning' : 'no',
    finding,
    hint: 'free some room, or take fewer days at a time',
  }
}

const gigabytes = (bytes: number) =>
  bytes < 1024 ** 3 ? `${Math.ceil(bytes / 1024 ** 2)} MB` : `${(bytes / 1024 ** 3).toFixed(1)} GB`

/** Bytes; undefined where this process may not look. */
async function freeOn(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}

function health({ autovacuum, oldest_transaction, waiting, oldest_xid }: ServerFacts): Check[] {
  const found: string[] = []
  if (!autovacuum) found.push('autovacuum is off')
  if (oldest_transaction !== null && oldest_transaction > 3600)
    found.push(`a transaction is open for ${Math.round(oldest_transaction / 60)} minutes`)
  if (waiting > 5) found.push(`${waiting} sessions wait for locks`)
  if (oldest_xid > 1_500_000_000) found.push('transaction numbers run out')
  if (found.length === 0) return [{ what: 'health', state: 'yes', finding: 'nothing stands in the way' }]
  return found.map((finding) => ({ what: 'health', state: 'warning', finding, hint: 'see: dwh doctor' }))
}
