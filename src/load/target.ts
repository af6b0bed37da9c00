import { DwhError } from '../errors.ts'
import { inspectTarget, type Leaf } from '../partitions/tree.ts'
import { ident, type RelationName, shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Dataset } from '../warehouse/load.ts'
import {
  type ColumnPlan,
  declaredDefault,
  planColumns,
  readTableColumns,
  type TableColumn,
} from './columns.ts'

/** A value of these columns must be in another table. */
export interface Reference {
  columns: string[]
  table: RelationName
  foreignColumns: string[]
  onMissing: 'reject' | 'set_null'
}

interface ForeignKey {
  name: string
  definition: string
  schema: string
  table_name: string
  columns: string[]
  foreign_columns: string[]
}

/** The table that a file goes to, with what decides whether a row can be in it. */
export class LoadTarget {
  readonly dataset: Dataset
  readonly oid: number
  /** Undefined for a plain table. */
  readonly leaves: Leaf[] | undefined
  readonly columns: TableColumn[]
  readonly checks: { name: string; condition: string; columns: string[] }[]
  readonly foreignKeys: ForeignKey[]
  readonly references: Reference[]
  /** Triggers and rules of the user that rows must go by. */
  readonly obstacles: string[]
  readonly plan: ColumnPlan

  constructor(fields: Omit<LoadTarget, 'mustHaveValue' | 'isAligned' | 'wholeRow' | 'withDefaults'>) {
    this.dataset = fields.dataset
    this.oid = fields.oid
    this.leaves = fields.leaves
    this.columns = fields.columns
    this.checks = fields.checks
    this.foreignKeys = fields.foreignKeys
    this.references = fields.references
    this.obstacles = fields.obstacles
    this.plan = fields.plan
  }

  /** By the table, the warehouse file, or because the key identifies rows. */
  mustHaveValue({ name, not_null }: TableColumn): boolean {
    const { columns, key, nulls_equal } = this.dataset
    return not_null || columns[name]?.required === true || (key?.includes(name) === true && !nulls_equal)
  }

  /**
   * Rows as they will stand in the table: beside what the file gives, the defaults of what it lacks and what is generated
   * from both, where a CHECK speaks of them.
   *
   * @param given a table with the columns that are filled
   */
  wholeRow(given: string): string {
    const isFilled = (name: string) => this.plan.filled.some(({ column }) => column.name === name)
    if (this.checks.every(({ columns }) => columns.every(isFilled))) return given
    const defaults = this.plan.missing.map(({ name, type, expression }) => {
      const value = expression ?? declaredDefault(this.dataset, name) ?? 'NULL'
      // A number of a sequence would be lost.
      return `(${value.includes('nextval(') ? 'NULL' : value})::${type} AS ${ident(name)}`
    })
    const generated = this.columns.flatMap(({ name, generated, expression }) =>
      generated ? [`(${expression}) AS ${ident(name)}`] : [],
    )
    return `(SELECT ${['t.*', ...generated].join(', ')} FROM (SELECT ${['t.*', ...defaults].join(', ')} FROM ${given} AS t) AS t)`
  }

  /** For rows that go straight into the table, which does not know what the warehouse file says of missing columns. */
  withDefaults(): LoadTarget {
    const declared = this.plan.missing.flatMap((column) => {
      const expression = column.has_default ? undefined : declaredDefault(this.dataset, column.name)
      return expression === undefined ? [] : [{ column, from: { expression } }]
    })
    if (declared.length === 0) return this
    const filled = [...this.plan.filled, ...declared]
    const missing = this.plan.missing.filter((one) => !declared.some(({ column }) => column === one))
    return new LoadTarget({ ...this, plan: { ...this.plan, filled, missing, derived: true } })
  }

  /** Rows of one key are always in one leaf. */
  get isAligned(): boolean {
    const { partition, key } = this.dataset
    return !this.leaves || !key || (partition?.key.every((column) => key.includes(column)) ?? false)
  }
}

/**
 * Reads the target of a dataset and matches the columns of a file with it.
 *
 * @param input the columns of the file
 * @throws DwhError TARGET_UNFIT, USAGE
 */
export async function readTarget(session: Session, dataset: Dataset, input: string[]): Promise<LoadTarget> {
  const { target: name, partition } = dataset
  const target = await inspectTarget(session, name, partition)
  if (target.kind === 'missing') {
    throw new DwhError('TARGET_UNFIT', `there is no table ${shown(name)}; nothing was changed`, {
      hint: 'create it with a migration: dwh setup, or dwh migrate up',
    })
  }
  if (target.kind === 'partitioned' && !partition) {
    throw new DwhError(
      'TARGET_UNFIT',
      `${shown(name)} is partitioned, and dataset ${dataset.name} has no policy; nothing was changed`,
      {
        hint: 'describe how it is partitioned as `partition` of the dataset; dwh init proposes it',
      },
    )
  }
  const columns = await readTableColumns(session, target.oid)
  const foreignKeys = await session.rows<ForeignKey>(sql('load/foreign_keys'), [target.oid])
  const obstacles = await session.rows<{ obstacle: string }>(sql('load/obstacles'), [target.oid])
  const plan = planColumns(dataset, columns, input)
  return new LoadTarget({
    dataset,
    oid: target.oid,
    leaves: target.kind === 'partitioned' ? target.leaves : undefined,
    columns,
    checks: await session.rows(sql('load/checks'), [target.oid]),
    foreignKeys,
    references: references(dataset, foreignKeys, plan),
    obstacles: obstacles.map(({ obstacle }) => obstacle),
    plan,
  })
}

/** @throws DwhError TARGET_UNFIT for leaves that a DETACH CONCURRENTLY has left half detached: their rows are seen by nobody */
export function refuseDetaching({ dataset }: LoadTarget, leaves: (Leaf | undefined)[]): void {
  const half = leaves.find((leaf) => leaf?.detachPending)
  if (!half) return
  const [table, leaf] = [shown(dataset.target), shown(half)]
  throw new DwhError(
    'TARGET_UNFIT',
    `${leaf} is being detached from ${table}, and rows in it are not seen any more; nothing was loaded`,
    {
      hint: `wait for the end of it; where it was interrupted: ALTER TABLE ${table} DETACH PARTITION ${leaf} FINALIZE`,
    },
  )
}

/** Those of the warehouse file, and the foreign keys of the table that it does not speak of. */
function references(dataset: Dataset, foreignKeys: ForeignKey[], plan: ColumnPlan): Reference[] {
  const isFilled = (name: string) => plan.filled.some(({ column }) => column.name === name)
  const declared = Object.entries(dataset.references).map(
    ([column, { table, column: foreign, on_missing }]) => ({
      columns: [column],
      table,
      foreignColumns: [foreign],
      onMissing: on_missing,
    }),
  )
  const own = foreignKeys
    .filter(({ columns }) => columns.length > 1 || !declared.some((one) => one.columns[0] === columns[0]))
    .map(({ columns, schema, table_name, foreign_columns }) => ({
      columns,
      table: { schema, name: table_name },
      foreignColumns: foreign_columns,
      onMissing: 'reject' as const,
    }))
  return [...declared, ...own].filter(({ columns }) => columns.every(isFilled))
}
