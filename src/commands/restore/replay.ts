import { dirname } from 'node:path'
import {
  type LostFile,
  planReplay,
  type Replayed,
  replayLoads,
  requireReplayed,
} from '../../backup/replay/run.ts'
import type { RestoreWishes } from '../../backup/restore/plan.ts'
import { Context } from '../../cli/context.ts'
import { plural, printable } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { makePrivate } from '../../postgres/server/folder.ts'
import { Session } from '../../postgres/session.ts'
import type { Target } from '../../postgres/target.ts'

interface Answers {
  dryRun: boolean
  yes: boolean
  json: boolean
}

/** `dwh restore --replay` */
export async function replay(context: Context, { dryRun, yes, json }: Answers): Promise<void> {
  const files = await lostFiles(context)
  if (dryRun && json) return context.printJson(files.map(lostJson))
  if (dryRun) return context.print(replayLines(files).join('\n'))
  if (files.length === 0) {
    context.say('nothing to do: everything that restores have taken away was loaded again')
    return json ? context.printJson([]) : undefined
  }
  context.say(replayLines(files).join('\n'))
  if (!(await context.confirm('Load them again?', yes))) return context.say('nothing was changed')
  const results = await run(context, files)
  if (json) context.printJson(results)
  requireReplayed(results)
}

/**
 * The end of a restore with --replay: no question any more.
 *
 * @param database that holds what was restored
 */
export async function replayAfter(context: Context, database: string): Promise<Replayed[]> {
  const { streams, globals, work, command, words } = context
  const there = new Context(streams, { ...globals, database }, work, command, words)
  const files = await lostFiles(there)
  return files.length === 0 ? [] : run(there, files)
}

/** What the restore would take away, by the ledger that it is to replace; undefined where that cannot be read. */
export async function planLater(
  context: Context,
  target: Target,
  { live, backup }: RestoreWishes,
): Promise<LostFile[] | undefined> {
  const warehouse = context.warehouse()
  if (live === null) return []
  try {
    await using session = await Session.open({ ...target, database: live }, 'dwh restore', context.work)
    return await planReplay(session, warehouse, folders(context), backup.manifest.snapshot.at)
  } catch {
    context.work.signal.throwIfAborted()
    return undefined
  }
}

async function lostFiles(context: Context): Promise<LostFile[]> {
  const warehouse = context.warehouse()
  await using session = await context.openReadOnly()
  return await planReplay(session, warehouse, folders(context))
}

const folders = (context: Context) => [...new Set([process.cwd(), dirname(context.warehouse().path)])]

async function run(context: Context, files: LostFile[]): Promise<Replayed[]> {
  const datasets = [...new Set(files.map(({ lost }) => lost.dataset))]
  const warehouse = context.warehouse().name
  return recorded(context, datasets, ({ session, work, run }) =>
    replayLoads(session, work, files, { warehouse, run, spoolFolder: makePrivate('spool') }, (result) =>
      context.say(printable(resultLine(result))),
    ),
  )
}

/** For people, below the plan of the restore or alone. */
export function replayLines(files: LostFile[] | undefined): string[] {
  if (files === undefined)
    return [
      '  replay    what the restored ledger knows of; the one of the database that is replaced cannot be read',
    ]
  const ready = files.filter(({ path }) => path !== undefined)
  return [
    `  replay    ${plural(files.length, 'load')}, of which ${ready.length} with their files`,
    ...ready.map(({ lost, path }) => `    ${lost.dataset}  ${path}`),
    ...files.flatMap(({ lost, why }) =>
      why === undefined ? [] : [`! ${lost.dataset}  ${lost.input} is left: ${why}`],
    ),
  ].map(printable)
}

export function lostJson({ lost, path, why }: LostFile) {
  return { load: lost.load, dataset: lost.dataset, file: lost.input, path: path ?? null, why: why ?? null }
}

function resultLine({ file, state, again, why }: Replayed): string {
  if (state === 'loaded') return `${file} is loaded again, as load ${again}`
  return state === 'already loaded'
    ? `${file} is there again: load ${again}`
    : `! ${file} is ${state}: ${why}`
}

/** @throws DwhError USAGE for what it does not go with */
export function refuseReplay(
  { undo, finish, into }: { undo: boolean; finish: boolean; into: string | undefined },
  datasets: string[],
): void {
  const other = undo ? '--undo' : finish ? '--finish' : into !== undefined ? '--into' : undefined
  if (other) throw new DwhError('USAGE', `--replay does not go with ${other}; nothing was changed`)
  if (datasets.length === 0) return
  throw new DwhError('USAGE', '--replay goes with a whole database, not with leaves; nothing was changed', {
    hint: 'the plan of a restore of leaves names the files: dwh load DATASET FILE --again loads one once more',
  })
}
