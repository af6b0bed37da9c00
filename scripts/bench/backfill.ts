import { dwd, dwdWays } from './backfill/dwd.ts'
import { postgresSource, postgresSourceUnit, postgresSourceWays } from './backfill/postgres-source.ts'
import type { Bench } from './bench.ts'

/** Years of history from other places into partitioned tables. */
export const backfill: Bench = {
  name: 'backfill',
  summary: 'years of history into empty leaves: from another server, from an archive of zips',
  rows: 5_000_000,
  works: [postgresSource, dwd],
  unit: postgresSourceUnit,
  async ways(stage) {
    return [
      ...(stage.wanted(postgresSource) ? await postgresSourceWays(stage) : []),
      ...(stage.wanted(dwd) ? await dwdWays(stage) : []),
    ]
  },
}
