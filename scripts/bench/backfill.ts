import { postgresSource, postgresSourceUnit, postgresSourceWays } from './backfill/postgres-source.ts'
import type { Bench } from './bench.ts'

/** Years of history from other places into monthly leaves, by two workers. */
export const backfill: Bench = {
  name: 'backfill',
  summary: 'years of history from another server into empty monthly leaves, by two workers',
  rows: 5_000_000,
  works: [postgresSource],
  unit: postgresSourceUnit,
  async ways(stage) {
    return await postgresSourceWays(stage)
  },
}
