import type { Work } from '../../events.ts'
import type { PartitionedDataset } from '../../partitions/create.ts'
import { type RelationName, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Warehouse } from '../../warehouse/load.ts'

/** What every step of an archived leaf needs. */
export interface Archiving {
  session: Session
  work: Work
  run: number
  warehouse: Warehouse
  dataset: PartitionedDataset
}

/** What archiving, thawing and dropping of leaves of one table is leased as. */
export function archiveKey({ target }: PartitionedDataset): string {
  return `archive ${relation(target)}`
}

/** A leaf that is attached. */
export interface AttachedLeaf extends RelationName {
  oid: number
}
