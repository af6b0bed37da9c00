import { z } from 'zod'
import { argument, command, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError, toDwhError } from '../../errors.ts'
import { keepSizes } from '../../ledger/sizes.ts'
import { planMaintenance, taskNames } from '../../maintain/plan.ts'
import { runTasks, type TaskResult } from '../../maintain/run.ts'
import { readTables, sizeOf } from '../../maintain/tables.ts'
import type { Task, TaskName } from '../../maintain/task.ts'
import { MaintenanceWindow } from '../../maintain/window.ts'
import { requireTablespace } from '../../postgres/tablespace.ts'
import type { Dataset, Warehouse } from '../../warehouse/load.ts'
import { didYouMean } from '../../warehouse/nearest.ts'
import { span } from '../../warehouse/values.ts'
import { planJson, renderPlan, renderSum, requireAllDone, resultsJson } from './render.ts'

export const maintain = command({
  name: 'maintain',
  summary: 'look after the tables: leaves to come, VACUUM, ANALYZE, rewrites, indexes, retention, checks',
  description:
    'Does what `weekly` or `monthly` stand for in the warehouse file, or the tasks that are named: ' +
    `${taskNames.join(', ')}. Each does one thing to one table in transactions of its own and leaves a row in the ledger; ` +
    'one that fails neither stops nor undoes another. Only what needs it is touched. Outside of the window of the warehouse file ' +
    'nothing is begun but new leaves, and what still runs at its end is stopped.',
  arguments: {
    task: argument('<task...>', 'weekly, monthly or tasks', z.array(z.string()).min(1)),
  },
  options: {
    dataset: option('--dataset <name...>', 'only of these', z.array(z.string()).default([])),
    timeout: option(
      '--timeout <span>',
      'stop a task after this time, such as 2h, and go on with the next',
      span.optional(),
    ),
    jobs: option(
      '--jobs <n>',
      'tables that are vacuumed, frozen or rewritten at the same time',
      positiveInteger.optional(),
    ),
    tablespace: shared.tablespace,
    now: flag('--now', 'outside of the maintenance window too'),
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: { 5: 'some tasks failed or were stopped: the others are done' },
  examples: [
    'dwh maintain weekly --yes',
    'dwh -w sigeti maintain monthly --dry-run',
    'dwh maintain vacuum freeze --dataset fait_factures --timeout 30min',
    'dwh maintain rewrite --now --yes --json',
  ],
  async run(context, { task, dataset, timeout, jobs, tablespace, now, dryRun, yes, json }) {
    const warehouse = context.warehouse()
    const names = namesOf(task, warehouse)
    const datasets =
      dataset.length > 0 ? dataset.map((name) => namedDataset(context, name)) : warehouse.datasets
    const tasks = await plan(context, names, datasets, tablespace)
    if (dryRun) {
      if (json) context.printJson({ warehouse: warehouse.name, tasks: tasks.map(planJson) })
      else context.print(renderPlan(context.streams.out, tasks))
      return
    }
    const pending = tasks.filter(({ idle }) => !idle)
    if (pending.length > 0) {
      context.say(renderPlan(context.streams.err, pending))
      if (!(await context.confirm('Do it?', yes))) return context.say('nothing was changed')
    }
    const { maintenance } = warehouse
    const options = {
      timeout: timeout ?? maintenance.timeout,
      jobs: jobs ?? maintenance.jobs,
      window: now ? undefined : maintenance.window,
    }
    await perform(context, warehouse, datasets, tasks, options, json)
  },
})

/** @throws DwhError USAGE */
function namesOf(words: string[], { maintenance }: Warehouse): TaskName[] {
  const lists: Record<string, TaskName[]> = { weekly: maintenance.weekly, monthly: maintenance.monthly }
  const known = [...Object.keys(lists), ...taskNames]
  const names = words.flatMap((word): TaskName[] => {
    const found = lists[word] ?? taskNames.filter((name) => name === word)
    if (found.length > 0) return found
    throw new DwhError('USAGE', `there is no task ${JSON.stringify(word)}${didYouMean(word, known)}`, {
      hint: `tasks are ${known.join(', ')}`,
    })
  })
  return [...new Set(names)]
}

async function plan(
  context: Context,
  names: TaskName[],
  datasets: Dataset[],
  tablespace: string | undefined,
): Promise<Task[]> {
  const warehouse = context.warehouse()
  await using session = await context.openReadOnly()
  const place = tablespace ?? warehouse.maintenance.tablespace
  if (place !== undefined) await requireTablespace(session, place)
  return await planMaintenance({ session, work: context.work, warehouse, datasets, tablespace: place }, names)
}

async function perform(
  context: Context,
  warehouse: Warehouse,
  datasets: Dataset[],
  tasks: Task[],
  {
    window: hours,
    ...options
  }: Pick<Parameters<typeof runTasks>[2], 'timeout' | 'jobs'> & {
    window: string | undefined
  },
  json: boolean,
): Promise<void> {
  const names = datasets.map(({ name }) => name)
  const { target } = context.connection()
  await recorded(context, names, async ({ session, work, run }) => {
    const window = await MaintenanceWindow.of(session, hours)
    const results = await runTasks(work, tasks, {
      ...options,
      target,
      run,
      warehouse: warehouse.name,
      window,
    })
    const summary = resultsJson(warehouse.name, run, results)
    if (json) context.printJson(summary)
    else context.say(renderSum(results))
    work.signal.throwIfAborted()
    await measureSizes(context, warehouse, datasets).catch((error) =>
      work.emit({ type: 'warning', message: `sizes were not kept: ${toDwhError(error).message}` }),
    )
    requireAllDone(results)
    return counts(results)
  })
}

/** On a connection of its own: that of the run may not have lived as long as its tasks. */
async function measureSizes(context: Context, { name }: Warehouse, datasets: Dataset[]): Promise<void> {
  await using session = await context.open()
  const tables = await readTables(session, datasets)
  await keepSizes(session, name, tables.filter(({ is_parent }) => !is_parent).map(sizeOf))
}

function counts(results: TaskResult[]): Record<string, number> {
  const of = (outcome: TaskResult['outcome']) => results.filter((one) => one.outcome === outcome).length
  return { done: of('done'), nothing: of('nothing'), skipped: of('skipped') }
}
