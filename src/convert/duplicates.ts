import {
  type Duplicates,
  type KeyRule,
  keyRule,
  noDuplicates,
  requireOrder,
  surveyDuplicates,
} from '../dedup/rule.ts'
import { fitName, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { PlainTable } from './table.ts'

/** Where the places of superseded rows are kept while a table is converted. */
export function placesName({ schema, name }: RelationName): RelationName {
  return { schema, name: fitName(name, '_dwh_places') }
}

/** The rule by which rows of the plain table may be superseded; undefined where an index of its own forbids that. */
export function duplicateRule(dataset: Dataset, table: PlainTable): KeyRule | undefined {
  const rule = keyRule(dataset)
  if (!rule) return undefined
  const nullable = (column: string) => !table.columns.find(({ name }) => name === column)?.not_null
  const forbids = table.indexes.some(
    ({ is_unique, is_plain, is_deferrable, valid, columns, nulls_not_distinct, compares_as_columns }) =>
      is_unique &&
      is_plain &&
      compares_as_columns &&
      valid &&
      !is_deferrable &&
      columns?.every((column) => rule.key.includes(column)) &&
      (!rule.nullsEqual || nulls_not_distinct || !columns.some(nullable)),
  )
  return forbids ? undefined : rule
}

/**
 * Rows that share a key: all but the newest of each are set aside, where the dataset says which is the newest.
 *
 * @throws DwhError ROWS_UNFIT when it does not, before anything is copied
 */
export async function findDuplicates(
  session: Session,
  dataset: Dataset,
  table: PlainTable,
): Promise<Duplicates> {
  const rule = duplicateRule(dataset, table)
  if (!rule) return noDuplicates
  const duplicates = await surveyDuplicates(session, `ONLY ${relation(table)}`, rule)
  requireOrder(table, rule, duplicates)
  return duplicates
}
