import type { JobDefinition } from '../ledger/jobs.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { type Span, spanSeconds } from '../warehouse/values.ts'

/** The jobs of a warehouse file as the ledger keeps them. */
export function jobsOf({ schedule }: Pick<Warehouse, 'schedule'>): Map<string, JobDefinition> {
  const seconds = (span: Span | undefined) => (span ? spanSeconds(span) : null)
  return new Map(
    Object.entries(schedule.jobs).map(([name, { zone, window, timeout, late_after, dead_after, ...job }]) => [
      name,
      {
        ...job,
        zone: zone ?? schedule.zone,
        window: window ?? null,
        timeout: seconds(timeout),
        late_after: spanSeconds(late_after),
        dead_after: seconds(dead_after),
      },
    ]),
  )
}
