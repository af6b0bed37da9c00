import { z } from 'zod'
import { type Judged, type PrunePlan, planPrune, prune } from '../../backup/prune.ts'
import { backupFolderOption, chosenBackups, isByPgBackRest } from '../../cli/backup.ts'
import { command, option, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { age, bytes, plural } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import { warehouseSchema } from '../../warehouse/schema.ts'
import { refusePruning } from './pgbackrest.ts'

const periods = z.coerce.number<string>().int().min(0).optional()

export const backupPrune = command({
  name: 'prune',
  summary: 'remove backups that retention keeps no longer',
  description:
    'Keeps the newest backup of each of the last days, weeks and months that have one (backup.keep of the warehouse file), ' +
    'counted for each database and scope by itself; always the newest, the last one that a drill has proved, and any that ' +
    'a restore uses. Files of sealed leaves go with the last backup that refers to them. Nothing goes when the newest ' +
    'attempt to make a backup failed. Needs no database.',
  options: {
    daily: option('--daily <n>', 'days, instead of those of the warehouse file', periods),
    weekly: option('--weekly <n>', 'weeks', periods),
    monthly: option('--monthly <n>', 'months', periods),
    folder: backupFolderOption,
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: {
    4: 'the newest attempt to make a backup failed: nothing was removed',
    6: 'another command writes into the folder',
  },
  examples: [
    'dwh backup prune --dry-run',
    'dwh backup prune --yes',
    'dwh backup prune --daily 14 --monthly 24 --yes',
  ],
  async run(context, { daily, weekly, monthly, folder: named, dryRun, yes, json }) {
    if (isByPgBackRest(context, named)) refusePruning(context)
    const folder = chosenBackups(context, named)
    const standard = keepOf(context)
    const keep = {
      daily: daily ?? standard.daily,
      weekly: weekly ?? standard.weekly,
      monthly: monthly ?? standard.monthly,
    }
    const plan = await planPrune(folder, keep)
    if (dryRun)
      return json ? context.printJson(planJson(plan)) : context.print(renderPlan(context.streams.out, plan))
    const gone = plan.backups.filter(isGone)
    if (gone.length + plan.files.length + plan.leftovers.length === 0) {
      context.say('nothing to do: every backup is to be kept')
      if (json) context.printJson({ removed: [], files: 0, bytes: 0 })
      return
    }
    context.say(renderPlan(context.streams.err, plan))
    if (!(await context.confirm(`Remove ${plural(gone.length, 'backup')}?`, yes)))
      return context.say('nothing was changed')
    const done = await prune(folder, context.work, keep)
    if (json) context.printJson({ removed: done.backups, files: done.files, bytes: done.bytes })
    else context.say(`${plural(done.backups.length, 'backup')} removed, ${bytes(done.bytes)} free`)
  },
})

const isGone = ({ reasons }: Judged) => reasons.length === 0

/** Of the warehouse file; without one, what such a file says unless it says otherwise. */
function keepOf(context: Context) {
  return (context.warehouseIfAny() ?? warehouseSchema.parse({ name: 'none' })).backup.keep
}

function renderPlan(stream: Stream, { backups, files, leftovers, bytes: freed }: PrunePlan): string {
  const list = table<Judged>(
    stream,
    [
      { title: 'backup', value: ({ backup }) => backup.name },
      {
        title: 'age',
        value: ({ backup }) => age((Date.now() - Date.parse(backup.manifest.snapshot.at)) / 1000),
        align: 'right',
      },
      { title: 'size', value: ({ backup }) => bytes(backup.bytes), align: 'right' },
      { title: 'kept for', value: ({ reasons }) => reasons.join(', ') || 'nothing: it is removed' },
    ],
    backups,
  )
  const gone = backups.filter(isGone).length
  const rest = leftovers.length > 0 ? `; and what is left of ${plural(leftovers.length, 'removed one')}` : ''
  return `${list}${plural(gone, 'backup')} to remove, and ${plural(files.length, 'file')} of sealed leaves: ${bytes(freed)}${rest}\n`
}

function planJson({ backups, files, leftovers, bytes: freed }: PrunePlan) {
  return {
    backups: backups.map(({ backup, reasons }) => ({
      backup: backup.name,
      bytes: backup.bytes,
      kept_for: reasons,
    })),
    files,
    leftovers,
    bytes: freed,
  }
}
