import type { Lease } from '../ledger/lease.ts'
import type { Crew } from '../postgres/crew.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import type { OpenSources } from './open-source.ts'

/** What one process brings to all its attempts. */
export interface Bench {
  warehouse: Warehouse
  run: number
  lease: Lease
  sources: OpenSources
}

/** What one attempt works with: connections that have joined the lease. */
export interface Tools {
  session: Session
  crew: Crew
}
