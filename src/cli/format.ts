const grouped = new Intl.NumberFormat('en')
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** 3000000 → `3,000,000` */
export function count(value: number): string {
  return grouped.format(value)
}

/** 1234567 → `1.2 MB`; powers of 1024, as in pg_size_pretty. */
export function bytes(value: number): string {
  const exponent = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(value) || 1) / 10)))
  const scaled = value / 1024 ** exponent
  return `${exponent === 0 || Math.abs(scaled) >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[exponent]}`
}

/** 0.0123 → `12 ms`, 3.21 → `3.2 s`, 75 → `1 min 15 s` */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** As `duration`; of more than two days only these: `12 days`. */
export function age(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  return days < 2 ? duration(seconds) : plural(days, 'day')
}

/** 12.34 → `12.3 ms`: for figures that are compared with each other. */
export function milliseconds(value: number): string {
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ms`
}

/** `2 leaves`, `1 leaf` */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** `2026-11-22 03:15:07Z` */
export function moment(date: Date): string {
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
}

/** Control characters spelt out, so that a hostile name can neither move the cursor nor break a table. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
