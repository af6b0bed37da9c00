import { relation } from '../../postgres/identifiers.ts'
import { climbInSession } from '../../postgres/ladder.ts'
import type { Session } from '../../postgres/session.ts'
import { bytesOf, type CaredTable, readTable, requireMaintainable } from '../tables.ts'
import type { Ending, Task, Turn } from '../task.ts'
import { plainBytes } from '../words.ts'
import type { Method } from './choose.ts'
import { whoHoldsHorizon } from './horizon.ts'
import { type Bloat, measureBloat } from './measure.ts'
import { compareRows, countRows, seal } from './proof.ts'
import { type Repack, repackTable } from './repack.ts'

interface Rewrite {
  table: CaredTable
  bloat: Bloat
  method: Method
  reason: string
  repack: Repack | undefined
  tablespace: string | undefined
}

const words: Record<Method, string> = { vacuum: 'VACUUM', repack: 'pg_repack', full: 'VACUUM FULL' }

/**
 * Locks: VACUUM takes SHARE UPDATE EXCLUSIVE. pg_repack takes ACCESS EXCLUSIVE for a moment at its beginning and its end. VACUUM FULL
 * takes it for as long as it lasts, under the lock ladder: readers wait.
 */
export function rewriteTask(rewrite: Rewrite): Task {
  const { table, method, reason } = rewrite
  return {
    name: 'rewrite',
    subject: relation(table),
    plan: `${words[method]}: ${reason}`,
    // A pg_repack waits for every transaction that is older than it, such as that of another one.
    parallel: method !== 'repack',
    ...(method === 'vacuum' ? {} : { rebuilds: table.oid }),
    run: (turn) => run(turn, rewrite),
  }
}

async function run(turn: Turn, rewrite: Rewrite): Promise<Ending> {
  const { session, work } = turn
  const { table, bloat, method, reason } = rewrite
  const now = await readTable(session, table)
  if (now?.file !== table.file) return { outcome: 'nothing', reason: 'it was rewritten meanwhile' }
  requireMaintainable(now)
  const before = await countRows(session, table)
  await act(turn, rewrite)
  const rows = await compareRows(session, table, before)
  if (method !== 'vacuum') await seal(session, work, table, before)
  const after = (await readTable(session, table)) ?? table
  const left = (await measureBloat(session, [after])).get(table.oid)
  const freed = bytesOf(table) - bytesOf(after)
  return {
    outcome: 'done',
    reason: await gain(session, { words: words[method], freed, rewrite, left }),
    before: { bytes: bytesOf(table), rows: before.rows, bloat, why: reason },
    after: { method, bytes: bytesOf(after), rows, freed, bloat: left ?? null },
  }
}

async function act(
  { session, work, run }: Turn,
  { table, method, repack, tablespace }: Rewrite,
): Promise<void> {
  const name = relation(table)
  if (method === 'repack' && repack) await repackTable(session, work, repack, table, { run, tablespace })
  if (method === 'full') {
    // What is known of its values stays true.
    const rewrite = () => session.run(`VACUUM (FULL) ${name}`)
    await climbInSession(session, work, { relations: [table] }, rewrite)
  }
  // A rewritten table has no visibility map, without which no index alone answers a query.
  await session.run(method === 'vacuum' ? `VACUUM (ANALYZE) ${name}` : `VACUUM ${name}`)
}

interface Gain {
  words: string
  freed: number
  rewrite: Rewrite
  left: Bloat | undefined
}

/** Above this share of dead rows that are left it is worth knowing who keeps them. */
const fewDead = 0.05

/** Less than half of what was hoped for has its reason, which people must know to get it the next time. */
async function gain(session: Session, { words, freed, rewrite, left }: Gain): Promise<string> {
  const { bloat, method } = rewrite
  const hoped = bloat.free + bloat.dead
  if (freed >= hoped / 2) return `${words} freed ${plainBytes(freed)}`
  const isKept = left !== undefined && !left.is_estimate && left.dead > fewDead * left.bytes
  const holder = isKept || method !== 'vacuum' ? await whoHoldsHorizon(session) : undefined
  if (method === 'vacuum' && !holder)
    return `VACUUM gave ${plainBytes(Math.max(0, freed))} back; the rest is free for new rows`
  const why = holder ? `: ${holder}` : ', and nobody is seen who keeps dead rows'
  return `${words} freed only ${plainBytes(Math.max(0, freed))} of ${plainBytes(hoped)}${why}`
}
