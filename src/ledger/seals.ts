import { DwhError } from '../errors.ts'
import type { RelationName } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/** Whether a seal holds: what the catalogue says of the leaf is what it said when the leaf was sealed. */
export interface SealedLeaf {
  /** A uuid. A leaf that is sealed anew gets another one. */
  seal: string
  state: 'sealed' | 'void'
  /** Of a void seal, what has happened to the leaf. */
  why?: string
}

/** A seal that nobody has taken off. */
export interface Seal extends SealedLeaf {
  dataset: string
  /** The parent of the leaf, as it was called; undefined where the ledger does not know the seal. */
  table: RelationName | undefined
  /** Its oid. */
  leaf: number
  /** The leaf as it is called now, or was at last. */
  name: RelationName
  /** There is such a table, and it is a leaf. */
  exists: boolean
  isLeaf: boolean
  sealedAt: Date | undefined
}

/** What the catalogue says of a leaf; see sql/dwh/ledger/list_seals.sql. */
interface Evidence {
  name: [schema: string, name: string]
  file: number
  function: [oid: number, xmin: string] | null
  /** By their names; the last is tgenabled. */
  triggers: Record<string, [oid: number, xmin: string, enabled: string]>
  parent: [oid: number, xmin: string, isDetachPending: boolean] | null
  columns: [name: string, ...unknown[]][]
  /** Of enum types, by the oids of the labels. */
  labels: Record<string, string>
}

interface SealRow {
  seal: string
  dataset: string
  schema_name: string | null
  table_name: string | null
  leaf: number
  leaf_schema: string
  leaf_name: string
  sealed_at: Date | null
  kept: Evidence | null
  now: Evidence | null
}

export interface NewSeal {
  run: number
  warehouse: string
  dataset: string
  /** The parent of the leaf. */
  table: RelationName
  leaf: RelationName & { oid: number }
}

/** The triggers of a seal, by their names on the leaf. */
export const sealTriggers = { rows: 'dwh_sealed', truncate: 'dwh_sealed_truncate' } as const

/**
 * The leaves that were sealed and not unsealed, by their oids. In a REPEATABLE READ transaction the answer is of its
 * snapshot: a leaf that is `sealed` has in this snapshot the rows that it had when it was sealed.
 *
 * @returns an empty map where there is no ledger, or one that knows no seals
 */
export async function sealedLeaves(session: Session): Promise<Map<number, SealedLeaf>> {
  const seals = await readSeals(session)
  // Of several seals of one leaf one may hold.
  const ordered = seals.toSorted((a, b) => Number(a.state === 'sealed') - Number(b.state === 'sealed'))
  return new Map(
    ordered.map(({ leaf, seal, state, why }) => [
      leaf,
      { seal, state, ...(why === undefined ? {} : { why }) },
    ]),
  )
}

/**
 * The seals that nobody has taken off, in the order of their leaves' names.
 *
 * @param leaves oids; all unless given
 */
export async function readSeals(session: Session, leaves: number[] | null = null): Promise<Seal[]> {
  if (!(await ledgerPresence(session)).has_seals) return []
  return (await session.rows<SealRow>(sql('ledger/list_seals'), [leaves])).map(asSeal)
}

/**
 * Writes down a seal. To be called in the transaction that makes its triggers, which bear the uuid, before it makes them;
 * `keepEvidence` comes after.
 *
 * @returns the uuid
 */
export async function openSeal(
  session: Session,
  { run, warehouse, dataset, table, leaf }: NewSeal,
): Promise<string> {
  const { seal } = await session.one<{ seal: string }>(sql('ledger/open_seal'), [
    run,
    warehouse,
    dataset,
    table.schema,
    table.name,
    leaf.schema,
    leaf.name,
    leaf.oid,
  ])
  return seal
}

/**
 * Writes down a seal like one that is open, for the same leaf in a restored database. To be called as `openSeal` is.
 *
 * @returns undefined where the ledger has no such open seal
 */
