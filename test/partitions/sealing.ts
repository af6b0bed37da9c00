import { startRun } from '../../src/ledger/runs.ts'
import { readSeals } from '../../src/ledger/seals.ts'
import type { PartitionedDataset } from '../../src/partitions/create.ts'
import { type NewlySealed, planSeal, sealLeaves } from '../../src/partitions/seal.ts'
import type { Session } from '../../src/postgres/session.ts'
import { quietWork } from '../support/work.ts'

/** Seals leaves as a run. */
export async function seal(
  session: Session,
  dataset: PartitionedDataset,
  ...names: string[]
): Promise<NewlySealed[]> {
  const run = await startRun(session, 'partitions seal', [], 'test', [dataset.name])
  const plan = await planSeal(session, dataset, { names })
  return sealLeaves(session, quietWork(), plan, { run, warehouse: 'test' })
}

/** `facts_2023: sealed`, `facts_2023: it was detached`: every seal that nobody has taken off. */
export async function told(session: Session): Promise<string[]> {
  return (await readSeals(session)).map(({ name, why, state }) => `${name.name}: ${why ?? state}`)
}
