import type { Work } from '../events.ts'
import { findBackfill } from '../ledger/backfills.ts'
import type { Chunk } from '../ledger/chunks.ts'
import { acceptChunk, findChunks, type Generation } from '../ledger/generations.ts'
import type { ChunkEnd } from '../load/chunk.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { chunkName } from './chunk-work.ts'
import { exchangeKept, type KeptChunk } from './exchange-kept.ts'
import { failures } from './gates.ts'
import { openGenerations } from './generations.ts'
import { rowsOfOthers } from './shared-rows.ts'
import { chunksOf, type NotUndoable, settleKept } from './undo.ts'

/** A chunk whose rows are withheld. */
export interface Acceptable {
  chunk: Chunk
  name: string
  withheld: Generation[]
  /** Rows of scope and window that are there give way, as the chunk was told. */
  replaces: boolean
  /** What its gates say. */
  why: string[]
}

export interface AcceptPlan {
  chunks: Acceptable[]
  others: NotUndoable[]
}

/**
 * What is withheld of a backfill: rows that fell short of a threshold, and those that an undo has taken back.
 *
 * @throws DwhError USAGE where the run has planned no backfill, or has no such chunk
 */
export async function planAccept(
  session: Session,
  warehouse: Warehouse,
  backfill: number,
  only?: number | undefined,
): Promise<AcceptPlan> {
  const chunks = await chunksOf(session, warehouse, backfill, only)
  const { settings } = await findBackfill(session, backfill)
  const kept = await openGenerations(
    session,
    chunks.map(({ chunk }) => chunk),
  )
  const plan: AcceptPlan = { chunks: [], others: [] }
  for (const chunk of chunks) {
    const name = chunkName(chunk)
    const withheld = kept.filter((one) => one.chunk === chunk.chunk && one.kind === 'withheld')
    // Of a window without rows nothing is kept: that there are none is what is withheld.
    const isThere = withheld.length > 0 || chunk.figures?.records === 0
    const why = await whyNot(session, warehouse, chunk, isThere)
    const gates = failures(chunk.gates ?? [])
    if (why !== undefined) plan.others.push({ chunk, name, why })
    else plan.chunks.push({ chunk, name, withheld, replaces: settings.force, why: gates })
  }
  return plan
}

async function whyNot(
  session: Session,
  warehouse: Warehouse,
  chunk: Chunk,
  isThere: boolean,
): Promise<string | undefined> {
  const { state, dataset, source } = chunk
  if (state !== 'quarantined' && state !== 'undone') return `is ${state}: nothing of it is withheld`
  if (!isThere) return 'has no rows any more: they were let go; dwh backfill retry fetches them again'
  const { window_from: from, window_to: to, parameters } = chunk
  // What an undo has taken back is as it was then.
  const asOf = Number(chunk.undone_at ?? chunk.ended_at)
  const others = await findChunks(session, warehouse.name, {
    datasets: [dataset],
    source,
    from: from ?? undefined,
    to: to ?? undefined,
  })
  const later = others.find(
    (other) =>
      (other.state === 'done' || other.state === 'flagged') &&
      other.chunk !== chunk.chunk &&
      Number(other.ended_at) > asOf &&
      isSame(other.parameters, parameters),
  )
  return later && `chunk ${later.chunk} of backfill ${later.backfill} has loaded days of its window since`
}

function isSame(one: Record<string, string>, other: Record<string, string>): boolean {
  const text = (parameters: Record<string, string>) => JSON.stringify(Object.entries(parameters).toSorted())
  return text(one) === text(other)
}

/**
 * Publishes rows that are withheld as their chunk would have: merged, or in the place of those of scope and window where it was
 * forced, in which case those are kept aside for an undo. Each chunk in one transaction; stopped in between, the same command
 * does the rest.
 *
 * Locks: those of a load.
 *
 * @throws DwhError LEASE_LOST, LOCK_HELD, LEAF_SEALED, TARGET_UNFIT, ROWS_UNFIT
 */
export async function accept(
  session: Session,
  work: Work,
  warehouse: Warehouse,
  plan: AcceptPlan,
  run: number,
  jobs: number,
): Promise<{ chunk: number; name: string; rows: number; inserted: number }[]> {
  const done: { chunk: number; name: string; rows: number; inserted: number }[] = []
  for (const { chunk, name, withheld, replaces } of plan.chunks) {
    const concluding = async (last: Session, end: ChunkEnd) => {
      const { inserted, updated, unchanged, moved, replaced } = end.figures
      await acceptChunk(last, chunk.chunk, {
        load: end.load,
        figures: { inserted, updated, unchanged, moved, replaced },
        proof: end.proof,
      })
      await settleKept(last, chunk.chunk, withheld, end)
    }
    const others = (last: Session) => rowsOfOthers(last, warehouse, chunk)
    const kept: KeptChunk = {
      how: 'accept',
      which: 'withheld',
      ...{ chunk, generations: withheld, rules: { replaces, concluding, others } },
    }
    const loaded = await exchangeKept(session, work, warehouse, kept, run, jobs)
    const rows = withheld.reduce((sum, generation) => sum + generation.rows, 0)
    done.push({ chunk: chunk.chunk, name, rows, inserted: loaded.inserted })
  }
  return done
}
