const grouped = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

export const number = (value: number) => grouped.format(value)

/** 1234567 → `1.2M` */
export const short = (value: number) => compact.format(value)

/** Powers of 1024, as in pg_size_pretty. */
export function bytes(value: number): string {
  const exponent = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(value) || 1) / 10)))
  const scaled = value / 1024 ** exponent
  return `${exponent === 0 || Math.abs(scaled) >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[exponent]}`
}

/** `+1.2 GB`, `−3 kB` */
export function change(value: number): string {
  return `${value > 0 ? '+' : value < 0 ? '−' : '±'}${bytes(Math.abs(value))}`
}

export const percent = (share: number) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`

export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} days`
}

/** `2026-11-22 03:15` in UTC */
export const moment = (date: Date) => date.toISOString().slice(0, 16).replace('T', ' ')
export const date = (at: Date) => at.toISOString().slice(0, 10)

export const plural = (value: number, one: string, many = `${one}s`) =>
  `${number(value)} ${value === 1 ? one : many}`
