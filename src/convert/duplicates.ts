import {
  type Duplicates,
  type KeyRule,
  keyRule,
  noDuplicates,
  requireOrder,
  supersededSelect,
  surveyDuplicates,
} from '../dedup/rule.ts'
import { DwhError } from '../errors.ts'
import { fitName, type RelationName, relation, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { ForeignKeyIn } from './dependents.ts'
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
 * A row that another table refers to cannot be set aside: the foreign key would not hold on the new table.
 *
 * @throws DwhError ROWS_UNFIT naming the foreign key
 */
export async function refuseReferenced(
  session: Session,
  dataset: Dataset,
  table: PlainTable,
  keys: ForeignKeyIn[],
): Promise<void> {
  const rule = duplicateRule(dataset, table)
  if (!rule) return
  const plain = `ONLY ${relation(table)}`
  for (const { name, referencing, matches } of keys) {
    const { rows } = await session.one<{ rows: number }>(
      `SELECT count(*) AS rows FROM (${supersededSelect(plain, rule)}) AS superseded ` +
        `JOIN ${plain} AS referenced ON referenced.ctid = superseded.place ` +
        `WHERE EXISTS (SELECT FROM ${referencing} AS referencing WHERE ${matches})`,
    )
    if (rows === 0) continue
    throw new DwhError(
      'ROWS_UNFIT',
      `${rows} of the rows of ${shown(table)} that stand behind a newer one of their key are referred to by ${referencing} (${name}); nothing was changed`,
      { hint: `let the rows of ${referencing} refer to the newest row of the key, or drop ${name}` },
    )
  }
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
