import { DwhError } from '../errors.ts'
import type { RelationName } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/** What an index of a restored leaf is called, and the one like it of the leaf whose place it takes. */
export interface IndexNames {
  live: string
  aside: string
  /** Null where there was no such index. */
  kept: string | null
}

/** `created` and `filled` are halves; `undone` lies beside the table again, as `proved` does. */
export type RestoredState = 'created' | 'filled' | 'proved' | 'attached' | 'undone'

/** A leaf of a backup that was restored, and of which something lies beside the table. */
export interface RestoredLeaf {
  leaf: number
  /** Of one restore the same. */
  batch: string
  dataset: string
  schema_name: string
  table_name: string
  /** As in pg_get_expr(relpartbound). */
  bound: string
  leaf_name: string
  backup: string
  /** SHA-256 of its manifest. */
  manifest: string
  backup_oid: number
  aside_name: string
  aside_oid: number
  kept_name: string | null
  kept_oid: number | null
  indexes: IndexNames[]
  rows: number | null
  state: RestoredState
}

export type NewRestoredLeaf = Pick<
  RestoredLeaf,
  | 'batch'
  | 'dataset'
  | 'bound'
  | 'leaf_name'
  | 'backup'
  | 'manifest'
  | 'backup_oid'
  | 'aside_name'
  | 'aside_oid'
> & { run: number; table: RelationName }

/** To be called in the transaction that makes the table. */
export async function openRestoredLeaf(session: Session, leaf: NewRestoredLeaf): Promise<number> {
  const row = await session.one<{ leaf: number }>(sql('ledger/open_restored_leaf'), [
    leaf.run,
    leaf.batch,
    leaf.dataset,
    leaf.table.schema,
    leaf.table.name,
    leaf.bound,
    leaf.leaf_name,
    leaf.backup,
    leaf.manifest,
    leaf.backup_oid,
    leaf.aside_name,
    leaf.aside_oid,
  ])
  return row.leaf
}

/** Newest restore first; none where the ledger is older than they are. */
export async function listRestoredLeaves(
  session: Session,
  { schema, name }: RelationName,
): Promise<RestoredLeaf[]> {
  if (!(await ledgerPresence(session)).has_restored_leaves) return []
  return session.rows<RestoredLeaf>(sql('ledger/list_restored_leaves'), [schema, name])
}

/**
 * To be called in the transaction that does what it says.
 *
 * @throws DwhError LEASE_LOST where another run has let go of the leaf
 */
export async function advanceRestoredLeaf(
  session: Session,
  leaf: number,
  state: Exclude<RestoredState, 'created'> | 'ended',
  facts: { rows?: number; indexes?: IndexNames[]; kept?: { name: string; oid: number } | null } = {},
): Promise<void> {
  const { rows, indexes, kept } = facts
  const row = await session.row(sql('ledger/advance_restored_leaf'), [
    leaf,
    state,
    rows ?? null,
    indexes ? JSON.stringify(indexes) : null,
    kept?.name ?? null,
    kept?.oid ?? null,
  ])
  if (!row)
    throw new DwhError('LEASE_LOST', 'another run has let go of what was restored', {
      hint: 'run the same command again',
    })
}
