import { fitName, ident, identList, relation } from '../postgres/identifiers.ts'
import type { Dataset } from '../warehouse/load.ts'

/**
 * SQL that leaves of all rows with one key the newest by `recency` (without one, the one that was stored last) and moves the
 * others into `<name>_duplicates`.
 */
export function setAside({ target, key = [], recency, nulls_equal }: Dataset): string[] {
  const duplicates = relation({ schema: target.schema, name: fitName(target.name, '_duplicates') })
  const order = `${recency ? `${ident(recency)} DESC NULLS LAST, ` : ''}ctid DESC`
  const wholeKeys = nulls_equal ? '' : ` WHERE ROW(${identList(key)}) IS NOT NULL`
  return [
    `CREATE TABLE IF NOT EXISTS ${duplicates} (LIKE ${relation(target)})`,
    'WITH ranked AS (SELECT tableoid AS leaf, ctid AS place, ' +
      `row_number() OVER (PARTITION BY ${identList(key)} ORDER BY ${order}) AS rank FROM ${relation(target)}${wholeKeys}), ` +
      `gone AS (DELETE FROM ${relation(target)} AS row USING ranked ` +
      'WHERE rank > 1 AND row.tableoid = leaf AND row.ctid = place RETURNING row.*) ' +
      `INSERT INTO ${duplicates} SELECT * FROM gone`,
  ]
}
