import { command, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import { count, moment } from '../../cli/format.ts'
import { gridText } from '../../cli/grid.ts'
import { type Backfill, listBackfills, stateOf } from '../../ledger/backfills.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'

export const backfillList = command({
  name: 'list',
  summary: 'list backfills with their windows counted, newest first',
  options: {
    open: flag('--open', 'only those with windows that have not ended'),
    limit: option('--limit <n>', 'how many at the most', positiveInteger.default(20)),
    json: shared.json,
  },
  examples: ['dwh backfill list', 'dwh backfill list --open --json'],
  async run(context, { open, limit, json }) {
    await using session = await context.openReadOnly()
    const isThere = (await ledgerPresence(session)).has_backfills
    const warehouse = context.warehouseIfAny()?.name
    const found = isThere ? await listBackfills(session, { open, limit, warehouse }) : []
    if (json) return context.printJson(found.map((one) => ({ ...one, state: stateOf(one) })))
    if (found.length === 0) return context.say(open ? 'no backfill is open' : 'no backfill yet')
    context.print(
      gridText<Backfill>(
        context.streams.out,
        [
          { title: 'run', value: ({ backfill }) => String(backfill), align: 'right' },
          { title: 'state', value: stateOf },
          { title: 'datasets', value: ({ datasets }) => datasets.join(' '), least: 12 },
          { title: 'from', value: ({ window_from }) => window_from ?? '', spare: 1 },
          { title: 'to', value: ({ window_to }) => window_to ?? '', spare: 1 },
          { title: 'windows', value: ({ chunks }) => count(chunks), align: 'right' },
          { title: 'done', value: ({ done, flagged }) => count(done + flagged), align: 'right' },
          {
            title: 'short',
            value: ({ failed, quarantined }) => count(failed + quarantined),
            align: 'right',
          },
          { title: 'rows', value: ({ rows }) => count(rows), align: 'right' },
          { title: 'planned', value: ({ created_at }) => moment(created_at), spare: 2 },
        ],
        found,
      ),
    )
  },
})
