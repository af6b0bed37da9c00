import { cancel } from '../../backfill/control.ts'
import { requireBackfills, sumText } from '../../cli/backfill.ts'
import { command, shared } from '../../cli/command.ts'
import { recorded } from '../../cli/recorded.ts'
import { DwhError } from '../../errors.ts'
import { findBackfill, stateOf } from '../../ledger/backfills.ts'
import { backfillArgument } from './flags.ts'

export const backfillCancel = command({
  name: 'cancel',
  summary: 'end a backfill: windows that are begun are undone, what is done stays',
  arguments: { run: backfillArgument },
  options: { yes: shared.yes, json: shared.json },
  exits: { 6: 'a worker has not let go yet' },
  examples: ['dwh backfill cancel 12 --yes'],
  async run(context, { run, yes, json }) {
    const { datasets } = await look()
    if (!(await context.confirm(`Cancel backfill ${run}?`, yes))) return context.say('nothing was changed')
    const found = await recorded(context, datasets, async ({ session, work, run: own }) => {
      const cancelled = await cancel(session, work, own, run)
      if (cancelled.ended_at !== null) return cancelled
      throw new DwhError('LOCK_HELD', `a worker of backfill ${run} has not let go of its window yet`, {
        hint: `nothing new is begun; see: dwh backfill status ${run}`,
      })
    })
    if (json) return context.printJson({ ...found, state: stateOf(found) })
    context.say(`backfill ${run}: ${sumText(found)}; dwh backfill retry ${run} takes up the rest`)

    async function look() {
      await using session = await context.openReadOnly()
      await requireBackfills(session)
      return await findBackfill(session, run)
    }
  },
})
