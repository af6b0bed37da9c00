import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Proof } from '../proof/hash.ts'
import { type Archive, type ArchiveOrder, type ArchiveTools, dumpArchive } from './archive.ts'
import { proveTables } from './prove.ts'
import type { ScopedTable } from './scope.ts'
import type { Snapshot } from './snapshot.ts'

/** Seconds before pg_dump is begun again where somebody stood in its way. */
const pauses = [1, 5]

export const dumpStep = 'dump and proof'

/** Archives in the order in which they are written, and the tables that are proved meanwhile. */
export interface DumpPlan {
  archives: Pick<ArchiveOrder, 'folder' | 'words' | 'jobs' | 'compression'>[]
  /** Largest first. */
  proved: ScopedTable[]
  /** Tables whose rows are dumped. */
  dumped: number
  application: string
}

export interface Dumped {
  archives: Archive[]
  /** By the OID of the table. */
  proofs: Map<number, Proof>
}

/**
 * Dumps and proves beside each other. What fails first stops the other, and is what is told.
 *
 * @param session outside of the snapshot, to see who waits
 */
export async function dumpAndProve(
  session: Session,
  work: Work,
  tools: ArchiveTools,
  snapshot: Snapshot,
  plan: DumpPlan,
): Promise<Dumped> {
  const stop = new AbortController()
  const both: Work = { emit: work.emit, signal: AbortSignal.any([work.signal, stop.signal]) }
  const total = plan.dumped + plan.proved.length
  let done = 0
  const oneMore = () => {
    done = Math.min(done + 1, total)
    work.emit({ type: 'progress', step: dumpStep, done, total, unit: 'tables' })
  }
  // pg_dump tells what it has finished by name, and behind a line break in one it could tell anything.
  const readMessages = snapshot.tables.every(({ schema, name }) => !/[\r\n]/.test(schema + name))
  const dumpAll = async () => {
    const archives: Archive[] = []
    for (const one of plan.archives) {
      const order = { ...one, snapshot: snapshot.id, readMessages, onTable: oneMore }
      archives.push(await dumpPatiently(session, both, tools, snapshot, order))
    }
    return archives
  }
  const stopping = (error: unknown) => {
    stop.abort(error)
    throw error
  }
  const proveAll = () =>
    proveTables(session.target, both, snapshot.id, plan.proved, plan.application, oneMore)
  const [dump, proof] = await Promise.allSettled([dumpAll().catch(stopping), proveAll().catch(stopping)])
  if (dump.status === 'rejected' || proof.status === 'rejected') {
    work.signal.throwIfAborted()
    // Of a snapshot that is gone the others know only that there is none of this name.
    await snapshot.check()
    throw stop.signal.reason
  }
  await snapshot.check()
  return { archives: dump.value, proofs: proof.value }
}

/**
 * Writes one archive, again where somebody who waits for a lock on a table stood in the way of pg_dump's workers: they
 * ask for theirs one by one, without waiting. Of the DDL of `dwh` nobody waits for more than seconds.
 *
 * @throws DwhError LOCK_HELD that names who waits, BACKUP_FAILED, DISK_FULL
 */
async function dumpPatiently(
  session: Session,
  work: Work,
  tools: ArchiveTools,
  snapshot: Snapshot,
  order: ArchiveOrder,
): Promise<Archive> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await dumpArchive(session.target, tools, work.signal, order)
    } catch (error) {
      if (!isLockTrouble(error)) throw error
      const pause = pauses[attempt]
      if (pause === undefined) throw await inTheWay(session, snapshot, error)
      work.emit({ type: 'note', message: `a lock stood in the way of pg_dump: again in ${pause} s` })
      await rm(order.folder, { recursive: true, force: true })
      await sleep(pause * 1000, undefined, { signal: work.signal })
    }
  }
}

function isLockTrouble(error: unknown): boolean {
  return /could not obtain lock on relation|Query was: LOCK TABLE/.test(toDwhError(error).message)
}

interface Waiting {
  pid: number
  application: string
  role: string
  target: string
  query: string
}

async function inTheWay(session: Session, snapshot: Snapshot, cause: unknown): Promise<DwhError> {
  const waiting = await session
    .row<Waiting>(sql('backup/waiting_for'), [snapshot.session.pid])
    .catch(() => undefined)
  if (!waiting) return new DwhError('LOCK_HELD', toDwhError(cause).message, { cause, hint: again })
  const { pid, role, application, target, query } = waiting
  const who = [role, application].filter(Boolean).join(', ')
  return new DwhError('LOCK_HELD', `session ${pid} (${who}) waits for a lock on ${target}: ${query}`, {
    cause,
    hint: `let it finish, or end it with SELECT pg_terminate_backend(${pid}), and ${again}`,
  })
}

const again = 'run the same command again'
