import type { BinaryColumn, BinaryKind } from '../../sources/file/binary.ts'
import type { FilledColumn, TableColumn } from '../columns.ts'

/** Types whose values we write as PostgreSQL does, by their names in pg_type. */
const kinds: Record<string, BinaryKind> = {
  text: 'text',
  varchar: 'text',
  int2: 'int2',
  int4: 'int4',
  int8: 'int8',
  float8: 'float8',
  bool: 'bool',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
}

const name = '([a-zA-Z_][a-zA-Z0-9_]*|"[^"]+")'
const epochMilliseconds = new RegExp(
  String.raw`^\s*to_timestamp\(\s*${name}\s*::\s*(?:bigint|int8)\s*/\s*1000\.0\s*\)\s*$`,
  'i',
)

/** Words that are values by themselves, whatever columns there are. */
const notColumns = /^(?:null|true|false|default|user|(?:current|session|system)_[a-z]+|localtime(?:stamp)?)$/i

/**
 * What a column of the table is made of, where that is so simple that PostgreSQL need not compute it: a column of the file, a text,
 * NULL, or milliseconds since 1970 as a time.
 *
 * @param names of the columns of the file in SQL
 * @returns undefined where PostgreSQL has to compute it
 */
export function simpleValue({ column, from }: FilledColumn, names: string[]): BinaryColumn | undefined {
  const kind = kindOf(column)
  if (kind === undefined) return undefined
  if ('input' in from) return { input: from.input, kind }
  if (/^\s*NULL\s*$/i.test(from.expression)) return { constant: null }
  const [, literal] = /^\s*'((?:[^'\\]|'')*)'\s*$/.exec(from.expression) ?? []
  if (literal !== undefined && kind === 'text')
    return { constant: Buffer.from(literal.replaceAll("''", "'")) }
  const [, milliseconds] = epochMilliseconds.exec(from.expression) ?? []
  const input = milliseconds === undefined ? -1 : columnNamed(milliseconds, names)
  return input >= 0 && kind === 'timestamptz' ? { input, kind: 'epoch_ms' } : undefined
}

/** A domain may refuse what its type takes. */
function kindOf({ base, is_domain }: TableColumn): BinaryKind | undefined {
  return is_domain || !Object.hasOwn(kinds, base) ? undefined : kinds[base]
}

function columnNamed(spelt: string, names: string[]): number {
  if (spelt.startsWith('"')) return names.indexOf(spelt.slice(1, -1))
  return notColumns.test(spelt) ? -1 : names.indexOf(spelt.toLowerCase())
}
