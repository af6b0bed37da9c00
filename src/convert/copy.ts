import type { Work } from '../events.ts'
import type { Crew } from '../postgres/crew.ts'
import { ident, identList, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { ConversionPlan } from './plan.ts'
import type { Superseded } from './set-aside.ts'
import { copyExpressions } from './shadow.ts'

/** Blocks (of 8 kB) that one statement copies: small enough to share the work and to show it, large enough to be quiet. */
const chunkBlocks = { most: 8192, least: 128 }

/** Blocks [from, to) of the plain table. */
interface Chunk {
  from: number
  to: number
}

/**
 * The statement that copies the rows of some blocks of the plain table; PostgreSQL routes each row to its leaf. One pass
 * over the blocks reads the table once, where a pass for each leaf would read it once for each leaf.
 *
 * @param superseded rows to be left out
 * @param chunk all blocks when left out
 * @param filter an SQL condition on the rows, to copy only some leaves again
 */
export function copyStatement(
  plan: ConversionPlan,
  lz4: boolean,
  superseded?: Pick<Superseded, 'places' | 'place'>,
  chunk?: Chunk,
  filter?: string,
): string {
  const { columns, expressions } = copyExpressions(plan, lz4)
  const conditions = [
    ...(chunk ? [`ctid >= '(${chunk.from},0)'::tid`, `ctid < '(${chunk.to},0)'::tid`] : []),
    ...(filter ? [`(${filter})`] : []),
    ...(superseded
      ? [
          `NOT EXISTS (SELECT FROM ${relation(superseded.places)} AS places WHERE places.${ident(superseded.place)} = source.ctid)`,
        ]
      : []),
  ]
  return (
    `INSERT INTO ${relation(plan.shadow)} (${identList(columns)}) OVERRIDING SYSTEM VALUE ` +
    `SELECT ${expressions.join(', ')} FROM ONLY ${relation(plan.table)} AS source` +
    (conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '')
  )
}

/**
 * Copies the plain table into the shadow tree, block range by block range, on the connections of a crew.
 *
 * @param session tells the size of the table, which is stable while writers are kept out
 * @param step the name under which progress is told
 */
export async function copyRows(
  session: Session,
  crew: Crew,
  work: Work,
  plan: ConversionPlan,
  lz4: boolean,
  step: string,
  superseded?: Superseded,
  filter?: string,
): Promise<void> {
  const { oid, block_bytes: unit } = plan.table
  const { total } = await session.one<{ total: number }>(
    'SELECT pg_relation_size($1::bigint::oid) AS total',
    [oid],
  )
  let done = 0
  // What a crash loses is found by the proof and copied again, so that no chunk need wait for the disk.
  await Promise.all(crew.sessions.map((worker) => worker.run('SET synchronous_commit = off')))
  await crew.each(chunks(total / unit, crew.sessions.length), async (worker, chunk) => {
    await worker.run(copyStatement(plan, lz4, superseded, chunk, filter))
    done += (chunk.to - chunk.from) * unit
    work.emit({ type: 'progress', step, done, total, unit: 'bytes' })
  })
}

function* chunks(blocks: number, workers: number): Generator<Chunk> {
  const size = Math.max(chunkBlocks.least, Math.min(chunkBlocks.most, Math.ceil(blocks / (workers * 8))))
  for (let from = 0; from < blocks; from += size) yield { from, to: Math.min(blocks, from + size) }
}
