import type { Dialect, InputRecord } from './reader.ts'

/** The text that COPY is sent where the bytes of a file cannot be sent as they stand. */
export const plain: Dialect = {
  delimiter: ',',
  quote: '"',
  escape: '"',
  nullText: '',
  encoding: 'UTF8',
}

const special = /[",\r\n\\]/

/** One field in the dialect `plain`. An empty text is quoted, for unquoted it is NULL. */
export function field(value: string | null): string {
  if (value === null) return ''
  if (value === '') return '""'
  return special.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** Some fields of a record, behind its place where it is wanted, as a line in the dialect `plain`. */
export function line(fields: InputRecord['fields'], inputs: number[], place: number | undefined): string {
  let text = place === undefined ? '' : `${place}`
  let separator = place === undefined ? '' : ','
  for (const input of inputs) {
    text += separator + field(fields[input] as string | null)
    separator = ','
  }
  return `${text}\n`
}
