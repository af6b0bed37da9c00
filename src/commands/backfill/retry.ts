import { reopen } from '../../backfill/control.ts'
import { requireBackfills, sumText } from '../../cli/backfill.ts'
import { command, flag, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { plural } from '../../cli/format.ts'
import { findBackfill } from '../../ledger/backfills.ts'
import type { ChunkOutcome } from '../../ledger/chunk.ts'
import { backfillArgument } from './flags.ts'
import { working } from './working.ts'

export const backfillRetry = command({
  name: 'retry',
  summary: 'take up what is not done of a backfill: what failed, was cancelled, or was left by a crash',
  description:
    'Nothing has to be cleaned by hand: a window that was not finished has left nothing. Sources are read by the ' +
    'warehouse file as it is now. Windows that a later backfill has done are left alone.',
  arguments: { run: backfillArgument },
  options: {
    quarantined: flag('--quarantined', 'windows whose rows were set apart, too'),
    yes: shared.yes,
    timeout: shared.timeout,
    json: shared.json,
  },
  exits: { 5: 'some windows failed again; the others are done' },
  examples: ['dwh backfill retry 12', 'dwh backfill retry 12 --quarantined --yes'],
  async run(context, { run, quarantined, yes, timeout, json }) {
    const found = await look(context, run)
    const isOpen = found.ended_at === null
    const short = found.failed + found.cancelled + (quarantined ? found.quarantined : 0)
    context.say(`backfill ${run}: ${sumText(found)}`)
    if (short === 0 && !isOpen) {
      context.say('nothing to do')
      return json ? context.printJson(null) : undefined
    }
    const open = isOpen ? `${plural(found.planned + found.waiting + found.died, 'window')} left` : ''
    const what = [...(short > 0 ? [`${plural(short, 'window')} once more`] : []), ...(open ? [open] : [])]
    if (!(await context.confirm(`Take up ${what.join(' and ')}?`, yes)))
      return context.say('nothing was changed')
    const outcomes: ChunkOutcome[] = ['failed', 'cancelled', ...(quarantined ? ['quarantined' as const] : [])]
    await working(context, found.datasets, { json, timeout }, async ({ session, work, run: own }) => {
      const reopened = await reopen(session, work, context.warehouse(), own, run, outcomes)
      context.say(`${plural(reopened, 'window')} opened again`)
      return [run]
    })
  },
})

async function look(context: Context, run: number) {
  await using session = await context.openReadOnly()
  await requireBackfills(session)
  return await findBackfill(session, run)
}