export async function renewSeal(
  session: Session,
  seal: string,
  leaf: number,
): Promise<{ seal: string; dataset: string } | undefined> {
  if (!(await ledgerPresence(session)).has_seals) return undefined
  return session.row(sql('ledger/renew_seal'), [seal, leaf])
}

/** Keeps what the catalogue says of a sealed leaf now, which nobody may change before the commit. */
export async function keepEvidence(session: Session, leaf: number, seal: string): Promise<void> {
  const rows = await session.rows<SealRow>(sql('ledger/list_seals'), [[leaf]])
  const now = rows.find((row) => row.seal === seal)?.now
  if (!now) throw new DwhError('FAILED', `seal ${seal} is not on its leaf after it was set`)
  await session.run(sql('ledger/keep_evidence'), [seal, JSON.stringify(now)])
}

/** To be called in the transaction that takes the triggers away, or makes those of another seal. */
export async function closeSeal(session: Session, { seal, why }: SealedLeaf): Promise<void> {
  await session.run(sql('ledger/close_seal'), [seal, why ?? null])
}

function asSeal({ kept, now, ...row }: SealRow): Seal {
  const reasons = whyVoid(kept, now)
  return {
    seal: row.seal,
    state: reasons.length === 0 ? 'sealed' : 'void',
    ...(reasons.length === 0 ? {} : { why: reasons.join(', ') }),
    dataset: row.dataset,
    table:
      row.schema_name === null || row.table_name === null
        ? undefined
        : { schema: row.schema_name, name: row.table_name },
    leaf: row.leaf,
    name: { schema: row.leaf_schema, name: row.leaf_name },
    exists: now !== null,
    isLeaf: now?.parent ? !now.parent[2] : false,
    sealedAt: row.sealed_at ?? undefined,
  }
}

/** In the order in which people want to know it. */
function whyVoid(kept: Evidence | null, now: Evidence | null): string[] {
  if (!now) return ['it is gone']
  if (!kept) return ['the ledger does not know its seal']
  return [
    ...(same(kept.name, now.name) ? [] : [`it was ${kept.name.join('.')}`]),
    ...whyTriggers(kept, now),
    ...(same(kept.function, now.function) ? [] : ['dwh.refuse_sealed() was replaced']),
    ...whyParent(kept, now),
    ...(kept.file === now.file ? [] : ['it was rewritten or truncated']),
    ...whyColumns(kept, now),
    ...(Object.entries(kept.labels).every(([oid, label]) => now.labels[oid] === label)
      ? []
      : ['labels of an enum were changed']),
  ]
}

/** What became of a trigger that is the same one, by its tgenabled. */
const enabled: Record<string, string> = { A: 'was changed', D: 'is disabled' }

function whyTriggers(kept: Evidence, now: Evidence): string[] {
  return Object.values(sealTriggers).flatMap((name) => {
    const [before, after] = [kept.triggers[name], now.triggers[name]]
    if (!after) return [`trigger ${name} was dropped`]
    if (same(before, after)) return []
    if (before?.[0] !== after[0]) return [`trigger ${name} is another one`]
    return [`trigger ${name} ${enabled[after[2]] ?? 'does not always fire'}`]
  })
}

function whyParent({ parent: before }: Evidence, { parent: after }: Evidence): string[] {
  if (same(before, after)) return []
  if (!after || after[2]) return ['it was detached']
  return ['it was detached and attached again']
}

function whyColumns(kept: Evidence, now: Evidence): string[] {
  const missingIn = (some: Evidence, others: Evidence) =>
    some.columns.filter((column) => !others.columns.some((other) => same(column, other)))
  const changed = [...missingIn(kept, now), ...missingIn(now, kept)].map(([name]) => name)
  return changed.length === 0 ? [] : [`columns were changed: ${[...new Set(changed)].join(', ')}`]
}

/** Values of JSON whose arrays have an order; there are no objects in them. */
const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)
