import { lastTasks } from '../../ledger/tasks.ts'
import { relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { freeOn } from '../disk.ts'
import { dayOf, isAsRebuilt } from '../estimates.ts'
import { type CaredTable, readTables } from '../tables.ts'
import { idle, type Scene, type Task } from '../task.ts'
import { choose, isBloated, type Method, room, settingsOf, told } from './choose.ts'
import { type Bloat, measureBloat } from './measure.ts'
import { clearLeftovers, findLeftovers, findRepack, type Repack } from './repack.ts'
import { rewriteTask } from './run.ts'

interface Rewritable {
  oid: number
  has_key: boolean
  is_owner: boolean
  is_superuser: boolean
  location: string | null
  data_directory: string | null
  is_local: boolean
}

/** Measures every table and leaf, and chooses how each that is bloated is rewritten; reads only. */
export async function planRewrite({ session, warehouse, datasets, tablespace }: Scene): Promise<Task[]> {
  const tables = (await readTables(session, datasets)).filter(({ is_parent }) => !is_parent)
  const oids = tables.map(({ oid }) => oid)
  const repack = await findRepack(session)
  const leftovers = await findLeftovers(session, tables)
  // What is small is not worth measuring.
  const large = tables.filter(
    (table) => table.row_bytes + table.toast_bytes >= warehouse.maintenance.min_size,
  )
  const bloat = await measureBloat(session, large)
  const facts = await session.rows<Rewritable>(sql('maintain/rewritable'), [oids])
  const known = await lastTasks<Rewritten>(session, warehouse.name, 'rewrite')
  const cases: Planned[] = []
  for (const table of large) {
    const own = facts.find(({ oid }) => oid === table.oid)
    if (own)
      cases.push(
        await planTable({
          ...{ session, warehouse, table, tablespace, repack, own, bloat: bloat.get(table.oid) },
          last: known.get(relation(table)),
        }),
      )
  }
  const areTogether = haveRoomTogether(cases)
  return [
    ...leftovers.map(leftoverTask),
    ...cases.map(({ task }) => ({ ...task, parallel: areTogether && task.parallel === true })),
  ]
}

interface Planned {
  task: Task
  /** Bytes of the disk that it takes while it lasts, and that are free there; undefined where that cannot be seen. */
  needed: number
  free: number | undefined
}

/** Two that are rewritten side by side need the room of both. */
function haveRoomTogether(cases: Planned[]): boolean {
  const needed = cases.reduce((sum, one) => sum + one.needed, 0)
  return cases.every((one) => one.needed === 0 || (one.free !== undefined && one.free >= needed))
}

interface Case extends Pick<Scene, 'session' | 'warehouse' | 'tablespace'> {
  table: CaredTable
  repack: Repack | string
  own: Rewritable
  bloat: Bloat | undefined
  last: { at: Date; after: Rewritten | null } | undefined
}

/** What is known of a table since it was rewritten last. */
interface Rewritten {
  method?: Method
  bloat?: Bloat | null
}

async function planTable(one: Case): Promise<Planned> {
  const { session, table, own, bloat, repack, tablespace } = one
  const subject = relation(table)
  const settings = settingsOf(one.warehouse, table.dataset)
  const sound = isBloated(bloat, settings)
  const nothing = (reason: string, outcome?: 'skipped') => ({
    task: idle('rewrite', subject, reason, outcome),
    needed: 0,
    free: undefined,
  })
  if (sound !== undefined || !bloat) return nothing(sound ?? 'nothing is known of it')
  const atBest = one.last?.after?.method === 'vacuum' ? undefined : one.last?.after?.bloat
  if (one.last && atBest?.is_estimate && bloat.is_estimate && isAsRebuilt(bloat.share, atBest.share))
    return nothing(`${told(bloat)}, as when it was rewritten on ${dayOf(one.last.at)}`)
  const folder = own.location ?? own.data_directory
  const free = own.is_local && folder !== null ? await freeOn(folder) : undefined
  const liveBytes = bloat.bytes - bloat.free - bloat.dead + table.index_bytes
  const choice = choose(
    {
      bloat,
      hasFreeTail: await hasFreeTail(session, table, bloat),
      repackObstacle: repackObstacle(repack, own),
      isOwner: own.is_owner,
      tablespace,
      freeDisk: free,
      liveBytes,
    },
    settings,
  )
  if (choice.method === 'nothing') return nothing(choice.reason, 'skipped')
  const { method, reason } = choice
  const client = typeof repack === 'string' ? undefined : repack
  return {
    task: rewriteTask({ table, bloat, method, reason, tablespace, repack: client }),
    needed: method === 'vacuum' ? 0 : room * liveBytes,
    // Of another tablespace nobody can tell from here.
    free: tablespace === undefined ? free : undefined,
  }
}

function repackObstacle(repack: Repack | string, { has_key, is_owner }: Rewritable): string | undefined {
  if (typeof repack === 'string') return repack
  if (!has_key) return 'the table has neither a primary key nor a unique index of columns that are never NULL'
  return is_owner ? undefined : 'the role does not own the table'
}

/** Whether no row lies behind where all would end if they lay close together: then VACUUM cuts the file. */
async function hasFreeTail(session: Session, table: CaredTable, bloat: Bloat): Promise<boolean> {
  const pages = Math.floor(table.row_bytes / 8192)
  const first = Math.ceil(pages * (1 - 0.9 * bloat.share))
  if (pages - first < 8) return false
  const { found } = await session.one<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM ONLY ${relation(table)} WHERE ctid >= '(${first},0)'::tid) AS found`,
  )
  return !found
}

function leftoverTask(table: CaredTable): Task {
  return {
    name: 'rewrite',
    subject: relation(table),
    plan: 'take away what a killed pg_repack has left: a trigger that writes everything down twice',
    async run({ session, work }) {
      const isCleared = await clearLeftovers(session, work, table)
      if (!isCleared) return { outcome: 'skipped', reason: 'a pg_repack is at work on it' }
      return { outcome: 'done', reason: 'what a killed pg_repack has left is gone' }
    },
  }
}
