import type { PlainColumn, PlainIndex, PlainTable } from '../convert/table.ts'
import { uniqueIndexes } from './partition-key.ts'

/** What a row is recognised by, as the unique indexes of the table say. */
export interface KeyChoice {
  key: string[] | undefined
  nullsEqual: boolean
  reason: string
  recency: string | undefined
  recencyReason: string
}

/**
 * The key of a table in the leaves of a policy. Of several unique indexes the one that lacks the partition key is taken:
 * what it promises becomes the promise of the key, and nothing is lost.
 *
 * @param partitionKey no columns for a table that stays as it is
 */
export function chooseKey(table: PlainTable, partitionKey: string[]): KeyChoice {
  const uniques = uniqueIndexes(table).toSorted((a, b) => rank(table, a) - rank(table, b))
  const without = uniques.filter(({ columns }) => !partitionKey.every((column) => columns?.includes(column)))
  const chosen = without[0] ?? uniques[0]
  const recency = chooseRecency(table)
  if (!chosen) {
    const reason = `no unique index says what a row is recognised by${guessed(table, recency)}`
    return { key: undefined, nullsEqual: false, reason, recency: undefined, recencyReason: '' }
  }
  const others = uniques.filter((index) => index !== chosen)
  return {
    key: chosen.columns ?? undefined,
    nullsEqual: chosen.nulls_not_distinct && !chosen.is_primary,
    reason:
      `${chosen.is_primary ? 'the primary key' : `unique by ${chosen.name}`}` +
      (others.length > 0
        ? `; unique too: ${others.map(({ columns }) => `(${columns?.join(', ')})`).join(', ')}`
        : ''),
    recency: recency?.name,
    recencyReason: recency ? 'by its name it says which of two rows is the newer' : '',
  }
}

/** A number that the database gave says less than what the business calls the row. */
function rank(table: PlainTable, { columns, is_primary }: PlainIndex): number {
  const [only, more] = columns ?? []
  const column = table.columns.find(({ name }) => name === only)
  const isNumbered = more === undefined && Boolean(column?.identity || column?.sequence)
  return (isNumbered ? 2 : 0) + (is_primary ? 0 : 1)
}

const recencyNames = [
  /(^|_)(updat|modif|chang|maj|mise_a_jour)/i,
  /(^|_)(sync|load|ingest|import)/i,
  /(^|_)(insert|creat|cree|créé|ajout)/i,
]

function chooseRecency(table: PlainTable): PlainColumn | undefined {
  const moments = table.columns.filter(({ type, generated }) => /^(timestamp|date)/.test(type) && !generated)
  return recencyNames
    .map((pattern) => moments.find(({ name }) => pattern.test(name)))
    .find((column) => column !== undefined)
}

/** Somebody may say that rows are copies of others; a look at their names does not decide it. */
function guessed(table: PlainTable, recency: PlainColumn | undefined): string {
  const column = table.columns.find(
    ({ name, type, identity, sequence, generated }) =>
      /(^|_)(id|no|num|number|numero|code|ref|reference|uuid)$/i.test(name) &&
      /^(smallint|integer|bigint|numeric|uuid|text|character)/.test(type) &&
      !identity &&
      !sequence &&
      !generated,
  )
  if (!column) return ''
  if (!recency) return `; it may be \`key: ${column.name}\``
  return `; if it is \`key: ${column.name}\`, then with \`recency: ${recency.name}\` setup sets the older of two such rows aside`
}
