import { ident } from '../../postgres/identifiers.ts'
import type { Dataset } from '../../warehouse/load.ts'

/** The join condition of rows of two aliases with the same key. */
export function sameKey({ key = [], nulls_equal }: Dataset, one: string, other: string): string {
  const equal = key.map((column) => `${one}.${ident(column)} = ${other}.${ident(column)}`).join(' AND ')
  if (!nulls_equal) return equal
  // IS NOT DISTINCT FROM alone can neither hash nor use an index.
  const record = (alias: string) => `ROW(${key.map((column) => `${alias}.${ident(column)}`).join(', ')})`
  return (
    `hash_record_extended(${record(one)}, 0) = hash_record_extended(${record(other)}, 0) ` +
    `AND ${record(one)} IS NOT DISTINCT FROM ${record(other)}`
  )
}
