import { isPartitioned } from '../partitions/create.ts'
import { runwayDays } from '../partitions/plan.ts'
import { inspectTarget, serverToday } from '../partitions/tree.ts'
import type { Session } from '../postgres/session.ts'
import type { Dataset } from '../warehouse/load.ts'

/** Days to the end of the leaves of each dataset whose policy makes them by the clock. */
export async function runways(session: Session, datasets: Dataset[]): Promise<Map<string, number>> {
  const days = new Map<string, number>()
  for (const { name, target, partition: policy } of datasets.filter(isPartitioned)) {
    if (policy.premake === 0) continue
    // What is partitioned in another way has an answer of the doctor's.
    const found = await inspectTarget(session, target, policy).catch(() => undefined)
    if (found?.kind !== 'partitioned') continue
    days.set(name, runwayDays(policy, found.leaves, await serverToday(session, policy.zone)) ?? 0)
  }
  return days
}
