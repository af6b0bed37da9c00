/** `data`, `result.items`, `edges[].node`; `.` for what is nothing but an array. Every element of an array is `[]`. */
export function recordsPath(text: string): string[] {
  return text
    .replace(/^\$?\.?/, '')
    .replaceAll('[]', '.[]')
    .split('.')
    .filter((key) => key !== '')
}
