import { atWork, writePlan } from '../../backfill/write-plan.ts'
import { standardCompression } from '../../backup/compress.ts'
import { createBackup } from '../../backup/create.ts'
import { backupsOf, safeName } from '../../backup/folder.ts'
import { tablesScope } from '../../backup/scope.ts'
import { takenOf } from '../../cli/backfill.ts'
import { command, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import type { RecordedRun } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { step } from '../../events.ts'
import { releaseDead } from '../../ledger/workers.ts'
import { planFlags } from './flags.ts'
import { type Prepared, prepare } from './prepare.ts'
import { planJson, renderPlan } from './render.ts'
import { working } from './working.ts'

export const backfillRun = command({
  name: 'run',
  summary: 'fill datasets from their sources, window by window, each exactly once',
  description:
    'Plans as dwh backfill plan does, shows the plan, asks, and works. A window is fetched aside, loaded out of sight of all ' +
    'readers, and becomes visible in one transaction with its row in the ledger: killed anywhere, the same command goes on ' +
    'with what is left. Others may share the work from any machine: dwh backfill work. With --force the rows of a window are ' +
    'replaced, and kept for dwh backfill undo.',
  options: { ...planFlags, dryRun: shared.dryRun, yes: shared.yes, json: shared.json },
  exits: {
    1: 'failed; or no source of the plan can be reached, and nothing was changed',
    4: 'the server is not fit for it; nothing was changed',
    5: 'some windows failed, or their rows were set apart; the others are done',
    6: 'another run has these windows already',
    130: 'interrupted; windows that were begun are undone, and the same command goes on',
  },
  examples: [
    'dwh backfill run --dataset measure --source piezo --from 2024-01-01 --to 2025-01-01 --chunk month',
    'dwh backfill run --all --year 2024 --parallel 4 --yes',
    'dwh backfill run --dataset measure --day 2024-03-15 --force --yes',
    'dwh backfill run --dataset measure --year 2024 --failed',
    'dwh backfill run --dataset measure --quarter 2023-Q1 --param region=north --window "Mon-Fri 20:00-06:00 Europe/Paris"',
  ],
  async run(context, input) {
    const prepared = await prepare(context, input)
    const { dryRun, yes, json, timeout } = input
    if (dryRun)
      return json
        ? context.printJson(planJson(prepared))
        : context.print(renderPlan(context.streams.out, prepared))
    context.say(renderPlan(context.streams.err, prepared))
    if (takenOf(prepared.plan) === 0) return nothingToDo(context, prepared, json)
    refuseUnfit(prepared)
    if (!(await context.confirm('Go on?', yes))) return context.say('nothing was changed')
    const names = [...new Set(prepared.plan.request.pairs.map(({ dataset }) => dataset.name))]
    await working(context, names, { json, timeout }, async (recorded) => {
      const { session, work, run } = recorded
      await releaseDead(session, work, run)
      if (prepared.backup) await backUp(context, recorded, prepared)
      await writePlan(session, context.warehouse(), prepared.plan, run, prepared)
      return [run]
    })
  },
})

function nothingToDo(context: Context, { plan }: Prepared, json: boolean): void {
  const busy = plan.chunks.find(({ standing }) => standing === 'at work')
  if (busy) throw atWork(busy.past)
  const standings = new Set(plan.chunks.map(({ standing }) => standing))
  const advice = [
    ...(standings.has('done') ? ['--force replaces what is done, --all-windows loads it once more'] : []),
    ...(standings.has('quarantined') ? ['what is set apart waits for dwh backfill accept, or --failed'] : []),
    ...(standings.has('to come') ? ['days that have not begun are left out'] : []),
  ]
  context.say(`nothing to do${advice.length > 0 ? `: ${advice.join('; ')}` : ''}`)
  if (json) context.printJson(null)
}

/** @throws DwhError CHECK_FAILED; where no source of the plan can give anything what that ends with, such as LOGIN_REFUSED */
function refuseUnfit({ checks }: Prepared): void {
  const failed = checks.filter(({ state }) => state === 'no')
  if (failed.length === 0) return
  const hints = failed.flatMap(({ hint }) => (hint ? [hint] : []))
  const [code, ...others] = new Set(failed.map(({ code }) => code ?? 'CHECK_FAILED'))
  throw new DwhError(
    code !== undefined && others.length === 0 ? code : 'CHECK_FAILED',
    `${failed.map(({ what, finding }) => `${what}: ${finding}`).join('; ')}; nothing was changed`,
    hints.length > 0 ? { hint: hints.join('; ') } : {},
  )
}

async function backUp(
  context: Context,
  { session, work, run }: RecordedRun,
  { plan }: Prepared,
): Promise<void> {
  const warehouse = context.warehouse()
  const taken = plan.chunks.filter(({ taken }) => taken)
  const tables = new Map(taken.map(({ pair }) => [pair.dataset.name, pair.dataset.target]))
  await step(
    work,
    'backup',
    () =>
      createBackup(session, work, {
        folder: backupsOf(warehouse),
        name: `backfill-${safeName(session.target.database)}`,
        scope: tablesScope([...tables.values()]),
        jobs: warehouse.backup.jobs,
        compression: standardCompression,
        run,
      }),
    ({ path, files }) => `${path}: ${files} files, hashed and proved`,
  )
}
