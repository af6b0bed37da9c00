import { z } from 'zod'
import { argument, command, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { namedDataset } from '../../cli/datasets.ts'
import { count } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { type Cause, listCauses, listRejectLoads } from '../../ledger/rejects.ts'
import { loadText } from './text.ts'

export const rejectsList = command({
  name: 'list',
  summary: 'list refused rows by cause, newest loads first',
  description:
    'Reasons that differ only in the values they quote are one cause. A row with several reasons counts for each.',
  arguments: { dataset: argument('[dataset]', 'only of this dataset', z.string().optional()) },
  options: {
    load: option('--load <n>', 'only of this load', positiveInteger.optional()),
    limit: option('--limit <n>', 'how many loads at the most', positiveInteger.default(10)),
    json: shared.json,
  },
  examples: ['dwh rejects list', 'dwh rejects list sales --limit 1', 'dwh rejects list --load 12 --json'],
  async run(context, { dataset, load, limit, json }) {
    await using session = await context.openReadOnly()
    const hasLoads = (await ledgerPresence(session)).has_loads
    const loads = hasLoads ? await listRejectLoads(session, { dataset, load, limit }) : []
    const found = []
    for (const one of loads) found.push({ ...one, causes: await listCauses(session, one.load) })
    // The ledger may know datasets that the warehouse file does not any more: only where it has none is a name a mistake.
    if (found.length === 0 && dataset !== undefined && context.warehouseIfAny())
      namedDataset(context, dataset)
    if (json) return context.printJson(found)
    if (found.length === 0) return context.say(`no rejects${ofWhat(dataset, load)}`)
    context.print(found.map((one) => `${loadText(one)}\n${causesTable(context, one.causes)}`).join('\n'))
  },
})

function ofWhat(dataset: string | undefined, load: number | undefined): string {
  return `${load === undefined ? '' : ` in load ${load}`}${dataset === undefined ? '' : ` of ${dataset}`}`
}

function causesTable(context: Context, causes: Cause[]): string {
  return table<Cause>(
    context.streams.out,
    [
      { title: 'rows', value: ({ count: rows }) => count(rows), align: 'right' },
      { title: 'kind', value: ({ kind }) => kind },
      { title: 'column', value: ({ column }) => column },
      {
        title: 'lines',
        value: ({ lines, count: rows }) => lines.join(' ') + (rows > lines.length ? ' …' : ''),
      },
      { title: 'cause', value: ({ message, example, count: rows }) => (rows === 1 ? example : message) },
    ],
    causes,
  )
}
