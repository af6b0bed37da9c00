import type { Lease } from '../ledger/lease.ts'
import type { Replay } from '../ledger/rejects.ts'
import type { Crew } from '../postgres/crew.ts'
import type { ChunkLoad } from './chunk.ts'
import type { Landing } from './landing.ts'
import type { LoadPlan } from './plan.ts'
import type { OnDuplicate } from './publish/deduplicate.ts'
import type { ReadyLeaf } from './publish/ready-leaf.ts'
import type { RejectBudget } from './send/reject-log.ts'

export interface LoadOptions {
  warehouse: string
  onDuplicate: OnDuplicate
  budget: RejectBudget
  /** Load what was loaded once more. */
  again: boolean
  /** Hash the leaves that are made, for later comparisons. */
  prove: boolean
  /** Connections that send rows and build indexes. */
  jobs: number
  /** Numbers are written with a comma. */
  decimalComma: boolean
  /** Rejects that it stands for. */
  replay?: Replay | undefined
  /** It is one chunk of a backfill. */
  chunk?: ChunkLoad | undefined
}

/** Under which lease a load works, and its further connections, which have joined it. */
export interface Hands {
  lease: Lease
  crew: Crew
}

/** Rows that have arrived in a landing. */
export interface Arrival {
  load: number
  plan: LoadPlan
  landing: Landing
  /** Of the input, rejects among them. */
  records: number
  rejected: number
  digest: { bytes: number; sha256: string }
  /** Says what was refused, once the rows are ready. */
  tell(): Promise<void>
  /** Of rows that were kept aside: they lie where they belong, and some of them in leaves that are ready. */
  kept?: { leaves: ReadyLeaf[] }
}
