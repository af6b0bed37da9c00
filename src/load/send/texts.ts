import { ident } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { type ColumnPlan, placeColumn } from '../columns.ts'

/** The temporary table in which records stand as the texts that they are: a column for each of the file, and the place. */
export const textsTable = 'pg_temp.dwh_records'

/** Makes the table anew on one connection. */
export async function openTexts(session: Session, { names }: ColumnPlan): Promise<void> {
  const columns = names.map((name) => `${ident(name)} text`)
  await session.run(
    `DROP TABLE IF EXISTS ${textsTable} CASCADE; CREATE TEMPORARY TABLE dwh_records (${[`${placeColumn} bigint`, ...columns].join(', ')})`,
  )
}

/** The values that the texts make, each named as its column. */
export function valuesOfTexts({ filled, names }: ColumnPlan): string[] {
  return filled.map(({ column, from }) =>
    'input' in from
      ? `${ident(names[from.input] as string)}::${column.unlimited_type} AS ${ident(column.name)}`
      : `(${from.expression})::${column.unlimited_type} AS ${ident(column.name)}`,
  )
}

/**
 * Columns of the file, by index, without which some value could not be computed. Rather one too many: a name that only stands in an
 * expression somewhere counts.
 */
export function neededInputs({ filled, names }: ColumnPlan): number[] {
  const copied = new Set(filled.flatMap(({ from }) => ('input' in from ? [from.input] : [])))
  const expressions = filled.flatMap(({ from }) =>
    'expression' in from ? [from.expression.toLowerCase()] : [],
  )
  // The whole row, or a name that is spelt by escapes.
  const isOpaque = expressions.some((text) => /dwh_records|u&"/.test(text))
  return names.flatMap((name, index) => {
    const spelt = name.toLowerCase().replaceAll('"', '""')
    const isNamed = isOpaque || copied.has(index) || expressions.some((text) => text.includes(spelt))
    return isNamed ? [index] : []
  })
}
