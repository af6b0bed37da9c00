import { command, shared } from '../../cli/command.ts'
import { moment } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { type Alert, listAlerts } from '../../ledger/alerts.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'

export const alertList = command({
  name: 'list',
  summary: 'list what is the matter now, and who was told',
  description: 'As the last look of a daemon found it; `dwh doctor` looks itself.',
  options: { json: shared.json },
  examples: ['dwh alert list --json'],
  async run(context, { json }) {
    const warehouse = context.warehouse()
    await using session = await context.openReadOnly()
    const alerts = (await ledgerPresence(session)).has_slots
      ? await listAlerts(session, warehouse.name, [], true)
      : []
    if (json) return context.printJson(alerts)
    if (alerts.length === 0) return context.say('nothing is the matter')
    context.print(
      table<Alert>(
        context.streams.out,
        [
          { title: 'since', value: ({ opened_at }) => moment(opened_at) },
          { title: 'condition', value: ({ condition }) => condition },
          { title: 'subject', value: ({ subject }) => subject },
          { title: 'told', value: toldText },
          { title: 'what', value: ({ message }) => message },
        ],
        alerts,
      ),
    )
  },
})

function toldText({ told }: Alert): string {
  return Object.entries(told)
    .map(([channel, { opened_at, error }]) => (opened_at ? channel : `${channel}: ${error}`))
    .join(', ')
}
