import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { addPeriods, periodOf } from '../partitions/periods.ts'
import { queryNames, speaksOfWindow } from '../sources/postgres/template.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'
import { didYouMean } from '../warehouse/nearest.ts'
import { parametersOfSource } from '../warehouse/of-source.ts'
import type { Grain } from '../warehouse/schema.ts'
import { queryText, type SourceSettings } from './code.ts'
import { type ChunkSize, chunkSize, type DaySpan, joined } from './windows.ts'

/** Which windows of those asked for are taken. */
export type Taking = 'usual' | 'missing' | 'failed' | 'stale' | 'all'

/** A dataset with one of its sources. */
export interface Pair {
  dataset: Dataset
  source: string
  settings: SourceSettings
  parameters: Record<string, string>
  size: ChunkSize
  /** Whether its rows are asked for by days. */
  hasWindows: boolean
}

/** What a backfill is asked for. */
export interface Request {
  pairs: Pair[]
  /** In order, with days between them; undefined where none are said. */
  spans: DaySpan[] | undefined
  order: 'newest' | 'oldest'
  taking: Taking
}

/** The words of the command line that say which datasets, sources and parameters. */
export interface Choice {
  datasets: string[]
  all: boolean
  source: string | undefined
  chunk: ChunkSize | undefined
  parameters: Record<string, string>
}

/**
 * The datasets and sources that are meant.
 *
 * @throws DwhError USAGE for a name that is none, a source that has to be named, a parameter that nobody asks for, or that is
 *   missing
 */
export function choosePairs(warehouse: Warehouse, choice: Choice): Pair[] {
  const { datasets } = warehouse
  if (choice.all === choice.datasets.length > 0)
    throw new DwhError('USAGE', 'name datasets with --dataset, or take all that have a source with --all')
  const chosen = choice.all
    ? datasets.filter(({ sources }) => Object.keys(sources).length > 0)
    : [...new Set(choice.datasets)].map((name) => found(datasets, name))
  if (chosen.length === 0)
    throw new DwhError('USAGE', `no dataset of ${warehouse.path} has a source`, {
      hint: 'describe where its rows come from as `sources` of the dataset',
    })
  const pairs = chosen.flatMap((dataset) =>
    sourcesOf(dataset, choice).map((source) => pairOf(warehouse, dataset, source, choice)),
  )
  refuseUnasked(warehouse, pairs, choice.parameters)
  requireParameters(warehouse, pairs)
  return pairs
}

function found(datasets: Dataset[], name: string): Dataset {
  const dataset = datasets.find((one) => one.name === name)
  if (dataset) return dataset
  const names = datasets.map((one) => one.name)
  throw new DwhError('USAGE', `there is no dataset ${JSON.stringify(name)}${didYouMean(name, names)}`, {
    hint: 'see: dwh status',
  })
}

function sourcesOf({ name, sources }: Dataset, { all, source }: Choice): string[] {
  const names = Object.keys(sources)
  if (source !== undefined) {
    if (names.includes(source)) return [source]
    if (all) return []
    throw new DwhError(
      'USAGE',
      `dataset ${name} has no source ${JSON.stringify(source)}${didYouMean(source, names)}`,
      { hint: names.length === 0 ? 'it has none' : `it has ${names.join(', ')}` },
    )
  }
  if (names.length === 0)
    throw new DwhError('USAGE', `dataset ${name} has no source`, {
      hint: 'describe where its rows come from as `sources` of the dataset; files go in with: dwh load',
    })
  return names
}

function pairOf(warehouse: Warehouse, dataset: Dataset, source: string, choice: Choice): Pair {
  const settings = dataset.sources[source] as SourceSettings
  const known = asked(warehouse, dataset, settings)
  const given = Object.entries(choice.parameters).filter(([name]) => known.has(name))
  return {
    dataset,
    source,
    settings,
    parameters: parametersOfSource(dataset, source, Object.fromEntries(given)),
    size: choice.chunk ?? (chunkSize(settings.chunk) as ChunkSize),
    hasWindows: dataset.partition !== undefined ? !isIncremental(settings) : asksForDays(warehouse, settings),
  }
}

const dayNames = /\{(year|quarter|month|day|from|to|last|from_instant|to_instant|before|after)\}/

/** What the query of another PostgreSQL may ask for without a parameter of that name. */
const queryWords = ['from_key', 'to_key', 'zone', 'watermark']

/** The names after a colon in the query of another PostgreSQL. */
function namesOfQuery(warehouse: Warehouse, settings: SourceSettings): string[] {
  return settings.kind === 'postgres' ? queryNames(queryText(warehouse, settings) ?? '') : []
}

/** Its settings speak of days. */
function asksForDays(warehouse: Warehouse, settings: SourceSettings): boolean {
  const text = JSON.stringify(settings) + (queryText(warehouse, settings) ?? '')
  if (settings.kind === 'postgres' && speaksOfWindow(queryText(warehouse, settings) ?? '')) return true
  return dayNames.test(text) || ('window_column' in settings && settings.window_column !== undefined)
}

/** What is new since the last time is asked for by a watermark alone. */
function isIncremental(settings: SourceSettings): boolean {
  return (
    settings.kind === 'postgres' && settings.watermark !== undefined && settings.window_column === undefined
  )
}

