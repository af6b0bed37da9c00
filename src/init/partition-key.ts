import type { PlainIndex, PlainTable } from '../convert/table.ts'
import type { Policy } from '../warehouse/schema.ts'
import type { DateSample, TableSample } from './sample.ts'

/** Columns that a table could be partitioned by. */
export interface Candidate {
  key: string[]
  kind: Policy['kind']
  /** Higher is better; see `judge`. */
  score: number
  /** In plain words, why. */
  reasons: string[]
}

/** Names that tell when a row was written or changed, and not what it is about. */
const written = /(^|_)(creat|insert|load|ingest|import|cree|créé|ajout|etl)/i
const changed = /(^|_)(updat|modif|chang|delet|suppr|maj|mise_a_jour|sync|touch|last)/i
/** Names that tell when something ends or is due: often empty, often in the future. */
const later = /(^|_)(due|expir|echeance|échéance|end|fin|until|valid_to|birth|naissance)(_|$)/i

const percent = (share: number) => `${share > 0 && share < 0.01 ? '<1' : Math.round(share * 100)} %`

/**
 * The columns that could be the partition key, the best first: dates that rows are asked for by, few of them empty, and
 * better those that a unique index has already.
 */
export function rankCandidates(table: PlainTable, sample: TableSample): Candidate[] {
  const single = sample.dates.flatMap((date) =>
    date.kind === 'year' || date.kind === 'quarter' ? [] : [judge(table, [date], date.kind)],
  )
  const years = sample.dates.filter(({ kind }) => kind === 'year')
  const quarters = sample.dates.filter(({ kind }) => kind === 'quarter')
  const [year, quarter] = [years[0], quarters[0]]
  const pair = year && quarter ? [judge(table, [year, quarter], 'year_quarter')] : []
  return [...single, ...pair]
    .filter((candidate) => candidate !== undefined)
    .toSorted((a, b) => b.score - a.score)
}

/** The unique indexes of a table that a partitioned one can have too. */
export function uniqueIndexes({ indexes }: PlainTable): PlainIndex[] {
  return indexes.filter(
    ({ is_unique, is_plain, valid, columns }) => is_unique && is_plain && valid && columns,
  )
}

/** Undefined for columns that hold no dates, or nearly none, or one and the same. */
function judge(table: PlainTable, parts: DateSample[], kind: Policy['kind']): Candidate | undefined {
  const worst = (of: (part: DateSample) => number) => Math.max(...parts.map(of))
  const dated = Math.min(...parts.map(({ datedShare }) => datedShare))
  const odd = worst((part) => 1 - part.nullShare - part.defaultShare - part.datedShare)
  if (dated < 0.5 || odd > 0.05 || worst(({ different }) => different) < 2) return undefined

  const key = parts.map(({ column }) => column.name)
  const name = key[0] as string
  const nulls = worst(({ nullShare }) => nullShare)
  const future = worst(({ futureShare }) => futureShare)
  const uniques = uniqueIndexes(table)
  const within = uniques.filter(({ columns }) => key.every((column) => columns?.includes(column)))
  const indexed = table.indexes.find(({ columns, valid }) => valid && columns?.[0] === name)
  const reasons: string[] = [holds[kind]]
  let score = 100 - table.columns.findIndex((column) => column.name === name)
  const weigh = (points: number, reason?: string) => {
    score += points
    if (reason) reasons.push(reason)
  }
  if (parts.every(({ column }) => column.not_null)) weigh(20, 'never empty')
  else if (nulls > 0) weigh(-100 * nulls, `${percent(nulls)} empty`)
  const strange = worst((part) => part.defaultShare)
  if (strange > 0) weigh(-50 * strange, `${percent(strange)} stand for no date`)
  if (within.length > 0) {
    const all = within.length === uniques.length
    weigh(
      all ? 40 : 20,
      `part of ${within.map((index) => index.name).join(', ')}, which stays unique as it is`,
    )
  }
  if (indexed) weigh(10, `indexed by ${indexed.name}`)
  if (future > 0.1) weigh(-20, `${percent(future)} in the future`)
  if (changed.test(name)) weigh(-80, 'by its name it changes, and rows would move from leaf to leaf')
  else if (written.test(name)) weigh(-30, 'by its name it says when a row was written')
  else if (later.test(name)) weigh(-30, 'by its name it says when something is due or ends')
  return { key, kind, score, reasons }
}

const holds: Record<Policy['kind'], string> = {
  date_key: 'integers like 20230131',
  date: 'dates',
  timestamp: 'moments without a zone',
  timestamptz: 'moments',
  year_quarter: 'a year and a quarter',
}
