import { z } from 'zod'
import { coverage, coverageUnits, shortcomings } from '../../backfill/coverage.ts'
import { argument, command, flag, option, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { bytes, count, plural } from '../../cli/format.ts'
import { DwhError } from '../../errors.ts'
import { inspectTarget } from '../../partitions/tree.ts'
import type { Session } from '../../postgres/session.ts'
import type { Dataset } from '../../warehouse/load.ts'
import { calendarDate, ownName } from '../../warehouse/values.ts'
import { renderCoverage } from './render.ts'

export const coverageCommand = command({
  name: 'coverage',
  summary: 'show which days of a dataset are there, thin, missing, failed, stale or withheld',
  description:
    'A calendar of what backfills have brought, by the ledger and by the gates that each window went through; no row of the ' +
    'table is read for it. --rows reads the table once and compares it with what was loaded.',
  arguments: { dataset: argument('<dataset>', 'name of the dataset', z.string()) },
  options: {
    by: option(
      '--by <unit>',
      'what one sign stands for; days for two years at the most, else months, unless given',
      z.enum(coverageUnits).optional(),
    ),
    from: option(
      '--from <date>',
      'the first day; where the policy or the first window begins unless given',
      calendarDate.optional(),
    ),
    to: option(
      '--to <date>',
      'the day after the last; today, or where the last window ends, unless given',
      calendarDate.optional(),
    ),
    source: option('--source <name>', 'one source only; all unless given', ownName.optional()),
    rows: flag('--rows', 'count the rows of the table too, in one pass'),
    check: flag('--check', 'fail where days want something'),
    json: shared.json,
  },
  exits: {
    4: 'with --check: days are missing, thin, failed, stale or withheld, or a window has other rows than were loaded',
  },
  examples: [
    'dwh coverage measure',
    'dwh coverage measure --by day --from 2024-01-01 --to 2025-01-01 --source piezo',
    'dwh coverage measure --rows --check',
    'dwh coverage measure --json',
  ],
  async run(context, { dataset: name, by, from, to, source, rows, check, json }) {
    const dataset = namedDataset(context, name)
    await using session = await context.openReadOnly()
    if (rows) await tellCost(context, session, dataset)
    const found = await coverage(session, context.warehouse(), dataset, { by, from, to, source, rows })
    if (json) context.printJson(found)
    else if (found.sources.length === 0)
      context.say(`dataset ${name} has no source, and nothing was backfilled into it`)
    else context.print(renderCoverage(context.streams.out, found))
    const short = shortcomings(found)
    if (!check || short.days + short.differences === 0) return
    const problems = [
      ...(short.days > 0 ? [`${plural(short.days, 'day')} of ${name} want something`] : []),
      ...(short.differences > 0
        ? [`${plural(short.differences, 'window')} with other rows than were loaded`]
        : []),
    ]
    const [first] = found.sources.flatMap(({ commands }) => commands)
    throw new DwhError('CHECK_FAILED', problems.join(', '), {
      hint: first ?? `see: dwh coverage ${name} --rows`,
    })
  },
})

/** Before the table is read: how much of it there is. */
async function tellCost(context: Context, session: Session, dataset: Dataset): Promise<void> {
  const target = await inspectTarget(session, dataset.target, dataset.partition)
  if (target.kind === 'missing')
    throw new DwhError('TARGET_UNFIT', `${dataset.name} has no table yet; there are no rows to count`, {
      hint: 'type: dwh migrate up',
    })
  if (target.kind === 'plain')
    return context.say('counting the rows of a table without leaves: all of it is read')
  const size = target.leaves.reduce((sum, leaf) => sum + leaf.bytes, 0)
  const estimate = target.leaves.reduce((sum, leaf) => sum + (leaf.rows ?? 0), 0)
  context.say(
    `counting rows: reads the leaves of these days once, of ${plural(target.leaves.length, 'leaf', 'leaves')} with about ${count(estimate)} rows (${bytes(size)} with indexes)`,
  )
}