/** The names of parameters that a source, its query or the scope ask for. */
function asked(warehouse: Warehouse, dataset: Dataset, settings: SourceSettings): Set<string> {
  const templates = JSON.stringify(settings) + (queryText(warehouse, settings) ?? '')
  const scope = settings.scope ?? dataset.scope ?? ''
  return new Set([
    ...Object.keys(settings.parameters),
    ...[...templates.matchAll(/(?<!\$)\{([a-z_]\w*)\}/gi)].map(([, name]) => name as string),
    ...namesOfQuery(warehouse, settings),
    ...[...scope.matchAll(/(?<![:\w]):([a-z_]\w*)/gi)].map(([, name]) => name as string),
  ])
}

/** A parameter that is spelt wrong would otherwise be one that changes nothing. */
function refuseUnasked(warehouse: Warehouse, pairs: Pair[], given: Record<string, string>): void {
  const known = [
    ...new Set(pairs.flatMap(({ dataset, settings }) => [...asked(warehouse, dataset, settings)])),
  ].filter((name) => !dayNames.test(`{${name}}`) && !queryWords.includes(name))
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    throw new DwhError('USAGE', `no source asks for a parameter ${name}${didYouMean(name, known)}`, {
      hint: known.length === 0 ? 'they ask for none' : `they ask for ${known.join(', ')}`,
    })
  }
}

/** Found out at work it would be a request that cannot be made, window after window. */
function requireParameters(warehouse: Warehouse, pairs: Pair[]): void {
  const lacking = pairs.flatMap(({ dataset, source, settings, parameters }) => {
    const asked = new Set([...filledNames(settings), ...namesOfQuery(warehouse, settings)])
    const names = [...asked].filter(
      (name) => !dayNames.test(`{${name}}`) && !queryWords.includes(name) && !Object.hasOwn(parameters, name),
    )
    return names.length > 0 ? [{ source: `${dataset.name}/${source}`, names }] : []
  })
  const [first] = lacking
  if (!first) return
  const told = lacking.map(({ source, names }) => `${source} asks for ${names.join(' and ')}`)
  throw new DwhError('USAGE', `parameters are missing: ${told.join('; ')}; nothing was changed`, {
    hint: `give them with --param ${first.names[0]}=…, or as \`parameters\` of the source; --source takes one source alone`,
  })
}

/** The names in braces of what is filled in for each window. */
function filledNames(settings: SourceSettings): string[] {
  const templates = {
    file: ['path'],
    http: ['url', 'query', 'body', 'headers'],
    graphql: ['url', 'variables', 'headers'],
    dwd: ['url'],
    postgres: ['table'],
  }[settings.kind]
  const filled = Object.entries(settings).filter(([name]) => templates.includes(name))
  return [...JSON.stringify(filled).matchAll(/(?<!\$)\{([a-z_]\w*)\}/gi)].map(([, name]) => name as string)
}

/** The words of the command line that say which days. */
export interface Days {
  from?: Temporal.PlainDate | undefined
  to?: Temporal.PlainDate | undefined
  /** Calendar periods by their first days. */
  year?: Temporal.PlainDate[]
  quarter?: Temporal.PlainDate[]
  month?: Temporal.PlainDate[]
  day?: Temporal.PlainDate[]
}

/** @throws DwhError USAGE for two ways at once, half of one, and days that run backwards */
export function spansOf({ from, to, ...periods }: Days): DaySpan[] | undefined {
  const named = Object.entries(periods).filter(([, dates]) => dates.length > 0)
  if (named.length + (from || to ? 1 : 0) > 1)
    throw new DwhError(
      'USAGE',
      'one of --from and --to, --year, --quarter, --month and --day says which days',
    )
  const [period] = named
  if (period) {
    const [grain, dates] = period
    const spans = dates
      .map((date) => periodOf(date, grain as Grain))
      .map(({ start, end }) => ({ from: start, to: end }))
    return joined(spans)
  }
  if (!from && !to) return undefined
  if (!from || !to)
    throw new DwhError(
      'USAGE',
      `${from ? '--to' : '--from'} is missing: the days go from --from up to --to, excluded`,
    )
  if (Temporal.PlainDate.compare(from, to) >= 0)
    throw new DwhError('USAGE', `--to ${to} is not after --from ${from}: the days go up to --to, excluded`)
  return [{ from, to }]
}

/** The first year and the last one whose neighbours have four digits too, and that every zone can tell. */
const [firstYear, lastYear] = [2, 9990]

/**
 * @throws DwhError USAGE where a dataset needs days and none are said, and for years that no table has
 */
export function requireDays(pairs: Pair[], spans: DaySpan[] | undefined): void {
  const [needy] = pairs.filter(({ hasWindows }) => hasWindows)
  const [first, last] = [spans?.[0]?.from, spans?.at(-1)?.to]
  const odd = [first, last].find((day) => day && (day.year < firstYear || day.year > lastYear))
  if (odd)
    throw new DwhError(
      'USAGE',
      `${odd} lies beyond the years from ${firstYear} to ${lastYear}; nothing was changed`,
    )
  if (needy && !spans) {
    throw new DwhError('USAGE', `which days of ${needy.dataset.name}/${needy.source}? nothing was changed`, {
      hint: 'say so with --from 2024-01-01 --to 2025-01-01, --year 2024, --quarter 2024-Q1, --month 2024-01 or --day 2024-01-15',
    })
  }
}

/** `2024-Q1` → the first day of it */
export function quarterStart(year: number, quarter: number): Temporal.PlainDate {
  return addPeriods(new Temporal.PlainDate(year, 1, 1), 'quarter', quarter - 1)
}
