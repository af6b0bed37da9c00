import { SourceServer } from '../../../src/sources/postgres/server.ts'
import { openPostgres } from '../../../src/sources/postgres/source.ts'
import type { Source, Surroundings } from '../../../src/sources/source.ts'
import { freshDatabase } from '../../support/database.ts'
import { server } from '../../support/servers.ts'
import { conformance, type SourceWorld } from '../conformance.ts'
import { settings, wish } from './piping.ts'

const full = wish('2024-01-01', '2024-02-01')

conformance('postgres', async (): Promise<SourceWorld> => {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await freshDatabase(server))
  const session = stack.use(await database.open())
  await session.run(`
    CREATE TABLE public.measure (id int, at date, note text, seen timestamptz);
    INSERT INTO public.measure SELECT n, date '2024-01-01' + n % 31, 'é ' || n, timestamptz '2024-02-01Z' + n * interval '1 s'
      FROM generate_series(1, 5000) AS n;
    ANALYZE public.measure;
    CREATE VIEW public.breaking AS SELECT *, 100 / (id - 4000) AS share FROM public.measure;
    CREATE VIEW public.stalling AS SELECT *, length(pg_sleep(CASE WHEN id > 4000 THEN 60 END)::text) AS slept FROM public.measure`)
  let table = 'public.measure'
  const open = async (around: Surroundings, named?: string): Promise<Source> => {
    const there = new SourceServer(database.target)
    const source = {
      ...{ fingerprint: call('fingerprint'), estimate: call('estimate'), fetch: call('fetch') },
      [Symbol.asyncDispose]: () => there[Symbol.asyncDispose](),
    }
    // Which table is read may change while it is open.
    function call<Name extends 'fingerprint' | 'estimate' | 'fetch'>(name: Name): Source[Name] {
      return (async (...words: Parameters<Source[Name]>) => {
        const fields = {
          connection: 'source',
          table: named ?? table,
          window_column: 'at',
          watermark: 'seen',
          snapshot: 'window',
        }
        const opened = await openPostgres(settings(fields), around, there)
        return (opened[name] as (...all: Parameters<Source[Name]>) => unknown)(...words)
      }) as Source[Name]
    }
    return source
  }
  return {
    ...{ full, rows: 5000, empty: wish('2025-01-01', '2025-02-01'), open: (around) => open(around) },
    openMisfit: (around) => open(around, 'public.{nonsense}'),
    change: async () =>
      void (await session.run("UPDATE public.measure SET note = 'new', seen = '2024-03-01Z' WHERE id = 17")),
    break: () => {
      table = 'public.breaking'
    },
    stall: () => {
      table = 'public.stalling'
      return { reached: untilSleeping() }
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }

  async function untilSleeping(): Promise<void> {
    const asleep =
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    while ((await session.rows(asleep)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
})
