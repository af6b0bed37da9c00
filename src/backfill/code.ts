import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DwhError } from '../errors.ts'
import type { Statement } from '../postgres/sql-files.ts'
import type { EachSettings } from '../sources/http/each.ts'
import { fileForPeople } from '../warehouse/files.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import { datasetOfSource } from '../warehouse/of-source.ts'

export type SourceSettings = Dataset['sources'][string]

/** How a source is asked, in which pieces, and what is thought of them; not what its rows are. */
const manners = [
  'delay',
  'per_minute',
  'concurrency',
  'retries',
  'timeout',
  'chunk',
  'page_size',
  'parameters',
  'thresholds',
  'priority',
  'absent',
]

/**
 * @throws DwhError CONFIG_INVALID for a dataset or a source that the warehouse file does not have
 */
export function sourceOf(warehouse: Warehouse, dataset: string, source: string) {
  const found = warehouse.datasets.find(({ name }) => name === dataset)
  const settings = found?.sources[source]
  if (found && settings) return { dataset: datasetOfSource(found, source), settings }
  throw new DwhError(
    'CONFIG_INVALID',
    `${warehouse.path} has no ${found ? `source ${source} in dataset` : 'dataset'} ${dataset}`,
    { hint: 'work with the warehouse file that the backfill was planned with' },
  )
}

/** Hash of what turns a source into rows of a dataset: its settings, and the SQL files that they name. */
export function codeOf(warehouse: Warehouse, name: string, source: string): string {
  const { dataset, settings } = sourceOf(warehouse, name, source)
  const { columns, map, key, nulls_equal, recency, scope, references, target, partition } = dataset
  const asked = Object.fromEntries(Object.entries(settings).filter(([what]) => !manners.includes(what)))
  const what = [
    { ...asked, ...valuesOf(warehouse, settings) },
    queryText(warehouse, settings) ?? null,
    { columns, map, key, nulls_equal, recency, scope, references, target },
    partition && { key: partition.key, kind: partition.kind, zone: partition.zone },
  ]
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 32)
}

/** Which values are asked for, whatever how many at a time; nothing where a source has none. */
function valuesOf(warehouse: Warehouse, settings: SourceSettings) {
  if (!('for_each' in settings) || !settings.for_each) return {}
  const { parameter, list, file } = settings.for_each
  const text = file === undefined ? valuesQuery(warehouse, settings.for_each)?.text : textOf(warehouse, file)
  return { for_each: [parameter, list ?? text] }
}

function textOf({ path: warehouse }: Warehouse, file: string): string | undefined {
  const path = resolve(dirname(warehouse), file)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** The query of `for_each`, be it in a file or in the settings themselves; undefined where its values are no query. */
export function valuesQuery(
  { sqlFolder }: Pick<Warehouse, 'sqlFolder'>,
  { sql }: EachSettings,
): Statement | undefined {
  if (sql === undefined) return undefined
  // A query has blanks between its words.
  if (/\s/.test(sql)) return { text: sql }
  const file = join(sqlFolder, sql)
  return { text: readFileSync(file, 'utf8'), file: fileForPeople(file) }
}

/** The text of the query that a source names, be it in a file or in the settings themselves. */
export function queryText({ sqlFolder }: Warehouse, settings: SourceSettings): string | undefined {
  if (!('query' in settings) || typeof settings.query !== 'string') return undefined
  const file = join(sqlFolder, settings.query)
  return !settings.query.includes('\n') && existsSync(file) ? readFileSync(file, 'utf8') : settings.query
}
