import { dwd, dwdWays } from './backfill/dwd.ts'
import { httpJson, httpJsonWays } from './backfill/http-json.ts'
import { plan, planWays } from './backfill/plan.ts'
import { postgresSource, postgresSourceUnit, postgresSourceWays } from './backfill/postgres-source.ts'
import type { Bench } from './bench.ts'

/** Years of history from other places into partitioned tables. */
export const backfill: Bench = {
  name: 'backfill',
  summary:
    'years of history from another server, from an API, and from an archive of zips into empty leaves; and the plan of them',
  rows: 5_000_000,
  works: [postgresSource, httpJson, dwd, plan],
  unit: postgresSourceUnit,
  async ways(stage) {
    return [
      ...(stage.wanted(postgresSource) ? await postgresSourceWays(stage) : []),
      ...(stage.wanted(httpJson) ? await httpJsonWays(stage) : []),
      ...(stage.wanted(dwd) ? await dwdWays(stage) : []),
      ...(stage.wanted(plan) ? await planWays(stage) : []),
    ]
  },
}
