import type { DatasetStatus, LayerStatus, RelationStatus, WarehouseStatus } from '../monitor/status.ts'
import { bytes, count, moment } from './format.ts'
import type { Stream } from './streams.ts'
import { table } from './table.ts'

/** The three tables of `dwh status`: datasets, sums by layer, and whatever else lies in the layers. */
export function renderStatus(stream: Stream, { datasets, layers, others }: WarehouseStatus): string {
  const rows = ({ rows }: { rows: number | null }) => (rows === null ? '' : count(rows))
  const parts = [
    table<DatasetStatus>(
      stream,
      [
        { title: 'dataset', value: ({ dataset }) => dataset },
        { title: 'table', value: ({ target }) => target },
        { title: 'kind', value: ({ kind, leaves }) => (leaves === null ? kind : `${leaves} leaves`) },
        { title: 'rows (about)', value: rows, align: 'right' },
        { title: 'size', value: ({ bytes: size }) => bytes(size), align: 'right' },
        { title: 'share', value: ({ share }) => `${Math.round(share * 100)} %`, align: 'right' },
        { title: 'freshest', value: ({ freshness }) => freshness },
        {
          title: 'last run',
          value: ({ last_run: run }) =>
            run && `${run.run} ${run.command} ${moment(run.started_at)} ${run.state}`,
        },
      ],
      datasets,
    ),
    table<LayerStatus>(
      stream,
      [
        { title: 'layer', value: ({ layer }) => layer },
        { title: 'schema', value: ({ schema }) => schema },
        { title: 'tables', value: ({ tables }) => tables, align: 'right' },
        { title: 'views', value: ({ views }) => views, align: 'right' },
        { title: 'rows (about)', value: rows, align: 'right' },
        { title: 'size', value: ({ bytes: size }) => bytes(size), align: 'right' },
      ],
      layers,
    ),
  ]
  if (others.length > 0) {
    parts.push(
      table<RelationStatus>(
        stream,
        [
          { title: 'also there', value: ({ schema, name }) => `${schema}.${name}` },
          { title: 'kind', value: ({ kind }) => kind },
          { title: 'rows (about)', value: rows, align: 'right' },
          { title: 'size', value: ({ bytes: size }) => bytes(size), align: 'right' },
          { title: '', value: ({ name }) => keptFor(name) },
        ],
        others,
      ),
    )
  }
  return parts.join('\n')
}

/** A table that a backfill has made is no stranger, and must not be taken for rubbish. */
function keptFor(name: string): string {
  const [, chunk] = /^dwh_chunk_(\d+)/.exec(name) ?? []
  return chunk === undefined ? '' : `rows that a backfill keeps aside, of its chunk ${chunk}: dwh doctor`
}
