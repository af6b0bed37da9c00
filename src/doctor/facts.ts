import { statfs } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset } from '../warehouse/load.ts'

export interface ServerFacts {
  version: string
  version_number: number
  encoding: string
  session_time_zone: string
  in_recovery: boolean
  prepared: number
  prepared_names: string | null
  data_directory: string | null
  shared_buffers: number
  role: string
  database: string
  may_create: boolean
  /** The server runs on this machine, so that its disk and memory can be looked at. */
  local: boolean
}

export interface TableFacts {
  schema: string
  name: string
  relkind: string
  bytes: number
  /** The folder of its tablespace; null is the data directory. */
  location: string | null
  owner: string
  is_owner: boolean
  may_create: boolean
}

export interface LongTransaction {
  pid: number
  role: string
  application: string
  state: string
  seconds: number
}

/** What the questions are asked of; read without a lock and without reading a row of a user's table. */
export interface Facts {
  server: ServerFacts
  hasLz4: boolean
  tables: TableFacts[]
  longTransactions: LongTransaction[]
  /** Bytes that are free for us on the disk of each table's tablespace, by its folder; absent where it cannot be seen. */
  freeBytes: Map<string, number>
  machine: { memory: number; cores: number } | undefined
}

/** Seconds after which a transaction is called long. */
const longTransaction = 300

export async function gatherFacts(session: Session, datasets: Dataset[]): Promise<Facts> {
  const server = await session.one<ServerFacts>(sql('doctor/server'))
  const tables = await session.rows<TableFacts>(sql('doctor/tables'), [
    datasets.map(({ target }) => target.schema),
    datasets.map(({ target }) => target.name),
  ])
  const { has_lz4 } = await session.one<{ has_lz4: boolean }>(sql('postgres/has_lz4'))
  const freeBytes = new Map<string, number>()
  if (server.local) {
    for (const folder of new Set([server.data_directory, ...tables.map(({ location }) => location)])) {
      const free = folder === null ? undefined : await freeOn(folder)
      if (folder !== null && free !== undefined) freeBytes.set(folder, free)
    }
  }
  return {
    server,
    hasLz4: has_lz4,
    tables,
    longTransactions: await session.rows<LongTransaction>(sql('doctor/long_transactions'), [longTransaction]),
    freeBytes,
    machine: server.local ? { memory: totalmem(), cores: availableParallelism() } : undefined,
  }
}

/** Undefined where this process may not look, or the folder is inside a container. */
async function freeOn(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}
