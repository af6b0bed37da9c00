import { Temporal } from 'temporal-polyfill'
import { lastTasks } from '../ledger/tasks.ts'
import { datesOf } from '../partitions/bounds.ts'
import { isPartitioned, type PartitionedDataset } from '../partitions/create.ts'
import { inspectTarget, serverToday } from '../partitions/tree.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { type Span, spanSeconds, spanText } from '../warehouse/values.ts'
import { bytesOf, type CaredTable, readTable, readTables, requireMaintainable } from './tables.ts'
import { idle, planEach, type Scene, type Task } from './task.ts'

/** What a leaf was when it was frozen: the same file with the same writes needs it no more. */
interface Frozen {
  file: number
  writes: number
}

/**
 * VACUUM (FREEZE) of leaves whose dates are over, once: no later VACUUM reads them, and none has to, when transaction ids run out.
 *
 * Locks: SHARE UPDATE EXCLUSIVE on one leaf after the other.
 */
export async function planFreeze(scene: Scene): Promise<Task[]> {
  const { session, warehouse } = scene
  const known = await lastTasks<Frozen>(session, warehouse.name, 'freeze')
  const datasets = scene.datasets.filter(isPartitioned)
  return planEach(
    scene,
    'freeze',
    datasets,
    ({ name }) => name,
    async (dataset) => {
      const closed = await closedLeaves(scene, dataset, warehouse.maintenance.freeze_after)
      const tables = await readTables(session, [dataset])
      return tables.filter(({ oid }) => closed.has(oid)).map((leaf) => freezeTask(leaf, known, warehouse))
    },
  )
}

/** The oids of leaves whose dates have been over for so long. */
export async function closedLeaves(
  { session }: Pick<Scene, 'session'>,
  { target: name, partition: policy }: PartitionedDataset,
  after: Span,
): Promise<Set<number>> {
  const target = await inspectTarget(session, name, policy)
  if (target.kind !== 'partitioned') return new Set()
  const days = Math.ceil(spanSeconds(after) / 86_400)
  const last = (await serverToday(session, policy.zone)).subtract({ days })
  return new Set(
    target.leaves.flatMap(({ oid, range }) =>
      range && Temporal.PlainDate.compare(datesOf(policy, range).until, last) <= 0 ? oid : [],
    ),
  )
}

function freezeTask(
  leaf: CaredTable,
  known: Map<string, { at: Date; after: Frozen | null }>,
  { maintenance }: Warehouse,
): Task {
  const subject = relation(leaf)
  const last = known.get(subject)
  if (last?.after?.file === leaf.file && last.after.writes === leaf.writes)
    return idle('freeze', subject, `frozen on ${last.at.toISOString().slice(0, 10)}, and not written since`)
  if (bytesOf(leaf) === 0) return idle('freeze', subject, 'it is empty')
  return {
    name: 'freeze',
    subject,
    plan: `VACUUM (FREEZE): its dates have been over for more than ${spanText(maintenance.freeze_after)}`,
    parallel: true,
    async run({ session }) {
      requireMaintainable(await readTable(session, leaf))
      await session.run(`VACUUM (FREEZE) ${subject}`)
      const now = await readTable(session, leaf)
      if (!now) return { outcome: 'skipped', reason: 'it is gone meanwhile' }
      const after = { file: now.file, writes: now.writes, pages: now.pages, all_visible: now.all_visible }
      // Rows that somebody may still see cannot be frozen: the next run tries again.
      if (now.all_visible < now.pages) {
        return {
          outcome: 'done',
          reason: `${now.pages - now.all_visible} of ${now.pages} pages hold rows that somebody may still see`,
          after: { ...after, writes: null },
        }
      }
      return { outcome: 'done', after }
    },
  }
}
