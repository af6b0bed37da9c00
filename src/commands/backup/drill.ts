import { z } from 'zod'
import { systemIdentifier } from '../../backup/describe.ts'
import { earlierDrills } from '../../backup/drill/receipt.ts'
import { type DrillResult, drill } from '../../backup/drill/run.ts'
import { sampleTables, sizeOf } from '../../backup/drill/sample.ts'
import { startScratch } from '../../backup/drill/scratch.ts'
import { BackupFolder, isPath } from '../../backup/folder.ts'
import { examineServer, findRestoreTool, requireRoom } from '../../backup/restore/preflight.ts'
import { openMaintenance } from '../../backup/restore/server.ts'
import { backupFolderOption, chosenBackups } from '../../cli/backup.ts'
import { argument, command, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { bytes, count, duration, plural, printable } from '../../cli/format.ts'
import { DwhError } from '../../errors.ts'
import type { Session } from '../../postgres/session.ts'
import { share, span, spanSeconds } from '../../warehouse/values.ts'

export const backupDrill = command({
  name: 'drill',
  summary: 'restore a backup for good, into a scratch database, and compare every table',
  description:
    'Verifies the files, restores structure, rows, indexes and constraints as dwh restore does, compares every table with its ' +
    'proof, checks pages and indexes with amcheck where it can be had, and drops the database again, also one that a killed ' +
    'drill has left. The receipt lies beside the backups: with it a backup counts as proved. Of leaves --sample and --budget ' +
    'take those whose last proof is the oldest, so that drills go round; all other tables are always restored.',
  arguments: {
    backup: argument(
      '[backup]',
      'its name or a path to it; the newest unless named',
      z.string().min(1).optional(),
    ),
  },
  options: {
    latest: flag('--latest', 'the newest'),
    folder: backupFolderOption,
    sample: option(
      '--sample <part>',
      'of the bytes of leaves, such as 10%; as in the warehouse file unless given',
      share.optional(),
    ),
    budget: option(
      '--budget <span>',
      'as many leaves as are likely to be done in this time, by the speed of the last drill',
      span.optional(),
    ),
    server: option(
      '--server <which>',
      'where: on the server of the settings, or on a throw-away one of this machine’s binaries',
      z.enum(['settings', 'scratch']).default('settings'),
    ),
    keep: flag('--keep', 'leave the scratch database to look at; you drop it'),
    jobs: option(
      '--jobs <n>',
      'connections that copy rows, build indexes and compare',
      positiveInteger.max(64).default(2),
    ),
    trust: flag('--trust', 'the backup is of another server, and you know who made it'),
    json: shared.json,
  },
  exits: {
    3: 'the server lacks what the backup needs, or cannot be reached; nothing was proved either way',
    4: 'it could not be restored, or something differs; the receipt says what',
    6: 'another drill is at work on the server',
  },
  examples: [
    'dwh backup drill',
    'dwh backup drill sales-2026-11-22T03-00-00Z --sample 10%',
    'dwh backup drill --latest --budget 30min --server scratch',
  ],
  async run(context, input) {
    const { backup: wanted, latest, keep, server, json } = input
    if (latest && wanted !== undefined) throw new DwhError('USAGE', '--latest names the backup already')
    if (keep && server === 'scratch')
      throw new DwhError('USAGE', '--keep goes with a database: a scratch server is deleted with all it has')
    const place = chosenBackups(
      context,
      wanted !== undefined && isPath(wanted) ? (input.folder ?? wanted) : input.folder,
    )
    const found = await BackupFolder.find(place.path, wanted)
    const { manifest } = found.backup
    const tables = sampleTables(manifest.tables, await earlierDrills(found.folder.path), {
      share: input.sample ?? context.warehouseIfAny()?.backup.drill.sample,
      budget: input.budget && spanSeconds(input.budget),
    })
    context.say(
      printable(
        `drill of ${found.backup.name}: ${plural(tables.length, 'table')} of ${count(manifest.tables.length)}, ${bytes(sizeOf(tables))}`,
      ),
    )
    const run = async (session: Session): Promise<DrillResult> => {
      const facts = await examineServer(session, manifest)
      // A scratch server is nobody's origin: where the backup comes from is told by the server of the settings.
      const identifier = server === 'scratch' ? await ownIdentifier(context) : facts.systemIdentifier
      const tool = findRestoreTool(manifest, { ...facts, systemIdentifier: identifier }, input.trust)
      requireRoom({ ...manifest, tables }, facts.free)
      return drill(session, context.work, {
        ...{ ...found, tables, tool, keep, jobs: input.jobs },
        kind: server === 'scratch' ? 'scratch' : 'database',
      })
    }
    const result =
      server === 'scratch' ? await onScratch(context, manifest, run) : await onServer(context, run)
    if (json) context.printJson({ ...result.receipt, receipt: result.path, kept: result.kept })
    else context.print(lines(result))
  },
})

async function onServer(
  context: Context,
  run: (session: Session) => Promise<DrillResult>,
): Promise<DrillResult> {
  const { target } = context.connection()
  await using session = await openMaintenance(target, context.work, 'dwh backup drill')
  return await run(session)
}

/** Null where the server of the settings cannot be asked: a drill needs none. */
async function ownIdentifier(context: Context): Promise<string | null> {
  try {
    const { target } = context.connection()
    await using session = await openMaintenance(target, context.work, 'dwh backup drill')
    return await systemIdentifier(session)
  } catch {
    context.work.signal.throwIfAborted()
    return null
  }
}

async function onScratch(
  context: Context,
  manifest: Parameters<typeof startScratch>[1],
  run: (session: Session) => Promise<DrillResult>,
): Promise<DrillResult> {
  await using server = await startScratch(context.work, manifest)
  await using session = await openMaintenance(server.target, context.work, 'dwh backup drill')
  return await run(session)
}

function lines({ receipt, path, kept }: DrillResult): string {
  const { backup, drilled, tables, seconds, ready_seconds: ready, amcheck, compared } = receipt
  const rows = compared.reduce((sum, table) => sum + (table.rows ?? 0), 0)
  const unproved = compared.filter(({ by }) => by !== 'hash').length
  return [
    `${backup} can be restored: ${count(drilled)} of ${plural(tables, 'table')}, ${count(rows)} rows, compared in ${duration(seconds)}`,
    ...(ready === null ? [] : [`first query after ${duration(ready)}`]),
    ...(unproved > 0 ? [`${plural(unproved, 'table')} could not be compared by hash`] : []),
    amcheck
      ? `amcheck: ${plural(amcheck.tables, 'table')} and ${plural(amcheck.indexes, 'index', 'indexes')} are sound`
      : 'amcheck: the extension is not installed, pages were not checked',
    `receipt: ${path}`,
    ...(kept === null ? [] : [`kept: ${kept}; dropdb ${kept} drops it`]),
  ]
    .map(printable)
    .join('\n')
}
