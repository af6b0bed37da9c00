import type { PlainColumn, PlainTable } from '../convert/table.ts'
import { ident, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'

/** What some rows of a table say about a column that may hold dates. Shares are of all rows, from 0 to 1. */
export interface DateSample {
  column: PlainColumn
  kind: 'date_key' | 'date' | 'timestamp' | 'timestamptz' | 'year' | 'quarter'
  nullShare: number
  /** Dates between 1900 and 2100, or years, or quarters. */
  datedShare: number
  /** Default values such as -1 and 99991231, which stand for no date. */
  defaultShare: number
  futureShare: number
  /** Different days, years or quarters. */
  different: number
}

export interface TableSample {
  rows: number
  dates: DateSample[]
  /** Bytes that the values of a column take uncompressed, on average, where it can be compressed. */
  widths: { name: string; bytes: number }[]
}

/** Pages that are read of a table: enough for shares of a per cent, and read in a moment. */
const samplePages = 2000

/** Rows of a large table are a sample of its pages, the same ones each time. */
export function sampledFrom(table: PlainTable): string {
  const pages = table.heap_bytes / table.block_bytes
  const from = `FROM ONLY ${relation(table)}`
  return pages <= samplePages
    ? from
    : `${from} TABLESAMPLE SYSTEM (${(100 * samplePages) / pages}) REPEATABLE (0)`
}

/** Reads a sample of the rows once, for all columns that matter. */
export async function sampleTable(session: Session, table: PlainTable): Promise<TableSample> {
  const dated = table.columns.flatMap((column) => (column.generated ? [] : kindsOf(column)))
  const wide = table.columns.filter(({ compressible, type }) => compressible && !/^numeric/.test(type))
  const row = await session.one<Record<string, number | null>>(
    `SELECT ${[
      'count(*) AS rows',
      ...dated.flatMap(({ column, kind }, index) => aggregates(ident(column.name), kind, index)),
      ...wide.map(({ name, type }, index) => `avg(${widthSql(ident(name), type)})::float8 AS width_${index}`),
    ].join(', ')} ${sampledFrom(table)}`,
  )
  const rows = row.rows ?? 0
  const share = (name: string) => (rows === 0 ? 0 : (row[name] ?? 0) / rows)
  return {
    rows,
    dates: dated.map(({ column, kind }, index) => ({
      column,
      kind,
      nullShare: share(`null_${index}`),
      datedShare: share(`dated_${index}`),
      defaultShare: share(`default_${index}`),
      futureShare: share(`future_${index}`),
      different: row[`different_${index}`] ?? 0,
    })),
    widths: wide.map(({ name }, index) => ({ name, bytes: row[`width_${index}`] ?? 0 })),
  }
}

/** What the values of a column may mean, by its type and, for years and quarters, by its name. */
function kindsOf(column: PlainColumn): Pick<DateSample, 'column' | 'kind'>[] {
  const { name, type } = column
  if (type === 'date') return [{ column, kind: 'date' }]
  if (/^timestamp(\(\d\))? without/.test(type)) return [{ column, kind: 'timestamp' }]
  if (/^timestamp(\(\d\))? with /.test(type)) return [{ column, kind: 'timestamptz' }]
  if (!/^(smallint|integer|bigint)$/.test(type)) return []
  if (/(^|_)(quarter|qtr|trimestre|trim|quartal)(_|$)/i.test(name)) return [{ column, kind: 'quarter' }]
  if (/(^|_)(year|yr|annee|année|an|exercice|jahr|anio|año)(_|$)/i.test(name))
    return [{ column, kind: 'year' }]
  return type === 'smallint' ? [] : [{ column, kind: 'date_key' }]
}

/** Conditions on a value, in SQL. */
const conditions: Record<
  DateSample['kind'],
  (column: string) => Record<'dated' | 'default' | 'future', string>
> = {
  date: (column) => calendar(column, 'current_date'),
  timestamp: (column) => calendar(column, 'localtimestamp'),
  timestamptz: (column) => calendar(column, 'now()'),
  date_key: (column) => ({
    dated: `${column} BETWEEN 19000101 AND 20991231 AND ${column} / 100 % 100 BETWEEN 1 AND 12 AND ${column} % 100 BETWEEN 1 AND 31`,
    default: `${column} <= 0 OR ${column} IN (99991231, 99999999)`,
    future: `${column} > to_char(now(), 'YYYYMMDD')::integer`,
  }),
  year: (column) => ({
    dated: `${column} BETWEEN 1900 AND 2099`,
    default: `${column} <= 0 OR ${column} = 9999`,
    future: `${column} > extract(year FROM now())`,
  }),
  quarter: (column) => ({ dated: `${column} BETWEEN 1 AND 4`, default: `${column} <= 0`, future: 'false' }),
}

/** Whether a value is a date between 1900 and 2100, in SQL. */
export function isDatedSql(kind: DateSample['kind'], column: string): string {
  return `(${conditions[kind](column).dated})`
}

function calendar(column: string, now: string) {
  return {
    dated: `${column} >= '1900-01-01' AND ${column} < '2100-01-01'`,
    default: `${column} < '1900-01-01' OR ${column} >= '2100-01-01'`,
    future: `${column} > ${now}`,
  }
}

function aggregates(column: string, kind: DateSample['kind'], index: number): string[] {
  const { dated, default: standard, future } = conditions[kind](column)
  const day = kind.startsWith('timestamp') ? `${column}::date` : column
  return [
    `count(*) FILTER (WHERE ${column} IS NULL) AS null_${index}`,
    `count(*) FILTER (WHERE ${dated}) AS dated_${index}`,
    `count(*) FILTER (WHERE ${standard}) AS default_${index}`,
    `count(*) FILTER (WHERE (${dated}) AND ${future}) AS future_${index}`,
    `count(DISTINCT ${day}) FILTER (WHERE ${dated}) AS different_${index}`,
  ]
}

/** Text is measured as it was written; whatever else as it is stored, compressed or not. */
function widthSql(column: string, type: string): string {
  return /^(text|character|json|xml|bytea)/.test(type)
    ? `octet_length(${column}${type === 'bytea' ? '' : '::text'})`
    : `pg_column_size(${column})`
}
