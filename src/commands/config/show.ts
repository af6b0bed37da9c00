import { command, shared } from '../../cli/command.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import { shown } from '../../postgres/identifiers.ts'
import { resolveNamedConnection } from '../../warehouse/connection.ts'
import { locateWarehouse } from '../../warehouse/find.ts'
import type { Dataset, Warehouse } from '../../warehouse/load.ts'
import { describePolicy } from './policy.ts'
import { connectionRows, type Row, warehouseRows } from './rows.ts'

export const show = command({
  name: 'show',
  summary: 'show every setting with its value and origin',
  description:
    'Shows where the database is and what the warehouse file says, each value with where it came from; what nobody set is called a default. Passwords are never shown. Connects to nothing.',
  options: { json: shared.json },
  examples: ['dwh config show', 'dwh -w sigeti config show --json'],
  async run(context, { json }) {
    const { streams, globals } = context
    const warehouse = context.warehouseIfAny()
    const settings = [
      ...(warehouse ? warehouseRows(warehouse, locateWarehouse(globals.warehouse)?.origin ?? '') : []),
      ...connectionRows('connection', context.connection().settings),
      ...(warehouse ? namedConnectionRows(warehouse) : []),
    ]
    if (json) {
      return context.printJson({ settings, datasets: warehouse?.datasets.map(datasetJson) ?? [] })
    }
    context.print(settingsTable(streams.out, settings))
    if (warehouse) context.print(`\n${datasetsTable(streams.out, warehouse)}`)
    else context.say('no warehouse file: these are the settings of the connection alone')
  },
})

function namedConnectionRows(warehouse: Warehouse): Row[] {
  return Object.keys(warehouse.connections).flatMap((name) =>
    connectionRows(`connections.${name}`, resolveNamedConnection(name, warehouse).settings),
  )
}

function settingsTable(stream: Stream, settings: Row[]): string {
  return table(
    stream,
    [
      { title: 'setting', value: ({ name }) => name },
      { title: 'value', value: ({ value }) => value ?? '' },
      { title: 'origin', value: ({ origin }) => origin },
    ],
    settings,
  )
}

function datasetsTable(stream: Stream, { datasets, lines }: Warehouse): string {
  return table(
    stream,
    [
      { title: 'dataset', value: ({ name }) => name },
      { title: 'target', value: ({ target }) => shown(target) },
      { title: 'key', value: ({ key }) => key?.join(', ') ?? '' },
      { title: 'policy', value: (dataset) => describePolicy(dataset, lines) },
    ],
    datasets,
  )
}

function datasetJson({ name, target, key, recency, partition }: Dataset) {
  return {
    name,
    target: shown(target),
    key: key ?? null,
    recency: recency ?? null,
    partition: partition ?? null,
  }
}
