import type { Api } from '../../../test/support/api-server.ts'
import { level } from '../../../test/support/apis/hubeau.ts'

export const path = '/api/v1/niveaux_nappes/chroniques'
/** Rows a page, as Hub'Eau gives unless asked otherwise. */
const pageSize = 5000
/** How many measure at the same moment. */
export const stations = 500
const [start, end] = [Date.UTC(2024, 0, 1), Date.UTC(2025, 0, 1)]

/** The level of a row, in centimetres. */
export const hundredths = (row: number) => (row * 7919) % 700_000

/** One row as it is delivered. */
function rowText(row: number, time: number): string {
  const station = `${String(row % stations).padStart(5, '0')}X0184/S1`
  return JSON.stringify(level({ station, time, level: hundredths(row) / 100, depth: (row % 9000) / 100 }))
}

/** A year of levels in pages of Hub'Eau's shape, made beforehand: making them is not what is measured. */
export function pagesOf(rows: number): Api {
  const moments = Math.ceil(rows / stations)
  const step = Math.floor((end - start) / moments)
  const timeOf = (row: number) => start + Math.floor(row / stations) * step
  const months: string[][] = Array.from({ length: 12 }, () => [])
  for (let row = 0; row < rows; row++) {
    const time = timeOf(row)
    months[new Date(time).getUTCMonth()]?.push(rowText(row, time))
  }
  const packed = months.map((texts) =>
    Array.from({ length: Math.max(1, Math.ceil(texts.length / pageSize)) }, (_, page) =>
      Buffer.from(texts.slice(page * pageSize, (page + 1) * pageSize).join(',')),
    ),
  )
  const counts = months.map(({ length }) => length)
  return ({ url }) => {
    if (url.pathname !== path) return undefined
    const month = Number(url.searchParams.get('date_debut_mesure')?.slice(5, 7)) - 1
    const page = Number(url.searchParams.get('page') ?? 1)
    const pages = packed[month] as Buffer[]
    const next = new URL(url)
    next.searchParams.set('page', String(page + 1))
    const envelope = {
      count: counts[month],
      next: page < pages.length ? next.href : null,
      api_version: '1.0.1',
    }
    const head = Buffer.from(`${JSON.stringify(envelope).slice(0, -1)},"data":[`)
    const body = Buffer.concat([head, pages[page - 1] as Buffer, Buffer.from(']}')])
    return { headers: { etag: `"${month}-${page}"`, 'content-encoding': 'identity' }, body }
  }
}
