import { requireBackfills } from '../../cli/backfill.ts'
import { argument, command, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { plural } from '../../cli/format.ts'
import { DwhError } from '../../errors.ts'
import { type Backfill, findBackfill, listBackfills } from '../../ledger/backfills.ts'
import { working } from './working.ts'

export const backfillWork = command({
  name: 'work',
  summary: 'share the work of a backfill, from this or any other machine',
  description:
    'Claims windows of a backfill that was planned before, beside all other workers, until none is left: after a crash, ' +
    'or on another machine with the same warehouse file. Windows of dead workers are taken over within seconds.',
  arguments: {
    run: argument(
      '[run]',
      'number of the run that planned it; every open one in turn unless named',
      positiveInteger.optional(),
    ),
  },
  options: {
    parallel: option(
      '--parallel <n>',
      'windows at the same time in this process; as many as the backfill may unless given',
      positiveInteger.max(64).optional(),
    ),
    yes: shared.yes,
    timeout: shared.timeout,
    json: shared.json,
  },
  exits: { 5: 'some windows failed, or their rows were set apart; the others are done' },
  examples: ['dwh backfill work', 'dwh backfill work 12 --parallel 2 --yes'],
  async run(context, { run, parallel, yes, timeout, json }) {
    const backfills = await chosen(context, run)
    if (backfills.length === 0) {
      context.say('nothing to do: no backfill is open')
      return json ? context.printJson([]) : undefined
    }
    for (const { backfill, chunks, datasets, ...states } of backfills) {
      const left = states.planned + states.waiting + states.died
      context.say(
        `backfill ${backfill}: ${datasets.join(', ')}, ${left} of ${plural(chunks, 'window')} left` +
          `${states.wanted === 'pause' ? `; it is paused: dwh backfill resume ${backfill}` : ''}`,
      )
    }
    if (!(await context.confirm('Work on it?', yes))) return context.say('nothing was changed')
    const datasets = [...new Set(backfills.flatMap((one) => one.datasets))]
    await working(context, datasets, { json, timeout, hands: parallel }, async () =>
      backfills.map(({ backfill }) => backfill),
    )
  },
})

async function chosen(context: Context, run: number | undefined): Promise<Backfill[]> {
  await using session = await context.openReadOnly()
  await requireBackfills(session)
  const { name } = context.warehouse()
  if (run === undefined)
    return (await listBackfills(session, { warehouse: name, open: true, limit: 1000 }))
      .filter(({ wanted }) => wanted === 'run')
      .toReversed()
  const backfill = await findBackfill(session, run)
  if (backfill.warehouse !== name)
    throw new DwhError('USAGE', `backfill ${run} is of warehouse ${backfill.warehouse}, not of ${name}`, {
      hint: `name its file: dwh -w ${backfill.warehouse} backfill work ${run}`,
    })
  if (backfill.wanted === 'cancel' && backfill.ended_at !== null)
    throw new DwhError('USAGE', `backfill ${run} was cancelled`, {
      hint: `to take it up again: dwh backfill retry ${run}`,
    })
  return backfill.ended_at === null ? [backfill] : []
}
