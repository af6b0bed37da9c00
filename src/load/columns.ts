import { DwhError } from '../errors.ts'
import { shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset } from '../warehouse/load.ts'
import { didYouMean } from '../warehouse/nearest.ts'

/** A column of the target; see sql/dwh/load/columns.sql. */
export interface TableColumn {
  name: string
  /** As in a declaration: `numeric(15,2)`. */
  type: string
  /** The name of a plain type such as int4; `other` for arrays, domains, enums and whatever else. */
  base: string
  most_characters: number | null
  precision: number | null
  scale: number | null
  not_null: boolean
  has_default: boolean
  generated: boolean
  identity: boolean
  sequence: string | null
}

/** A column of the target that a load fills: from a column of the file, by its index, or by an expression over them. */
export interface FilledColumn {
  column: TableColumn
  from: { input: number } | { expression: string }
}

/** Which column of the file goes where. */
export interface ColumnPlan {
  /** Names as in the file. */
  input: string[]
  filled: FilledColumn[]
  /** Columns of the file that go nowhere. */
  ignored: string[]
  /** Columns of the table that the file does not have: they get their default, or NULL. */
  missing: TableColumn[]
  /** Some column is computed from others. */
  derived: boolean
}

export async function readTableColumns(session: Session, oid: number): Promise<TableColumn[]> {
  return session.rows<TableColumn>(sql('load/columns'), [oid])
}

/**
 * Matches the columns of a file with those of the target, by name: exactly, else with case, accents and punctuation folded.
 * `map` goes before: a bare name renames, anything else is an expression over the columns of the file.
 *
 * @throws DwhError USAGE when a column that must have a value is missing, or two columns of the file fit one
 */
export function planColumns(dataset: Dataset, table: TableColumn[], input: string[]): ColumnPlan {
  const used = new Set<number>()
  const filled: FilledColumn[] = []
  const missing: TableColumn[] = []
  for (const column of table.filter(({ generated }) => !generated)) {
    const expression = dataset.map[column.name]
    const at = findInput(input, expression ?? column.name)
    if (at !== undefined) {
      filled.push({ column, from: { input: at } })
      used.add(at)
    } else if (expression !== undefined) filled.push({ column, from: { expression } })
    else missing.push(column)
  }
  refuseMissing(dataset, missing, input)
  const derived = filled.some(({ from }) => 'expression' in from)
  const named = (name: string) =>
    filled.some(({ from }) => 'expression' in from && from.expression.includes(name))
  return {
    input,
    filled,
    missing,
    derived,
    ignored: input.filter((name, index) => !used.has(index) && !named(name)),
  }
}

function findInput(input: string[], name: string): number | undefined {
  const exact = input.indexOf(name)
  if (exact >= 0) return exact
  const folded = fold(name)
  const fitting = input.flatMap((one, index) => (fold(one) === folded ? [index] : []))
  if (fitting.length > 1) {
    throw new DwhError(
      'USAGE',
      `the columns ${fitting.map((index) => input[index]).join(' and ')} of the file both fit ${name}; nothing was changed`,
      { hint: 'say in `map` of the dataset which of them it is' },
    )
  }
  return fitting[0]
}

/** `Température (°C)` → `temperature_c` */
export function fold(name: string): string {
  return name
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_|_$/g, '')
}

/** The expression that the warehouse file gives for what a source leaves out. */
export function declaredDefault({ columns }: Dataset, name: string): string | undefined {
  const declared = columns[name]
  return declared && 'default' in declared ? declared.default : undefined
}

/** Columns that cannot be left out: those that must not be NULL and have no default, and those of the key. */
function refuseMissing(dataset: Dataset, missing: TableColumn[], input: string[]): void {
  const needed = missing.filter(({ name, not_null, has_default, identity }) => {
    if (dataset.key?.includes(name)) return true
    const mustHave = not_null || dataset.columns[name]?.required
    return mustHave && !has_default && !identity && declaredDefault(dataset, name) === undefined
  })
  const [first] = needed
  if (!first) return
  throw new DwhError(
    'USAGE',
    `${shown(dataset.target)} needs ${needed.map(({ name }) => name).join(', ')}, and the file has only ${input.join(', ')}; nothing was changed`,
    {
      hint: `name the columns with --columns, or say in \`map\` of the dataset ${dataset.name} where they come from${didYouMean(first.name, input)}`,
    },
  )
}
