import { z } from 'zod'
import { BackupFolder, isPath } from '../../backup/folder.ts'
import { requireReplayed } from '../../backup/replay/run.ts'
import { planRestore, type RestoreWishes } from '../../backup/restore/plan.ts'
import { runRestore } from '../../backup/restore/run.ts'
import { lockRestore, openMaintenance } from '../../backup/restore/server.ts'
import { isByPgBackRest } from '../../cli/backup.ts'
import { argument, command, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import { DwhError } from '../../errors.ts'
import { calendarDate, instant } from '../../warehouse/values.ts'
import { finish, undo } from './conclude.ts'
import { concludeLeaves, restoreLeaves } from './leaves.ts'
import { restoreByPgBackRest } from './pgbackrest.ts'
import { planJson, renderPlan, renderResult } from './render.ts'
import { lostJson, planLater, refuseReplay, replay, replayAfter, replayLines } from './replay.ts'
import { connectionOf, folderOf } from './where.ts'

export const restore = command({
  name: 'restore',
  summary: 'bring a backup back: beside the live database, proved, and then in its place',
  description:
    'Reads every file of the backup, restores it into a new database beside the live one, compares every table with what the ' +
    'backup says of it, and only then gives it the name of the live one, which is kept as <db>_before_restore_<time>. Needs ' +
    'neither the live database nor its ledger. Until the exchange, which is one transaction, the live database is not touched; ' +
    '--undo exchanges back, --finish drops what was kept. Killed anywhere, the same command resumes: finished tables stay.',
  arguments: {
    backup: argument(
      '[backup]',
      'its name in the folder of backups, or a path to it',
      z.string().min(1).optional(),
    ),
    datasets: argument(
      '[dataset...]',
      'of these datasets leaves only, into the live database; all of it unless named',
      z.array(z.string().min(1)).default([]),
    ),
  },
  options: {
    latest: flag('--latest', 'the newest backup'),
    partition: option(
      '--partition <name...>',
      'of datasets, the leaves that hold a period such as 2023, 2023-06 or 2023-Q2, or a leaf by its name',
      z.array(z.string().min(1)).default([]),
    ),
    from: option(
      '--from <date>',
      'of datasets, the leaves that hold this date or later ones',
      calendarDate.optional(),
    ),
    to: option(
      '--to <date>',
      'of datasets, the leaves that hold dates before this one',
      calendarDate.optional(),
    ),
    beside: flag('--beside', 'of datasets, stop before the exchange: restored leaves lie beside the table'),
    folder: option(
      '--folder <folder>',
      'the folder of backups; as in the warehouse file unless given',
      z.string().min(1).optional(),
    ),
    into: option(
      '--into <name>',
      'restore into a new database of this name and stop there; with pgBackRest into this folder',
      z.string().min(1).optional(),
    ),
    at: option('--at <time>', 'with pgBackRest: everything that was committed by then', instant.optional()),
    keepRunning: flag('--keep-running', 'with pgBackRest: leave the restored server running'),
    compare: option(
      '--no-compare',
      'with pgBackRest: do not read the tables of the datasets on both sides',
      z.boolean().default(true),
    ),
    blockConnections: flag(
      '--block-connections',
      'at the exchange, end who is connected; nobody comes in until it is done',
    ),
    jobs: option(
      '--jobs <n>',
      'connections that copy rows, build indexes and prove',
      positiveInteger.max(64).default(2),
    ),
    tablespace: option(
      '--tablespace <name>',
      'where the new database shall lie',
      z.string().min(1).optional(),
    ),
    trust: flag('--trust', 'the backup is of another server, and you know who made it'),
    anew: flag('--anew', 'drop what earlier attempts have left, and begin from the start'),
    replay: flag(
      '--replay',
      'load again what was loaded after the backup, from the files where they lie; alone: after a restore',
    ),
    undo: flag('--undo', 'give the old database its name back'),
    finish: flag('--finish', 'drop the database that was kept; there is no undo after it'),
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: {
    1: 'it failed; the live database is as it was, and the message says what is left',
    3: 'the server lacks what the backup needs, or cannot be reached; nothing was made',
    6: 'another restore is at work, or somebody is connected to the live database',
  },
  examples: [
    'dwh restore --latest --dry-run',
    'dwh restore sales-2026-11-22T03-00-00Z --block-connections',
    'dwh restore /mnt/backups/sales-2026-11-22T03-00-00Z --into look',
    'dwh restore --latest fait_factures --partition 2023',
    'dwh restore --latest fait_factures --from 2023-06 --to 2023-09 --beside',
    'dwh restore --undo fait_factures',
    'dwh restore --latest --block-connections --replay',
    'dwh restore --replay --dry-run',
    'dwh restore --at 2026-11-22T13:10:57Z --into /var/lib/postgresql/restored --keep-running',
    'dwh restore --undo',
    'dwh restore --finish',
  ],
  async run(context, input) {
    if (input.undo && input.finish) throw new DwhError('USAGE', '--undo and --finish exclude each other')
    if (isByPgBackRest(context, input.folder) && !isPath(input.backup ?? ''))
      return restoreByPgBackRest(context, input)
    refusePhysicalFlags(input)
    const folder = folderOf(context, input.folder)
    const { backup: wanted, datasets } = namesIn(input)
    if (datasets.length === 0) refuseLeafFlags(input)
    if (input.replay) refuseReplay(input, datasets)
    if (input.undo)
      return datasets.length > 0
        ? concludeLeaves(context, datasets, 'undo', input)
        : undo(context, folder, input)
    if (input.finish)
      return datasets.length > 0
        ? concludeLeaves(context, datasets, 'finish', input)
        : finish(context, folder, input)
    if (input.replay && !input.latest && wanted === undefined) return replay(context, input)
    if (input.latest === (wanted !== undefined)) {
      throw new DwhError('USAGE', 'name a backup, or say --latest; nothing was changed', {
        hint: `see: ls ${folder}`,
      })
    }
    if (datasets.length > 0) return restoreLeaves(context, folder, wanted, datasets, input)
    const found = await BackupFolder.find(folder, wanted)
    const { target, isNamed } = connectionOf(context)
    const wishes: RestoreWishes = {
      ...found,
      live:
        input.into === undefined ? (isNamed ? target.database : found.backup.manifest.database.name) : null,
      into: input.into,
      jobs: input.jobs,
      tablespace: input.tablespace,
      blockConnections: input.blockConnections,
      trust: input.trust,
      anew: input.anew,
    }
    const later = input.replay ? { files: await planLater(context, target, wishes) } : undefined
    const busy = wishes.live ?? (wishes.into as string)
    await using session = await openMaintenance({ ...target, database: busy }, context.work, 'dwh restore')
    await using _lock = input.dryRun ? undefined : await lockRestore(session, busy)
    const plan = await planRestore(session, context.work, wishes)
    if (input.dryRun) {
      if (input.json)
        return context.printJson({
          ...planJson(plan),
          ...(later && { replay: later.files?.map(lostJson) ?? null }),
        })
      context.print(renderPlan(context.streams.out, plan))
      return later && context.print(replayLines(later.files).join('\n'))
    }
    context.say(renderPlan(context.streams.err, plan))
    if (later) context.say(replayLines(later.files).join('\n'))
    if (!(await context.confirm('Go on?', input.yes))) return context.say('nothing was changed')
    const result = await runRestore(session, context.work, plan, context.words)
    if (!later || !result.exchanged) {
      if (input.json) context.printJson(result)
      else context.print(renderResult(context.streams.out, result))
      return
    }
    if (!input.json) context.print(renderResult(context.streams.out, result))
    const replayed = await replayAfter(context, result.database)
    if (input.json) context.printJson({ ...result, replayed })
    requireReplayed(replayed)
  },
})

/** Where no backup is to be named, the first word is a dataset. */
function namesIn({
  backup,
  datasets,
  latest,
  undo,
  finish,
}: {
  backup: string | undefined
  datasets: string[]
  latest: boolean
  undo: boolean
  finish: boolean
}): { backup: string | undefined; datasets: string[] } {
  if (!(latest || undo || finish) || backup === undefined) return { backup, datasets }
  return { backup: undefined, datasets: [backup, ...datasets] }
}

function refusePhysicalFlags(input: {
  at: unknown
  keepRunning: boolean
  compare: boolean
  into: string | undefined
}): void {
  if (input.at !== undefined || input.keepRunning || !input.compare) {
    throw new DwhError('USAGE', '--at, --keep-running and --no-compare are for backup.engine: pgbackrest', {
      hint: 'a backup of pg_dump is of one moment: see dwh backup list',
    })
  }
  if (input.into !== undefined && Buffer.byteLength(input.into) > 63)
    throw new DwhError('USAGE', '--into: the name of a database has at most 63 bytes; nothing was changed')
}

function refuseLeafFlags(input: { partition: string[]; from: unknown; to: unknown; beside: boolean }): void {
  const { partition, from, to, beside } = input
  if (partition.length === 0 && from === undefined && to === undefined && !beside) return
  throw new DwhError(
    'USAGE',
    '--partition, --from, --to and --beside go with datasets, and none is named; nothing was changed',
    {
      hint: 'type: dwh restore BACKUP DATASET --partition 2023; a whole database goes beside with --into NAME',
    },
  )
}
