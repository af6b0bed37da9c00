import { resume } from '../../backfill/control.ts'
import { requireBackfills } from '../../cli/backfill.ts'
import { command, shared } from '../../cli/command.ts'
import { stateOf } from '../../ledger/backfills.ts'
import { backfillArgument, parallelOption } from './flags.ts'

export const backfillResume = command({
  name: 'resume',
  summary: 'go on with a backfill that is paused, or with more windows at the same time',
  description:
    'Its workers obey within a second, wherever they are. Where none is left, dwh backfill work begins one.',
  arguments: { run: backfillArgument },
  options: { parallel: parallelOption, json: shared.json },
  examples: ['dwh backfill resume 12', 'dwh backfill resume 12 --parallel 4'],
  async run(context, { run, parallel, json }) {
    await using session = await context.open()
    await requireBackfills(session)
    const found = await resume(session, run, parallel)
    if (json) return context.printJson({ ...found, state: stateOf(found) })
    context.say(
      `backfill ${run} goes on, ${found.parallel} at the same time` +
        `${found.at_work ? '' : `; nobody works on it: dwh backfill work ${run}`}`,
    )
  },
})
