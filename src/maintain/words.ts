const grouped = new Intl.NumberFormat('en')

/** `1,234 rows`, for reasons, which stand in the ledger as they are told. */
export function plainCount(value: number, one: string, many = `${one}s`): string {
  return `${grouped.format(value)} ${value === 1 ? one : many}`
}

/** `12.3 MB` */
export function plainBytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const exponent = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, Math.abs(value))) / 10))
  const scaled = value / 1024 ** exponent
  return `${exponent === 0 || Math.abs(scaled) >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[exponent]}`
}

/** Names without the quotes that they do not need. */
export const readable = (subject: string) =>
  subject.replace(/"((?:[^"]|"")*)"/g, (quoted, name) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoted))
