import { datesOf, parseForValues } from '../../partitions/bounds.ts'
import { keyTypes } from '../../partitions/tree.ts'
import { shown } from '../../postgres/identifiers.ts'
import { type Policy, policySchema } from '../../warehouse/dataset.ts'
import type { Grain } from './document.ts'
import type { LeafRow } from './facts.ts'

/** Estimated rows of a table: all, and by the period that a leaf lies in. */
export interface TableRows {
  table: string
  rows: number | null
  ofPeriod: Map<string, number>
}

/** A warehouse file is not needed for it, since who watches may have none: the catalogue says how a table is cut. */
export function tableRows(
  leaves: LeafRow[],
  table: { schema_name: string; table_name: string; zone: string },
  grain: Grain,
): TableRows {
  const own = leaves.filter(({ schema, name }) => schema === table.schema_name && name === table.table_name)
  const policy = own[0] && policyOf(own[0].key_types, table.zone)
  const ofPeriod = new Map<string, number>()
  for (const leaf of own) {
    const period = policy && periodOf(leaf, policy, grain)
    if (period !== undefined) ofPeriod.set(period, (ofPeriod.get(period) ?? 0) + leaf.rows)
  }
  return {
    table: shown({ schema: table.schema_name, name: table.table_name }),
    rows: own.length === 0 ? null : own.reduce((sum, { rows }) => sum + rows, 0),
    ofPeriod,
  }
}

/** The one period that a leaf lies in; undefined where it lies in several, or has no dates. */
function periodOf({ bound: text }: LeafRow, policy: Policy, grain: Grain): string | undefined {
  const bound = text === null ? undefined : parseForValues(text)
  if (bound === undefined || bound === 'default') return undefined
  const { from, until } = datesOf(policy, bound)
  const label = periodLabel(String(from), grain)
  return label === periodLabel(String(until.subtract({ days: 1 })), grain) ? label : undefined
}

/** `2024-03-17` → `2024`, `2024-03` or itself. */
export function periodLabel(date: string, grain: Grain): string {
  return date.slice(0, { year: 4, month: 7, day: 10 }[grain])
}

function policyOf(types: string[], zone: string): Policy | undefined {
  const kinds = ['date_key', 'date', 'timestamp', 'timestamptz'] as const
  const kind =
    types.length === 2
      ? ('year_quarter' as const)
      : kinds.find((one) => keyTypes[one].includes(types[0] ?? ''))
  if (!kind || types.length === 0) return undefined
  // Grain and names do not matter for what its bounds mean.
  return policySchema.parse({ key: types.map((_, n) => `key_${n}`), kind, grain: 'year', zone })
}
