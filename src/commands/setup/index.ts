import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import { findArchiveTools } from '../../backup/archive.ts'
import { backupsOf } from '../../backup/folder.ts'
import { command, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { recorded } from '../../cli/recorded.ts'
import { renderStatus } from '../../cli/status.ts'
import { DwhError, toDwhError } from '../../errors.ts'
import { findStalled } from '../../ledger/lease.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { warehouseStatus } from '../../monitor/status.ts'
import type { Session } from '../../postgres/session.ts'
import { recordedGains } from '../../setup/gains.ts'
import { isDone, planSetup, type SetupPlan, touchedDatasets } from '../../setup/plan.ts'
import { type SetupOptions, type SetupResult, setUp, setupLease } from '../../setup/run.ts'
import { setupScript } from '../../setup/script.ts'
import { finish, undo } from './conclude.ts'
import { renderGains } from './gains.ts'
import { planJson } from './plan-json.ts'
import { renderPlan } from './render.ts'

export const setup = command({
  name: 'setup',
  summary: 'make the database what the warehouse file says, plain tables included',
  description:
    'Checks the server, shows a plan, asks, and then: backs up what it will convert, applies the migrations, creates the ' +
    'leaves, turns plain tables that bear the name of a dataset into partitioned ones, analyzes, verifies and measures. ' +
    'While a table is converted its writers wait; its readers do not. The plain table is kept as <name>_before_setup ' +
    'until --finish drops it; --undo puts it back. Killed anywhere, the same command resumes.',
  options: {
    dryRun: shared.dryRun,
    yes: shared.yes,
    sql: option(
      '--sql <file>',
      'write the plan as SQL for psql and stop there',
      z.string().min(1).optional(),
    ),
    backup: option('--no-backup', 'make no backup first', z.boolean().default(true)),
    backupFolder: option('--backup-folder <folder>', 'where to put the backup', z.string().min(1).optional()),
    jobs: option('--jobs <n>', 'connections that copy and build indexes', positiveInteger.max(64).default(2)),
    acceptLosses: flag('--accept-losses', 'go on although the plan says what cannot be carried over'),
    finish: flag('--finish', 'drop the plain tables that were kept; there is no undo after it'),
    undo: flag('--undo', 'put the plain tables back'),
    timeout: shared.timeout,
    tablespace: shared.tablespace,
    json: shared.json,
  },
  exits: {
    2: 'the plan needs --accept-losses, or --yes where nobody can be asked',
    4: 'it ended, but a table is not as its policy says',
    6: 'another setup is at work, or a lock did not come within the ladder',
  },
  examples: [
    'dwh -w sigeti setup',
    'dwh setup --dry-run',
    'dwh setup --sql plan.sql',
    'dwh setup --yes --backup-folder /mnt/backups',
    'dwh setup --undo',
    'dwh setup --finish',
  ],
  async run(context, input) {
    if (input.finish && input.undo) throw new DwhError('USAGE', '--finish and --undo exclude each other')
    if (input.finish) return finish(context, input)
    if (input.undo) return undo(context, input)

    const warehouse = context.warehouse()
    await using session = await context.openReadOnly()
    const looks = input.dryRun || input.sql !== undefined
    if (!looks && !(await clearTheWay(context, session, input.yes))) return context.say('nothing was changed')
    const plan = await planSetup(session, context.work, warehouse, input.tablespace)
    const options: SetupOptions = {
      jobs: input.jobs,
      backupFolder: input.backup ? resolve(input.backupFolder ?? backupsOf(warehouse)) : undefined,
    }
    if (input.sql) {
      await writeFile(input.sql, await setupScript(session, plan))
      return context.say(`the plan is in ${input.sql}; nothing was changed`)
    }
    if (input.dryRun) {
      if (input.json) return context.printJson(planJson(plan, options.backupFolder))
      return context.print(renderPlan(context.streams.out, plan, options))
    }
    if (isDone(plan)) {
      context.say('nothing to do: the database is as the warehouse file says')
      const gains = (await ledgerPresence(session)).has_ledger ? await recordedGains(session, warehouse) : []
      return conclude(context, { migrations: [], leaves: 0, gains }, input.json)
    }
    context.say(renderPlan(context.streams.err, plan, options))
    refuseLosses(plan, input.acceptLosses)
    if (plan.conversions.length > 0 && options.backupFolder) requireTools(session)
    if (!(await context.confirm('Go on?', input.yes))) return context.say('nothing was changed')
    const result = await recorded(
      context,
      touchedDatasets(plan),
      ({ session, work, run }) => setUp(session, work, warehouse, plan, run, options),
      input.timeout,
    )
    await conclude(context, result, input.json)
  },
})

/** A setup that stands still in its swap keeps the next one from as much as reading the table. */
async function clearTheWay(context: Context, session: Session, yes: boolean): Promise<boolean> {
  if (!(await ledgerPresence(session)).has_ledger) return true
  const stalled = await findStalled(session, setupLease)
  if (!stalled) return true
  context.say(`${stalled.who} has given no sign of life for too long, and may hold locks`)
  if (!(await context.confirm('End its connections?', yes))) return false
  await stalled.end()
  return true
}

/** @throws DwhError TOOL_MISSING before anything is changed */
function requireTools({ serverVersion }: Session): void {
  try {
    findArchiveTools(serverVersion)
  } catch (error) {
    const { code, message, hint } = toDwhError(error)
    throw new DwhError(code, message, { hint: `${hint}; or go without a backup: --no-backup`, cause: error })
  }
}

/** What the plan cannot carry over must be accepted by name of the flag. */
function refuseLosses({ conversions }: SetupPlan, accepted: boolean): void {
  const losses = conversions.flatMap(({ losses }) => losses)
  if (losses.length === 0 || accepted) return
  throw new DwhError(
    'NEEDS_CONFIRMATION',
    `the conversion cannot keep everything: ${losses.join('; ')}; nothing was changed`,
    {
      hint: 'if that is fine, add --accept-losses',
    },
  )
}

async function conclude(context: Context, result: SetupResult, json: boolean): Promise<void> {
  if (json) return context.printJson(result)
  if (result.gains.length > 0) context.print(`${renderGains(context.streams.out, result.gains)}\n`)
  await using session = await context.openReadOnly()
  context.print(renderStatus(context.streams.out, await warehouseStatus(session, context.warehouse())))
  for (const { kept } of result.gains) {
    context.say(
      `the plain table is kept as ${kept}: dwh setup --undo puts it back, dwh setup --finish drops it`,
    )
  }
}
