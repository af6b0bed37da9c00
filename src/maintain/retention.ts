import { Temporal } from 'temporal-polyfill'
import { type ArchivedLeaf, listArchives } from '../ledger/archives.ts'
import { underLease } from '../ledger/lease.ts'
import { datesOf } from '../partitions/bounds.ts'
import { isPartitioned, type PartitionedDataset } from '../partitions/create.ts'
import { keptSince } from '../partitions/plan.ts'
import { inspectTarget, type Leaf, serverToday } from '../partitions/tree.ts'
import { parseRelation, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { spanText } from '../warehouse/values.ts'
import { archiveKey } from './archive/archiving.ts'
import { attachmentOf } from './archive/attachment.ts'
import { putAside } from './archive/detach.ts'
import { dropArchived, dropLeaf } from './archive/drop.ts'
import { archiveLeaf } from './archive/write.ts'
import { type Ending, idle, planEach, type Scene, type Task, type Turn } from './task.ts'
import { plainBytes } from './words.ts'

/** Leaves whose time is over are archived or dropped, and those that were kept aside long enough are dropped. */
export async function planRetention(scene: Scene): Promise<Task[]> {
  const datasets = scene.datasets.filter(isPartitioned)
  return planEach(
    scene,
    'retention',
    datasets,
    ({ name }) => name,
    async (dataset) => {
      const archives = await listArchives(scene.session, dataset.target)
      const due = archives.filter((one) => one.detached_at && !one.dropped_at && one.is_due)
      const halfway = await leftHalfway(scene.session, dataset, archives)
      return [
        ...halfway.map((archive) => asideTask(scene, dataset, archive)),
        ...(await expired(scene.session, dataset)).map((leaf) =>
          isDated(dataset, leaf)
            ? leafTask(scene, dataset, leaf)
            : idle('retention', relation(leaf), undated, 'skipped'),
        ),
        ...due.map((archived) => dropTask(dataset, archived)),
      ]
    },
  )
}

/** Leaves of which all dates have been over for longer than the policy keeps them. */
async function expired(
  session: Session,
  { target: name, partition: policy }: PartitionedDataset,
): Promise<Leaf[]> {
  const target = await inspectTarget(session, name, policy)
  const last = keptSince(policy, await serverToday(session, policy.zone))
  if (target.kind !== 'partitioned' || !last) return []
  return target.leaves.filter(
    ({ range }) => range && Temporal.PlainDate.compare(datesOf(policy, range).until, last) <= 0,
  )
}

const undated =
  'it begins before the first year: rows that have no date, such as those of the key -1, may lie in it'

/** A leaf of (-1) to (0) is where default rows live, which are as old as they will ever be. */
function isDated({ partition: policy }: PartitionedDataset, { range }: Leaf): boolean {
  return range !== undefined && datesOf(policy, range).from.year > 0
}

/** Archived leaves that a run which died has detached, and not put aside. */
async function leftHalfway(
  session: Session,
  { target }: PartitionedDataset,
  archives: ArchivedLeaf[],
): Promise<ArchivedLeaf[]> {
  const found: ArchivedLeaf[] = []
  for (const archive of archives) {
    if (!archive.proved_at || archive.detached_at) continue
    const now = await attachmentOf(session, target, parseRelation(archive.leaf))
    if (now && !now.is_attached) found.push(archive)
  }
  return found
}

function leafTask(scene: Scene, dataset: PartitionedDataset, leaf: Leaf): Task {
  const { keep, method } = dataset.partition.retention as Retention
  const why = `its dates have been over for more than ${spanText(keep)}`
  return {
    name: 'retention',
    subject: relation(leaf),
    plan: method === 'archive' ? `archive and detach it: ${why}` : `drop it: ${why}`,
    run: (turn) =>
      leased(turn, dataset, async () => {
        if (method === 'archive') return archive(turn, scene, dataset, leaf)
        await dropLeaf(turn.session, turn.work, dataset.target, leaf)
        return { outcome: 'done', reason: 'dropped', after: { freed: leaf.bytes } }
      }),
  }
}

type Retention = NonNullable<PartitionedDataset['partition']['retention']>

/** Beside the commands that archive and drop by hand. */
function leased({ session, work, run }: Turn, dataset: PartitionedDataset, body: () => Promise<Ending>) {
  return underLease(session, work, archiveKey(dataset), run, body)
}

async function archive(
  turn: Turn,
  { warehouse }: Scene,
  dataset: PartitionedDataset,
  leaf: Leaf,
): Promise<Ending> {
  const archiving = { ...turn, warehouse, dataset }
  const archived = await archiveLeaf(archiving, leaf, warehouse.maintenance.archive.format)
  const aside = await putAside(archiving, archived, leaf)
  const { folder, row_count: rows, bytes } = archived
  return {
    outcome: 'done',
    reason: `archived in ${folder}, kept as ${aside.name} for ${spanText(warehouse.maintenance.archive.keep)}`,
    after: { folder, rows, bytes, aside: relation(aside) },
  }
}

function asideTask({ warehouse }: Scene, dataset: PartitionedDataset, archived: ArchivedLeaf): Task {
  return {
    name: 'retention',
    subject: archived.leaf,
    plan: 'put it aside: it was archived and detached by a run that died',
    run: (turn) =>
      leased(turn, dataset, async () => {
        const name = parseRelation(archived.leaf)
        const now = await attachmentOf(turn.session, dataset.target, name)
        if (!now || now.is_attached)
          return { outcome: 'nothing', reason: 'another run has done it meanwhile' }
        const aside = await putAside({ ...turn, warehouse, dataset }, archived, { ...name, oid: now.oid })
        return { outcome: 'done', reason: `kept as ${aside.name}`, after: { aside: relation(aside) } }
      }),
  }
}

function dropTask(dataset: PartitionedDataset, archived: ArchivedLeaf): Task {
  return {
    name: 'retention',
    subject: archived.aside as string,
    plan: `drop it: archived in ${archived.folder}, and kept until ${archived.keep_until?.toISOString()}`,
    run: (turn) =>
      leased(turn, dataset, async () => {
        const freed = await dropArchived(turn.session, turn.work, archived)
        return {
          outcome: 'done',
          reason: `hashed once more and dropped: ${plainBytes(freed)}`,
          after: { freed },
        }
      }),
  }
}
