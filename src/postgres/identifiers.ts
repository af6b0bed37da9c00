import { createHash } from 'node:crypto'
import pg from 'pg'
import { DwhError } from '../errors.ts'

/** A table, index or other relation: both parts as they stand in the catalogue, unquoted. */
export interface RelationName {
  schema: string
  name: string
}

/** PostgreSQL keeps NAMEDATALEN - 1 bytes of a name and silently cuts the rest. */
const maximumNameBytes = 63

/** `name` quoted as an SQL identifier. Always quoted, so that no name needs to be judged harmless. */
export function ident(name: string): string {
  if (name === '' || name.includes('\0')) {
    throw new DwhError('USAGE', `${JSON.stringify(name)} cannot be a name in PostgreSQL`)
  }
  return pg.escapeIdentifier(name)
}

/** `"schema"."name"`. */
export function relation({ schema, name }: RelationName): string {
  return `${ident(schema)}.${ident(name)}`
}

/** `value` quoted as an SQL literal; numbers and null stand as they are. */
export function literal(value: string | number | null): string {
  if (value === null) return 'NULL'
  return typeof value === 'number' ? String(value) : pg.escapeLiteral(value)
}

/** `body` between dollar quotes that do not occur in it. */
export function dollarQuoted(body: string): string {
  let tag = '$dwh$'
  for (let n = 1; body.includes(tag); n++) tag = `$dwh${n}$`
  return `${tag}${body}${tag}`
}

/** `-- text` in one line: a name with a newline in it would end the comment, and what follows would be executed. */
export function comment(text: string): string {
  return `-- ${text.replace(/[\r\n]+/g, ' ')}`
}

/** `a, b, c`, each quoted as an identifier. */
export function identList(names: readonly string[]): string {
  return names.map(ident).join(', ')
}

/** `schema.name` for people: quoted only where it must be. */
export function shown({ schema, name }: RelationName): string {
  return [schema, name].map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : ident(part))).join('.')
}

/**
 * Reads `table`, `schema.table` or `"Odd ""schema"""."table"` as PostgreSQL would: the ASCII letters of unquoted parts fold
 * to lower case, and a missing schema is `public`. A name that PostgreSQL would cut is refused, since nothing is called so.
 *
 * @throws DwhError USAGE when the text is not a relation name
 */
export function parseRelation(text: string): RelationName {
  const part = String.raw`"(?:[^"\0]|"")+"|[^\s".\0]+`
  const match = new RegExp(`^(?:(${part})\\.)?(${part})$`, 'u').exec(text)
  if (!match) throw new DwhError('USAGE', `${JSON.stringify(text)} is not a table name like schema.table`)
  const unquote = (written: string) =>
    written.startsWith('"')
      ? written.slice(1, -1).replaceAll('""', '"')
      : written.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const parts = { schema: unquote(match[1] ?? 'public'), name: unquote(match[2] as string) }
  for (const part of Object.values(parts)) {
    if (Buffer.byteLength(part) > maximumNameBytes)
      throw new DwhError(
        'USAGE',
        `${JSON.stringify(part)} is longer than the ${maximumNameBytes} bytes of a name`,
      )
  }
  return parts
}

/**
 * `base` + `suffix`, cut to what PostgreSQL keeps. A base that must be cut ends in a short hash of its whole self, so
 * that two long names that begin alike stay apart; the suffix, which tells leaves apart, is never cut.
 */
export function fitName(base: string, suffix = ''): string {
  if (Buffer.byteLength(base + suffix) <= maximumNameBytes) return base + suffix
  const mark = `~${createHash('sha256').update(base).digest('hex').slice(0, 6)}`
  let kept = base
  while (Buffer.byteLength(kept + mark + suffix) > maximumNameBytes) kept = [...kept].slice(0, -1).join('')
  return kept + mark + suffix
}

/** The name of the CHECK that says which rows a leaf holds. */
export function boundName(leaf: string): string {
  return fitName(leaf, '_bound')
}
