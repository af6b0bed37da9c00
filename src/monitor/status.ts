import { ledgerPresence } from '../ledger/migrations.ts'
import { findLastDatasetRuns } from '../ledger/runs.ts'
import { freshness } from '../partitions/freshness.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'

/** A table or view of a warehouse; rows are an estimate, null where nothing is known. */
export interface RelationStatus {
  schema: string
  name: string
  kind: 'table' | 'partitioned' | 'view' | 'materialized view' | 'foreign table'
  rows: number | null
  bytes: number
  leaves: number | null
}

export interface DatasetStatus {
  dataset: string
  target: string
  /** `missing` where the table is not there yet. */
  kind: RelationStatus['kind'] | 'missing'
  rows: number | null
  bytes: number
  leaves: number | null
  /** Part of the bytes of all datasets, 0 to 1. */
  share: number
  /** The greatest value of the dataset's freshness column, or of its partition key; null where finding it takes long. */
  freshness: string | null
  last_run: { run: number; command: string; state: string; started_at: Date } | null
}

/** The sums of one layer, or of a schema that has none. */
export interface LayerStatus {
  layer: string
  schema: string
  tables: number
  views: number
  rows: number
  bytes: number
}

export interface WarehouseStatus {
  warehouse: string
  database: string
  datasets: DatasetStatus[]
  layers: LayerStatus[]
  /** Tables and views of the layers that are no datasets. */
  others: RelationStatus[]
}

/** How a warehouse stands, from the catalogue and the ledger; the rows of a fact are never counted for it. */
export async function warehouseStatus(session: Session, warehouse: Warehouse): Promise<WarehouseStatus> {
  const layerOf = new Map(Object.entries(warehouse.schemas).map(([layer, schema]) => [schema, layer]))
  const schemas = [...new Set([...layerOf.keys(), ...warehouse.datasets.map(({ target }) => target.schema)])]
  const relations = await session.rows<RelationStatus>(sql('monitor/relations'), [schemas])
  const hasLedger = (await ledgerPresence(session)).has_ledger
  const lastRuns = hasLedger ? await findLastDatasetRuns(session, warehouse.name) : []
  const find = ({ target }: Dataset) =>
    relations.find(({ schema, name }) => schema === target.schema && name === target.name)
  const total = warehouse.datasets.reduce((sum, dataset) => sum + (find(dataset)?.bytes ?? 0), 0)
  const datasets: DatasetStatus[] = []
  for (const dataset of warehouse.datasets) {
    const found = find(dataset)
    const last = lastRuns.find((run) => run.dataset === dataset.name)
    datasets.push({
      dataset: dataset.name,
      target: `${dataset.target.schema}.${dataset.target.name}`,
      kind: found?.kind ?? 'missing',
      rows: found?.rows ?? null,
      bytes: found?.bytes ?? 0,
      leaves: found?.leaves ?? null,
      share: total > 0 ? (found?.bytes ?? 0) / total : 0,
      freshness: found ? await freshness(session, dataset) : null,
      last_run: last
        ? { run: last.run, command: last.command, state: last.state, started_at: last.started_at }
        : null,
    })
  }
  const known = new Set(warehouse.datasets.map(find))
  return {
    warehouse: warehouse.name,
    database: session.target.database,
    datasets,
    layers: schemas.map((schema) => sumLayer(layerOf.get(schema) ?? schema, schema, relations)),
    others: relations.filter((one) => !known.has(one)),
  }
}

function sumLayer(layer: string, schema: string, relations: RelationStatus[]): LayerStatus {
  const inside = relations.filter((one) => one.schema === schema)
  const views = inside.filter(({ kind }) => kind === 'view' || kind === 'materialized view')
  return {
    layer,
    schema,
    tables: inside.length - views.length,
    views: views.length,
    rows: inside.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
    bytes: inside.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}
