/** What a dataset took on one day. */
export interface SizeRow {
  day: string
  dataset: string
  bytes: number
  rows: number
}

/** How a dataset grew over a period; nulls where it was not measured on two days. */
export interface DatasetGrowth {
  bytes: number | null
  rows: number | null
  bytes_per_day: number | null
  series: { day: string; bytes: number; rows: number }[]
}

export function growthOf(sizes: SizeRow[], dataset: string): DatasetGrowth {
  const series = sizes
    .filter((size) => size.dataset === dataset)
    .map(({ day, bytes, rows }) => ({ day, bytes, rows }))
  const [first, last] = [series[0], series.at(-1)]
  if (!first || !last || first === last) return { bytes: null, rows: null, bytes_per_day: null, series }
  const days = (Date.parse(last.day) - Date.parse(first.day)) / 86_400_000
  const bytes = last.bytes - first.bytes
  return { bytes, rows: last.rows - first.rows, bytes_per_day: bytes / days, series }
}
