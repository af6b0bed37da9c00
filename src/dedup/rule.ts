import { DwhError } from '../errors.ts'
import { ident, identList, type RelationName, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import type { Dataset } from '../warehouse/load.ts'

/** Which rows are one and the same thing, and which of them stays. */
export interface KeyRule {
  /** The business key. Rows with a NULL in it are never duplicates, unless `nullsEqual`. */
  key: string[]
  /** Of several rows with one key the one with the greatest value stays; NULL is the least. */
  recency: string | undefined
  nullsEqual: boolean
}

/** The rule of a dataset; undefined where it has no key and its rows are never deduplicated. */
export function keyRule({ key, recency, nulls_equal: nullsEqual }: Dataset): KeyRule | undefined {
  return key && { key, recency, nullsEqual }
}

/** What the duplicates of a table come to. */
export interface Duplicates {
  /** Keys that stand in more than one row. */
  keys: number
  /** Rows too many: all but the one of each key that stays. */
  rows: number
  /** Keys whose newest value of `recency` stands in more than one row: of those the row stored last stays. */
  ties: number
  /** One of the keys, as text. */
  example: string | null
}

export const noDuplicates: Duplicates = { keys: 0, rows: 0, ties: 0, example: null }

/**
 * Counts the duplicates of a table, sorting its keys once.
 *
 * @param from a quoted relation, with ONLY where its children shall not count
 * @throws DwhError TARGET_UNFIT for columns of types without an order
 */
export async function surveyDuplicates(session: Session, from: string, rule: KeyRule): Promise<Duplicates> {
  // A rank compares as ORDER BY does; an operator would be looked for in the search_path, where no extension's is.
  const tie = rule.recency ? 'rank() OVER peers = 1' : 'true'
  const peers = rule.recency
    ? `, peers AS (PARTITION BY ${identList(rule.key)} ORDER BY ${newest(rule.recency)})`
    : ''
  const statement =
    `SELECT count(*) FILTER (WHERE n = 2) AS keys, count(*) FILTER (WHERE n > 1) AS rows, ` +
    `count(*) FILTER (WHERE n = 2 AND tie) AS ties, min(key) FILTER (WHERE n = 2) AS example ` +
    `FROM (SELECT row_number() OVER newest AS n, ${tie} AS tie, ROW(${identList(rule.key)})::text AS key ` +
    `FROM ${from}${comparable(rule)} ${newestFirst(rule)}${peers}) AS ranked`
  try {
    return await session.one<Duplicates>(statement)
  } catch (error) {
    if (!hasState(error, sqlstate.undefinedFunction)) throw error
    const columns = [...rule.key, ...(rule.recency ? [rule.recency] : [])].join(', ')
    throw new DwhError(
      'TARGET_UNFIT',
      `${from.replace(/^ONLY /, '')} cannot be sorted by ${columns}: ${String((error as Error).message).split('\n')[0]}; nothing was changed`,
      { cause: error, hint: 'name columns of types that have an order as `key` and `recency`' },
    )
  }
}

const newest = (recency: string) => `${ident(recency)} DESC NULLS LAST`

/**
 * Of several rows with one key something must say which is the newest.
 *
 * @throws DwhError ROWS_UNFIT
 */
export function requireOrder(
  table: RelationName,
  { key, recency }: KeyRule,
  { keys, rows, example }: Duplicates,
): void {
  if (rows === 0 || recency) return
  throw new DwhError(
    'ROWS_UNFIT',
    `${shown(table)}: ${count(keys, 'key')} (${key.join(', ')}) in more than one row, ${count(rows, 'row')} too many, such as ` +
      `${example}, and nothing says which is the newest; nothing was changed`,
    {
      hint: 'name the column that does as `recency`; or add to `key` what tells these rows apart, or take it out of the dataset',
    },
  )
}

const count = (value: number, unit: string) =>
  `${value.toLocaleString('en')} ${unit}${value === 1 ? '' : 's'}`

/**
 * Selects `leaf` (the oid of the table) and `place` (the ctid) of every row that stands behind a newer one of its key. They
 * hold for the snapshot of the statement, or for as long as writers are kept out.
 */
export function supersededSelect(from: string, rule: KeyRule): string {
  return (
    `SELECT leaf, place FROM (SELECT tableoid AS leaf, ctid AS place, row_number() OVER newest AS n ` +
    `FROM ${from}${comparable(rule)} ${newestFirst(rule)}) AS ranked WHERE n > 1`
  )
}

/** A column of the table may bear the name of a system column no more than PostgreSQL lets it: they cannot clash. */
function newestFirst({ key, recency }: KeyRule): string {
  const order = [...(recency ? [newest(recency)] : []), 'tableoid DESC', 'ctid DESC']
  return `WINDOW newest AS (PARTITION BY ${identList(key)} ORDER BY ${order.join(', ')})`
}

function comparable({ key, nullsEqual }: KeyRule): string {
  return nullsEqual ? '' : ` WHERE ${key.map((column) => `${ident(column)} IS NOT NULL`).join(' AND ')}`
}
