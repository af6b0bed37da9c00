import { Temporal } from 'temporal-polyfill'
import { command, option, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { createLeaves, type LeafPlan, planDatasetLeaves } from '../../partitions/create.ts'
import type { WantedSpan } from '../../partitions/plan.ts'
import { leafScript } from '../../partitions/script.ts'
import { calendarDate } from '../../warehouse/values.ts'
import { datasetArgument, partitionedDatasets } from './datasets.ts'

export const partitionsCreate = command({
  name: 'create',
  summary: 'create the leaves that the policies want',
  description:
    'Creates the leaves to come (N+1, N+2 …, from the clock of the server), those of the policy’s span, and the gaps ' +
    'between them. Each leaf is attached in its own transaction under the lock ladder: readers and writers of the ' +
    'table go on. --from and --until ask for leaves beside those of the policy.',
  arguments: { datasets: datasetArgument },
  options: {
    from: option('--from <date>', 'leaves from here on', calendarDate.optional()),
    until: option('--until <date>', 'leaves up to here, excluded', calendarDate.optional()),
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  examples: [
    'dwh -w sigeti partitions create',
    'dwh partitions create fait_factures --from 2015 --until 2020',
    'dwh partitions create --dry-run',
  ],
  async run(context, { datasets, from, until, dryRun, yes, json }) {
    if ((from === undefined) !== (until === undefined))
      throw new DwhError('USAGE', '--from and --until go together')
    const span: WantedSpan | undefined = from && until ? { from, until } : undefined
    if (span && Temporal.PlainDate.compare(span.from, span.until) >= 0)
      throw new DwhError('USAGE', `--from ${span.from} is not before --until ${span.until}`)
    await using session = await context.openReadOnly()
    const plans: LeafPlan[] = []
    for (const dataset of partitionedDatasets(context, datasets))
      plans.push(await planDatasetLeaves(session, dataset, span))
    if (dryRun) {
      for (const plan of plans) context.print(await leafScript(session, plan))
      return
    }
    for (const { dataset, state } of plans) {
      if (state !== 'partitioned')
        context.say(`${dataset.name} is ${state}: dwh setup makes it a partitioned table`)
    }
    const wanted = plans.flatMap(({ leaves }) => leaves)
    if (wanted.length > 0) {
      context.say(
        `${plural(wanted.length, 'leaf', 'leaves')} to create:\n${wanted.map(({ name }) => `  ${name}\n`).join('')}`,
      )
      if (!(await context.confirm('Create them?', yes))) return context.say('nothing was changed')
      await recorded(
        context,
        plans.map(({ dataset }) => dataset.name),
        async ({ session, work }) => {
          for (const plan of plans) await createLeaves(session, work, plan)
          return wanted.map(({ name }) => name)
        },
      )
    }
    if (json) context.printJson({ created: wanted.map(({ schema, name }) => `${schema}.${name}`) })
    else
      context.say(
        wanted.length === 0
          ? 'nothing to do: no leaf is missing'
          : `${plural(wanted.length, 'leaf', 'leaves')} created`,
      )
  },
})
