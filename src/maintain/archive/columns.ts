import type { SchemaElement } from 'hyparquet'
import { ident } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'

/** A column of a leaf, as the catalogue has it. */
interface CatalogueColumn {
  name: string
  type: string
  /** The type's own name, of a domain that of what it is made of; empty for types that are not PostgreSQL's. */
  base: string
  /** Of a numeric that has them. */
  precision: number | null
  scale: number | null
  not_null: boolean
  is_generated: boolean
}

/** How a column is asked for, stored in Parquet, and turned from one into the other. */
export interface StoredColumn extends CatalogueColumn {
  select: string
  element: Omit<SchemaElement, 'name' | 'repetition_type'>
  convert: (value: unknown) => unknown
}

/** The days and digits that Parquet, and whoever reads it, has a type for. */
const [firstDay, lastDay] = ['0001-01-01', '9999-12-31']
const decimalDigits = 18

export async function catalogueColumns(session: Session, oid: number): Promise<CatalogueColumn[]> {
  return await session.rows<CatalogueColumn>(sql('maintain/archived_columns'), [oid])
}

/**
 * The columns of a leaf, each with a type of Parquet that loses nothing: what has none (infinity, NaN, years before the first,
 * ranges, arrays …) is text, as PostgreSQL writes it. Reads the leaf once where that depends on its values.
 */
export async function storedColumns(session: Session, oid: number, from: string): Promise<StoredColumn[]> {
  const columns = await catalogueColumns(session, oid)
  const questions = columns.flatMap((column, index) => {
    const odd = oddValues(column)
    return odd ? [`coalesce(bool_or(${odd}), false) AS "${index}"`] : []
  })
  const odd: Record<string, boolean> =
    questions.length === 0 ? {} : await session.one(`SELECT ${questions.join(', ')} FROM ${from}`)
  return columns.map((column, index) => ({ ...column, ...(odd[index] ? text(column) : stored(column)) }))
}

/** A condition that is true of values which the type of Parquet has no place for. */
function oddValues({ name, base, precision, scale }: CatalogueColumn): string | undefined {
  const column = ident(name)
  if (base === 'date') return `${column} NOT BETWEEN date '${firstDay}' AND date '${lastDay}'`
  if (base === 'timestamp' || base === 'timestamptz')
    return `${column}::timestamp NOT BETWEEN timestamp '${firstDay}' AND timestamp '${lastDay}'`
  return base === 'numeric' && isDecimal(precision, scale) ? `${column} = 'NaN'` : undefined
}

function isDecimal(precision: number | null, scale: number | null): scale is number {
  return (
    precision !== null && scale !== null && precision <= decimalDigits && scale >= 0 && scale <= precision
  )
}

type Storage = Pick<StoredColumn, 'select' | 'element' | 'convert'>

const asIs = (value: unknown) => value
const asLong = (value: unknown) => (value === null ? null : BigInt(value as string))

function text({ name }: CatalogueColumn): Storage {
  return {
    select: `${ident(name)}::text`,
    element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    convert: asIs,
  }
}

function stored(column: CatalogueColumn): Storage {
  const { name, base, precision, scale } = column
  const own = ident(name)
  const microseconds = `(extract(epoch FROM ${own}) * 1000000)::bigint::text`
  switch (base) {
    case 'bool':
      return { select: own, element: { type: 'BOOLEAN' }, convert: asIs }
    case 'int2':
    case 'int4':
      return { select: own, element: { type: 'INT32' }, convert: asIs }
    case 'int8':
      return { select: `${own}::text`, element: { type: 'INT64' }, convert: asLong }
    case 'float4':
      return { select: own, element: { type: 'FLOAT' }, convert: asIs }
    case 'float8':
      return { select: own, element: { type: 'DOUBLE' }, convert: asIs }
    case 'date':
      return {
        select: `${own} - date '1970-01-01'`,
        element: { type: 'INT32', converted_type: 'DATE' },
        convert: asIs,
      }
    case 'timestamp':
      return { select: microseconds, element: timestamp(false), convert: asLong }
    case 'timestamptz':
      return { select: microseconds, element: timestamp(true), convert: asLong }
    case 'bytea':
      return { select: own, element: { type: 'BYTE_ARRAY' }, convert: asIs }
    case 'json':
    case 'jsonb':
      return { ...text(column), element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' } }
    case 'numeric':
      if (!isDecimal(precision, scale)) return text(column)
      return {
        select: `(${own} * 1${'0'.repeat(scale)})::bigint::text`,
        element: { type: 'INT64', converted_type: 'DECIMAL', precision: precision as number, scale },
        convert: asLong,
      }
    default:
      return text(column)
  }
}

/** In microseconds since 1970, as PostgreSQL counts. */
function timestamp(isAdjustedToUTC: boolean): Storage['element'] {
  return {
    type: 'INT64',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS' },
    ...(isAdjustedToUTC ? { converted_type: 'TIMESTAMP_MICROS' } : {}),
  }
}
