import { statfs } from 'node:fs/promises'
import { shown } from '../../postgres/identifiers.ts'
import { thisMachine } from '../../postgres/server/settings.ts'
import { sql } from '../../postgres/sql-files.ts'
import { advice, bySql, no, unknown, warning, yes } from '../answer.ts'
import type { Question } from '../question.ts'

const gigabytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GB`
const elsewhere = 'the machine of the server cannot be seen from here'

export const disk: Question = {
  id: 'disk',
  ask: 'Is twice the largest table free on its disk?',
  async answer({ server, tables }) {
    const { local, data_directory } = await server()
    const [largest] = await tables()
    const folder = largest?.location ?? data_directory
    const free = local && folder !== null ? await freeOn(folder) : undefined
    if (free === undefined) return unknown('the disk of the server cannot be seen from here')
    if (!largest) return yes(`${gigabytes(free)} free, no table yet`)
    const needed = 2 * largest.bytes
    const finding = `${gigabytes(free)} free in ${folder}, ${gigabytes(needed)} needed for ${shown(largest)}`
    return free >= needed ? yes(finding) : no(finding, advice(`free some room in ${folder}`))
  },
}

/** Bytes; undefined where this process may not look, or the folder is inside a container. */
async function freeOn(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}

const restart = '-- then restart the server'

export const memory: Question = {
  id: 'memory',
  ask: 'Is the memory of the machine used?',
  async answer({ server }) {
    const { local, shared_buffers } = await server()
    if (!local) return unknown(elsewhere)
    const { memory: bytes } = thisMachine()
    const most = 8 * 1024 ** 3
    const finding = `shared_buffers ${gigabytes(shared_buffers)} of ${gigabytes(bytes)}`
    if (shared_buffers >= Math.min(bytes / 16, most)) return yes(finding)
    const wanted = Math.round(Math.min(bytes / 8, most) / 1024 ** 2)
    return warning(finding, bySql(`ALTER SYSTEM SET shared_buffers = '${wanted}MB'`, restart))
  },
}

export const cores: Question = {
  id: 'cores',
  ask: 'May one query use all cores?',
  async answer({ server }) {
    const { local, max_parallel_workers, max_worker_processes } = await server()
    if (!local) return unknown(elsewhere)
    const { cores: number } = thisMachine()
    const workers = Math.min(max_parallel_workers, max_worker_processes)
    const finding = `${workers} parallel workers on ${number} cores`
    if (workers >= number) return yes(finding)
    const statements = [`ALTER SYSTEM SET max_parallel_workers = ${number}`]
    if (max_worker_processes < number)
      statements.push(`ALTER SYSTEM SET max_worker_processes = ${2 * number}`)
    return warning(finding, bySql(...statements, restart))
  },
}

/** A query that cannot prune locks every leaf and every index, in one table of locks for all sessions. */
export const locks: Question = {
  id: 'locks',
  ask: 'Has the lock table room for queries over all leaves?',
  async answer({ session, server, limits }) {
    const { max_locks_per_transaction: each, max_connections, max_prepared_transactions } = await server()
    const room = each * (max_connections + max_prepared_transactions)
    const widest = await session.row<{ schema: string; name: string; leaves: number; locks: number }>(
      sql('doctor/widest_tree'),
    )
    if (!widest) return yes(`${room} locks, no partitioned table yet`)
    const needed = limits.unprunedQueries * widest.locks
    const finding = `${room} locks; ${limits.unprunedQueries} queries over the ${widest.leaves} leaves of ${shown(widest)} take ${needed}`
    if (needed <= room) return yes(finding)
    const wanted = Math.ceil(needed / (max_connections + max_prepared_transactions) / 64) * 64
    return no(finding, bySql(`ALTER SYSTEM SET max_locks_per_transaction = ${wanted}`, restart))
  },
}
