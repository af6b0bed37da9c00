import { DwhError } from '../../errors.ts'
import { ident, type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { CatalogueColumn } from './columns.ts'

type OldColumn = Pick<CatalogueColumn, 'name' | 'type' | 'not_null'>

/**
 * What makes the columns of an archived leaf those that its table has today: others have come, or have got another type.
 *
 * @throws DwhError TARGET_UNFIT where the table has one of them no more: attached, its values would be lost
 */
export function adaptStatements(
  parent: RelationName,
  today: CatalogueColumn[],
  leaf: RelationName,
  archived: OldColumn[],
): string[] {
  requireKept(parent, today, archived)
  const known = new Map(archived.map((column) => [column.name, column]))
  const alter = (action: string) => `ALTER TABLE ${relation(leaf)} ${action}`
  return today.flatMap((column) => {
    const { type, not_null } = column
    const name = ident(column.name)
    const old = known.get(column.name)
    if (!old) return alter(`ADD COLUMN ${name} ${type}${filledBy(column)}${not_null ? ' NOT NULL' : ''}`)
    return [
      ...(old.type === type ? [] : [alter(`ALTER COLUMN ${name} TYPE ${type}`)]),
      ...(old.not_null || !not_null ? [] : [alter(`ALTER COLUMN ${name} SET NOT NULL`)]),
    ]
  })
}

/** What gives the columns of a new, empty leaf the types that they had when it was archived. */
export function agedStatements(
  parent: RelationName,
  today: CatalogueColumn[],
  leaf: RelationName,
  archived: OldColumn[],
): string[] {
  requireKept(parent, today, archived)
  return archived.flatMap(({ name, type }) =>
    today.some((column) => column.name === name && column.type === type)
      ? []
      : `ALTER TABLE ${relation(leaf)} ALTER COLUMN ${ident(name)} TYPE ${type}`,
  )
}

function filledBy({ expression, is_generated }: CatalogueColumn): string {
  if (expression === null) return ''
  return is_generated ? ` GENERATED ALWAYS AS (${expression}) STORED` : ` DEFAULT ${expression}`
}

function requireKept(parent: RelationName, today: CatalogueColumn[], archived: OldColumn[]): void {
  const gone = archived.filter(({ name }) => today.every((column) => column.name !== name))
  if (gone.length === 0) return
  const names = gone.map(({ name, type }) => `${ident(name)} ${type}`)
  const adding = names.map((column) => `ADD COLUMN ${column}`).join(', ')
  throw new DwhError(
    'TARGET_UNFIT',
    `the archive has columns that ${shown(parent)} has no more: ${names.join(', ')}; nothing was changed`,
    { hint: `give them back first: ALTER TABLE ${shown(parent)} ${adding}` },
  )
}
