import { pause } from '../../backfill/control.ts'
import { requireBackfills } from '../../cli/backfill.ts'
import { command, shared } from '../../cli/command.ts'
import { plural } from '../../cli/format.ts'
import { stateOf } from '../../ledger/backfills.ts'
import { backfillArgument } from './flags.ts'

export const backfillPause = command({
  name: 'pause',
  summary: 'begin no further window of a backfill; those that are begun are finished',
  arguments: { run: backfillArgument },
  options: { json: shared.json },
  examples: ['dwh backfill pause 12'],
  async run(context, { run, json }) {
    await using session = await context.open()
    await requireBackfills(session)
    const found = await pause(session, run)
    if (json) return context.printJson({ ...found, state: stateOf(found) })
    context.say(
      `backfill ${run} is paused${found.running > 0 ? `; ${plural(found.running, 'window')} that ${found.running === 1 ? 'is begun is' : 'are begun are'} finished` : ''}; dwh backfill resume ${run} goes on`,
    )
  },
})
