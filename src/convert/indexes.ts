import type { KeyRule } from '../dedup/rule.ts'
import { fitName, identList } from '../postgres/identifiers.ts'
import type { Policy } from '../warehouse/schema.ts'

import type { PlainIndex, PlainTable } from './table.ts'

/** An index of the partitioned table, to be built on every leaf and adopted by the parent. */
export interface ParentIndex {
  /** The name that it bears in the end. */
  name: string
  /** The index of the plain table that bore this name. */
  replaces: PlainIndex | undefined
  kind: 'index' | 'unique index' | 'unique constraint' | 'primary key'
  /** What follows USING. */
  tail: string
  /** For people: `(a, b)`. */
  columns: string[]
  nullsNotDistinct: boolean
  tablespace: string | null
  comment: string | null
}

/** The indexes of the partitioned table, and in plain words what the plain table promised and this one cannot. */
export interface IndexPlan {
  indexes: ParentIndex[]
  losses: string[]
  notes: string[]
}

/**
 * Every index of the plain table goes over; what is unique gets the partition key added, as PostgreSQL demands; the
 * business key gets its constraint; and so do the indexes that migrations declared.
 *
 * @param rule the dataset's business key
 * @param declared columns of indexes that a migration declared for this table
 * @param nullableKey the partition key may be NULL in the new table
 */
export function planIndexes(
  table: PlainTable,
  policy: Policy,
  rule: KeyRule | undefined,
  declared: string[][],
  nullableKey: boolean,
): IndexPlan {
  const plan: IndexPlan = { indexes: [], losses: [], notes: [] }
  const key = rule?.key
  for (const index of table.indexes) {
    if (!index.valid) plan.notes.push(`index ${index.name} is invalid and not carried over`)
    else plan.indexes.push(carry(table, index, policy, key, nullableKey, plan))
  }
  if (rule) addKey(table, policy, rule, plan)
  for (const columns of declared) {
    const known = plan.indexes.some((index) => index.columns.join('\0') === columns.join('\0'))
    if (!known) plan.indexes.push(newIndex(table, columns, 'index', '_idx'))
  }
  return plan
}

function carry(
  table: PlainTable,
  index: PlainIndex,
  policy: Policy,
  key: string[] | undefined,
  nullableKey: boolean,
  plan: IndexPlan,
): ParentIndex {
  const columns = index.columns ?? []
  const carried: ParentIndex = {
    name: index.name,
    replaces: index,
    kind: kindOf(index, nullableKey && policy.key.some((column) => columns.includes(column))),
    tail: index.tail,
    columns,
    nullsNotDistinct: index.nulls_not_distinct,
    tablespace: index.tablespace,
    comment: index.comment,
  }
  if (index.is_deferrable) plan.losses.push(`${index.name} is checked at once and no longer deferrable`)
  if (index.is_primary && nullableKey) {
    plan.notes.push(
      `${index.name} becomes a unique constraint: a primary key takes no NULL, and the unknown leaf does` +
        (replicaIdentity(table, true) === 'f' && table.replica_identity === 'd'
          ? '; replica identity becomes FULL, without which updates could not be published'
          : ''),
    )
  }
  if (!index.is_unique || policy.key.every((column) => columns.includes(column))) return carried
  if (!index.is_plain) {
    plan.losses.push(
      `${index.name} is not unique any more: a unique index over expressions needs the partition key`,
    )
    return { ...carried, kind: 'index', nullsNotDistinct: false }
  }
  const widened = [...new Set([...columns, ...policy.key])]
  const promise = `(${columns.join(', ')}) alone is not unique any more, (${widened.join(', ')}) is: ${index.name}`
  // Of the business key the policy itself says so.
  if (key && columns.toSorted().join('\0') === key.toSorted().join('\0')) plan.notes.push(promise)
  else plan.losses.push(promise)
  return {
    ...carried,
    kind: kindOf(index, nullableKey),
    columns: widened,
    tail: widenedTail(
      index.tail,
      policy.key.filter((column) => !columns.includes(column)),
    ),
  }
}

/** What follows USING, taken apart: `btree (a, "b)" DESC) INCLUDE (c) WITH (fillfactor='70')`. */
const definition = /^(?<method>\w+) \((?<key>(?:"(?:[^"]|"")*"|[^")])*)\)(?<rest>.*)$/s

/** More columns at the end of the key; collations, order, INCLUDE and storage parameters stay. */
function widenedTail(tail: string, more: string[]): string {
  return tail.replace(definition, (...match) => {
    const { method, key, rest } = match.at(-1) as Record<'method' | 'key' | 'rest', string>
    return `${method} (${key}, ${identList(more)})${rest}`
  })
}

/** The columns of a constraint, with what follows them: `("a", "b") INCLUDE (c)`. */
export function constraintTail({ tail, columns }: ParentIndex): string {
  const rest = definition.exec(tail)?.groups?.rest ?? ''
  return `(${identList(columns)})${rest.replace(' NULLS NOT DISTINCT', '')}`
}

/**
 * The replica identity of the partitioned table. A published table that loses its primary key needs another one, or its
 * updates and deletes are refused.
 *
 * @param losesPrimary whether its primary key becomes a unique constraint
 */
export function replicaIdentity(
  { replica_identity, is_published }: PlainTable,
  losesPrimary: boolean,
): string {
  return replica_identity === 'd' && is_published && losesPrimary ? 'f' : replica_identity
}

function kindOf(index: PlainIndex, nullable: boolean): ParentIndex['kind'] {
  if (index.is_primary) return nullable ? 'unique constraint' : 'primary key'
  if (index.is_unique) return index.is_constraint ? 'unique constraint' : 'unique index'
  return 'index'
}

function addKey(
  table: PlainTable,
  policy: Policy,
  { key, nullsEqual }: Pick<KeyRule, 'key' | 'nullsEqual'>,
  plan: IndexPlan,
): void {
  const unique = [...new Set([...key, ...policy.key])]
  const wanted = unique.toSorted().join('\0')
  // Without an unknown leaf no partition key is NULL.
  const mayBeNull = table.columns.some(
    ({ name, not_null }) =>
      unique.includes(name) && !not_null && (policy.unknown !== false || !policy.key.includes(name)),
  )
  const served = plan.indexes.some(
    ({ kind, columns, replaces, nullsNotDistinct }) =>
      kind !== 'index' &&
      replaces?.is_plain !== false &&
      replaces?.compares_as_columns !== false &&
      (!nullsEqual || nullsNotDistinct || !mayBeNull) &&
      columns.toSorted().join('\0') === wanted,
  )
  if (!served) {
    const index = newIndex(table, unique, 'unique constraint', '_key')
    plan.indexes.push({ ...index, nullsNotDistinct: nullsEqual })
  }
}

function newIndex(
  table: PlainTable,
  columns: string[],
  kind: ParentIndex['kind'],
  suffix: string,
): ParentIndex {
  const base = kind === 'index' ? `${table.name}_${columns.join('_')}` : table.name
  const taken = new Set(table.indexes.map(({ name }) => name))
  let name = fitName(base, suffix)
  for (let n = 1; taken.has(name); n++) name = fitName(base, `${suffix}${n}`)
  return {
    name,
    replaces: undefined,
    kind,
    tail: `btree (${identList(columns)})`,
    columns,
    nullsNotDistinct: false,
    tablespace: null,
    comment: null,
  }
}

/** The name that the parent's index bears until the swap. */
export function shadowIndexName({ name }: ParentIndex): string {
  return fitName(name, '_dwh_shadow')
}
