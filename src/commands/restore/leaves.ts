import type { Temporal } from 'temporal-polyfill'
import { type Backup, BackupFolder } from '../../backup/folder.ts'
import {
  besideName,
  type Concludable,
  findLeaves,
  finishLeaves,
  undoLeaves,
} from '../../backup/restore/leaves/conclude.ts'
import { type LeavesPlan, planLeaves } from '../../backup/restore/leaves/plan.ts'
import { type LeavesResult, runLeaves } from '../../backup/restore/leaves/run.ts'
import type { Context } from '../../cli/context.ts'
import { partitionedDataset } from '../../cli/datasets.ts'
import { plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import type { PartitionedDataset } from '../../partitions/create.ts'
import { shown } from '../../postgres/identifiers.ts'
import { leavesPlanJson, renderLeavesPlan, renderLeavesResult } from './leaves-render.ts'

export interface LeafFlags {
  partition: string[]
  from: Temporal.PlainDate | undefined
  to: Temporal.PlainDate | undefined
  beside: boolean
  jobs: number
  anew: boolean
  dryRun: boolean
  yes: boolean
  json: boolean
}

/** `dwh restore BACKUP DATASET…` */
export async function restoreLeaves(
  context: Context,
  folder: string,
  wanted: string | undefined,
  names: string[],
  flags: LeafFlags,
): Promise<void> {
  const datasets = names.map((name) => partitionedDataset(context, name))
  const found =
    wanted === undefined ? await latestOf(folder, datasets) : await BackupFolder.find(folder, wanted)
  const plans: LeavesPlan[] = []
  {
    await using session = await context.openReadOnly()
    const { beside, jobs, anew, partition: partitions, from, to: until } = flags
    const leaves = { partitions, from, until }
    for (const dataset of datasets)
      plans.push(await planLeaves(session, context.work, { ...found, dataset, leaves, beside, jobs, anew }))
  }
  if (flags.dryRun && flags.json) return context.printJson(plans.map(leavesPlanJson))
  if (flags.dryRun)
    return context.print(plans.map((plan) => renderLeavesPlan(context.streams.out, plan)).join('\n'))
  context.say(plans.map((plan) => renderLeavesPlan(context.streams.err, plan)).join('\n'))
  if (!(await context.confirm('Go on?', flags.yes))) return context.say('nothing was changed')
  const results = await recorded(context, names, async ({ session, work, run }) => {
    const done: LeavesResult[] = []
    for (const plan of plans) done.push(await runLeaves(session, work, plan, run))
    return done
  })
  if (flags.json) return context.printJson(results)
  context.print(results.map((result) => renderLeavesResult(context.streams.out, result)).join(''))
}

/** The newest backup that has leaves of these datasets: beside those of the database there may be some of other tables. */
async function latestOf(
  path: string,
  datasets: PartitionedDataset[],
): Promise<{ folder: BackupFolder; backup: Backup }> {
  const folder = new BackupFolder(path)
  const { backups } = await folder.list()
  const has = ({ manifest }: Backup, { target }: PartitionedDataset) =>
    manifest.tables.some(({ parent }) => parent?.schema === target.schema && parent.name === target.name)
  const backup = backups.find((one) => datasets.every((dataset) => has(one, dataset)))
  if (backup) return { folder, backup }
  throw new DwhError(
    'USAGE',
    `no backup in ${path} has leaves of ${datasets.map(({ target }) => shown(target)).join(' and ')}; nothing was changed`,
    { hint: 'see: dwh backup list' },
  )
}

/** `dwh restore --undo DATASET…`, `dwh restore --finish DATASET…` */
export async function concludeLeaves(
  context: Context,
  names: string[],
  verb: 'undo' | 'finish',
  { dryRun, yes, json }: Pick<LeafFlags, 'dryRun' | 'yes' | 'json'>,
): Promise<void> {
  const found: Concludable[] = []
  {
    await using session = await context.openReadOnly()
    for (const name of names) found.push(await findLeaves(session, partitionedDataset(context, name), verb))
  }
  const lines = found.flatMap((one) => (verb === 'undo' ? undoLines(one) : finishLines(one)))
  const document = found.map(({ dataset, backup, leaves }) => ({
    dataset: dataset.name,
    backup,
    leaves: leaves.map(({ leaf_name }) => leaf_name),
    beside: leaves.flatMap((leaf) => besideName(leaf) ?? []),
  }))
  context.say(lines.map(printable).join('\n'))
  if (dryRun) return json ? context.printJson(document) : undefined
  const question = verb === 'undo' ? 'Exchange them back?' : 'Drop it for good?'
  if (!(await context.confirm(question, yes))) return context.say('nothing was changed')
  await recorded(context, names, async ({ session, work, run }) => {
    for (const one of found) {
      if (verb === 'undo') await undoLeaves(session, work, one, run)
      else await finishLeaves(session, work, one, run)
    }
    return document
  })
  context.say(
    verb === 'undo'
      ? 'the old leaves are in their places again; dwh restore --finish DATASET drops what was restored'
      : 'dropped',
  )
  if (json) context.printJson(document)
}

function undoLines({ parent, backup, leaves }: Concludable): string[] {
  return [
    `${plural(leaves.length, 'leaf', 'leaves')} of ${shown(parent)}, restored from ${backup}:`,
    ...leaves.map(({ leaf_name, kept_name, aside_name }) =>
      kept_name === null
        ? `  ${leaf_name} was missing: it is detached, and kept as ${aside_name}`
        : `  ${leaf_name} becomes ${aside_name}; ${kept_name} becomes ${leaf_name}`,
    ),
    'what was written into them since goes with them',
  ]
}

function finishLines({ parent, leaves }: Concludable): string[] {
  const names = leaves.flatMap((leaf) => besideName(leaf) ?? [])
  return [
    names.length === 0
      ? `nothing of ${shown(parent)} is to be dropped; its restore cannot be taken back any more`
      : `to drop for good, without a way back: ${names.join(', ')}`,
  ]
}
