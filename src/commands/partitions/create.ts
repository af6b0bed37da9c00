import { Temporal } from 'temporal-polyfill'
import { command, option, shared } from '../../cli/command.ts'
import { partitionedDatasets, partitionedDatasetsArgument } from '../../cli/datasets.ts'
import { plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { createLeaves, type LeafPlan, planDatasetLeaves } from '../../partitions/create.ts'
import type { PlannedLeaf, WantedSpan } from '../../partitions/plan.ts'
import { leafScript } from '../../partitions/script.ts'
import { calendarDate } from '../../warehouse/values.ts'

export const partitionsCreate = command({
  name: 'create',
  summary: 'create the leaves that the policies want',
  description:
    'Creates the leaves to come (N+1, N+2 …, from the clock of the server), those of the policy’s span, and the gaps ' +
    'between them. Each leaf is attached in its own transaction under the lock ladder: readers and writers of the ' +
    'table go on. --from and --until ask for leaves beside those of the policy.',
  arguments: { datasets: partitionedDatasetsArgument },
  options: {
    from: option('--from <date>', 'leaves from here on', calendarDate.optional()),
    until: option('--until <date>', 'leaves up to here, excluded', calendarDate.optional()),
    dryRun: shared.dryRun,
    yes: shared.yes,
    json: shared.json,
  },
  exits: { 6: 'a lock did not come within the ladder: the leaves made before it stay' },
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
      const scripts: string[] = []
      for (const plan of plans) if (plan.leaves.length > 0) scripts.push(await leafScript(session, plan))
      context.printSql(scripts.join('\n'), json)
      return refuseOthers(plans)
    }
    const wanted = plans.flatMap(({ leaves }) => leaves)
    let created: string[] = []
    if (wanted.length > 0) {
      context.say(
        `${plural(wanted.length, 'leaf', 'leaves')} to create:\n${wanted.map(({ name }) => `  ${name}\n`).join('')}`,
      )
      if (!(await context.confirm('Create them?', yes))) return context.say('nothing was changed')
      created = await recorded(
        context,
        plans.map(({ dataset }) => dataset.name),
        async ({ session, work }) => {
          const made: PlannedLeaf[] = []
          for (const plan of plans) made.push(...(await createLeaves(session, work, plan)))
          return made.map(({ schema, name }) => `${schema}.${name}`)
        },
      )
    }
    if (json) context.printJson({ created })
    else if (created.length > 0) context.say(`${plural(created.length, 'leaf', 'leaves')} created`)
    else if (wanted.length > 0 || plans.some(({ parent }) => parent))
      context.say('nothing to do: no leaf is missing')
    refuseOthers(plans)
  },
})

/**
 * A cron job that makes no leaves shall not look like one that does.
 *
 * @throws DwhError TARGET_UNFIT, or PARTLY_DONE where other datasets have their leaves, for tables that can have none
 */
function refuseOthers(plans: LeafPlan[]): void {
  const others = plans.filter(({ parent }) => !parent)
  if (others.length === 0) return
  const list = others.map(({ dataset, state }) => `${dataset.name} is ${state}`).join(', ')
  throw new DwhError(
    others.length === plans.length ? 'TARGET_UNFIT' : 'PARTLY_DONE',
    `no leaves without a partitioned table: ${list}`,
    { hint: 'dwh setup makes a partitioned table of it' },
  )
}
