import { httpJson, httpJsonWays } from './backfill/http-json.ts'
import { plan, planWays } from './backfill/plan.ts'
import { postgresSource, postgresSourceUnit, postgresSourceWays } from './backfill/postgres-source.ts'
import type { Bench } from './bench.ts'

/** Years of history from other places into monthly leaves. */
export const backfill: Bench = {
  name: 'backfill',
  summary:
    'years of history into empty leaves: from another server, from an API of JSON pages; and the plan of them',
  rows: 5_000_000,
  works: [postgresSource, httpJson, plan],
  unit: postgresSourceUnit,
  async ways(stage) {
    return [
      ...(stage.wanted(postgresSource) ? await postgresSourceWays(stage) : []),
      ...(stage.wanted(httpJson) ? await httpJsonWays(stage) : []),
      ...(stage.wanted(plan) ? await planWays(stage) : []),
    ]
  },
}
