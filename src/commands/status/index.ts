import { command, shared } from '../../cli/command.ts'
import { renderStatus } from '../../cli/status.ts'
import { warehouseStatus } from '../../monitor/status.ts'

export const status = command({
  name: 'status',
  summary: 'show datasets, their rows, size, freshness and last run',
  description:
    'Rows are estimates of the last ANALYZE, sums count by layer, and views are listed too. No row of a fact table is ' +
    'counted for it.',
  options: { json: shared.json },
  examples: ['dwh -w sigeti status', 'dwh status --json'],
  async run(context, { json }) {
    const warehouse = context.warehouse()
    await using session = await context.openReadOnly()
    const found = await warehouseStatus(session, warehouse)
    if (json) context.printJson(found)
    else context.print(renderStatus(context.streams.out, found))
  },
})
