import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import type { Crew } from '../../postgres/crew.ts'
import { ident, identList, type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { inTransaction } from '../../postgres/transaction.ts'
import { Landing, type LandingLeaf } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { type MergeColumns, mergeColumns, replaces } from './merge.ts'
import {
  hungLeaves,
  isFree,
  makeReady,
  type PrepareOptions,
  type ReadyLeaf,
  type Rebuilt,
  readiness,
  type Versions,
} from './ready-leaf.ts'
import { sameKey } from './same-key.ts'

/**
 * Part of a leaf's rows from which on it is cheaper to write the leaf anew beside itself, with its indexes built afterwards
 * and on several connections, than to insert that many rows into it: an inserted row costs about 17 µs with three indexes,
 * a rewritten one 5.
 */
const worthwhile = 0.25

/** The leaves of a staging landing that get so many rows that their twins are better written anew. */
export async function worthRebuilding(
  session: Session,
  target: LoadTarget,
  staged: ReadyLeaf[],
  { onDuplicate }: PrepareOptions,
): Promise<ReadyLeaf[]> {
  const { key, nulls_equal } = target.dataset
  // A FULL JOIN has to hash its whole condition.
  if (!key || nulls_equal || onDuplicate === 'error' || target.obstacles.length > 0) return []
  if (!target.isAligned) return []
  const obstacles = await session.rows(sql('load/rebuild_obstacles'), [target.oid])
  if (obstacles.length > 0) return []
  const hung = await hungLeaves(session, staged)
  return staged.filter(({ rows, range, twin }) => {
    if (!range || !twin || hung.has(twin.oid)) return false
    return rows >= worthwhile * (twin.rows ?? twin.bytes / bytesOfRow)
  })
}

/** With its indexes, for leaves that were never analyzed. */
const bytesOfRow = 200

/**
 * Writes leaves of the target anew, out of their rows and those of a staging landing, while readers and writers go on. The
 * last transaction puts them in the place of their twins where those have not changed meanwhile, and merges where they have.
 *
 * Locks: none that anybody would notice.
 *
 * @param staged leaves of the staging landing, whose `rebuilt` is set
 * @param isMerge they may hold rows; otherwise only those that hold none are replaced
 * @returns the landing of the new leaves
 */
export async function rebuild(
  session: Session,
  crew: Crew,
  work: Work,
  target: LoadTarget,
  load: number,
  staged: ReadyLeaf[],
  options: PrepareOptions,
  isMerge: boolean,
): Promise<Landing> {
  const { dataset } = target
  const landing = await Landing.create(session, load, dataset, target, target.columns, 'leaves', '_leaves')
  if (isMerge) await landing.allowMissing(session)
  await landing.reach(
    session,
    staged.flatMap(({ from }) => (from ? [from] : [])),
  )
  const columns = await mergeColumns(session, target)
  const ready = await readiness(session, target, landing, options)
  let done = 0
  await crew.each(staged, async (worker, from) => {
    const leaf = landing.leaves.find((one) => isTwin(one, from))
    if (!leaf) throw new DwhError('FAILED', `${from.name} has no leaf to be rebuilt in`)
    const { merged, versions } = await write(worker, target, columns, from, leaf, options)
    const attachable = isMerge || isFree(ready, leaf)
    from.rebuilt = {
      leaf: await makeReady(worker, work.signal, target, leaf, attachable, ready),
      merged,
      versions,
    }
    done += 1
    work.emit({ type: 'progress', step: 'rebuild', done, total: staged.length, unit: 'leaves' })
  })
  return landing
}

const isTwin = (one: LandingLeaf, other: LandingLeaf) =>
  JSON.stringify(one.range) === JSON.stringify(other.range)

/** Which versions of rows a table holds now. Locks: ACCESS SHARE. */
export async function readVersions(session: Session, table: RelationName): Promise<Versions> {
  return session.one<Versions>(
    `SELECT count(*) AS rows, coalesce(sum(hashtidextended(ctid, xmin::text::bigint)), 0)::text AS sum FROM ONLY ${relation(table)}`,
  )
}

/** Fills a new leaf. All that is read is of one moment. */
async function write(
  session: Session,
  target: LoadTarget,
  columns: MergeColumns,
  from: ReadyLeaf,
  into: RelationName,
  { onDuplicate, replaced }: PrepareOptions,
): Promise<Omit<Rebuilt, 'leaf'>> {
  const list = identList(columns.inserted)
  const insert = `INSERT INTO ${relation(into)} (${list}) OVERRIDING SYSTEM VALUE`
  const none = { updated: 0, unchanged: 0, moved: 0 }
  return inTransaction(
    session,
    async () => {
      const isMerged = from.twin && !replaced?.covers(from.range)
      const versions = from.twin && isMerged ? await readVersions(session, from.twin) : { rows: 0, sum: '0' }
      if (!from.twin || versions.rows === 0) {
        const inserted = await session.run(`${insert} SELECT ${list} FROM ${relation(from)}`)
        return { versions, merged: { inserted, ...none } }
      }
      const same = sameKey(target.dataset, 't', 's')
      const tables = { of: `ONLY ${relation(from.twin)} AS t`, file: `${relation(from)} AS s` }
      const wins = onDuplicate === 'newest' ? replaces(target, columns) : 'false'
      const { matches, updated } = await session.one<{ matches: number; updated: number }>(
        `SELECT count(*) AS matches, count(*) FILTER (WHERE ${wins}) AS updated FROM ${tables.of} JOIN ${tables.file} ON ${same}`,
      )
      const written = await session.run(
        `${insert} ${mergedRows(target, columns, wins)} FROM ${tables.of} FULL JOIN ${tables.file} ON ${same} OFFSET 0) AS pairs`,
      )
      const inserted = from.rows - matches
      if (written !== versions.rows + inserted)
        throw new DwhError(
          'PROOF_FAILED',
          `${relation(from.twin)} has ${versions.rows} rows and gets ${inserted}, and ${written} were written; nothing was loaded`,
          { hint: 'a key may stand in it twice: see dwh doctor' },
        )
      return { versions, merged: { inserted, updated, unchanged: matches - updated, moved: 0 } }
    },
    'ISOLATION LEVEL REPEATABLE READ',
  )
}

/**
 * The rows that stay of rows of the table (t) and of the file (s) with their keys, either of which may be missing; up to the
 * FROM of the pairs. Whether the file's row wins is told once for all columns, which OFFSET 0 keeps apart.
 */
function mergedRows(
  { dataset: { key = [] } }: LoadTarget,
  { inserted, compared }: MergeColumns,
  wins: string,
): string {
  const isFilled = new Set(compared.map(({ name }) => name))
  const values = inserted.map((name, n) => {
    const takes = isFilled.has(name) && !key.includes(name) ? 'is_new OR wins' : 'is_new'
    return `CASE WHEN ${takes} THEN s${n} ELSE t${n} END`
  })
  const pairs = inserted.map((name, n) => `t.${ident(name)} AS t${n}, s.${ident(name)} AS s${n}`)
  return (
    `SELECT ${values.join(', ')} FROM (SELECT ${pairs.join(', ')}, t.ctid IS NULL AS is_new, ` +
    `s.ctid IS NOT NULL AND (${wins}) AS wins`
  )
}
