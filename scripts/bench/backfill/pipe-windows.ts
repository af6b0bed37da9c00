import { join } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import type { DwhEvent, Work } from '../../../src/events.ts'
import { startRun } from '../../../src/ledger/runs.ts'
import { type FileOptions, planFile } from '../../../src/load/files.ts'
import { loadInput } from '../../../src/load/run.ts'
import { Session } from '../../../src/postgres/session.ts'
import { SourceServer } from '../../../src/sources/postgres/server.ts'
import { openPostgres } from '../../../src/sources/postgres/source.ts'
import type { Source } from '../../../src/sources/source.ts'
import { type Dataset, loadWarehouse } from '../../../src/warehouse/load.ts'
import type { BenchServer, Figures } from '../bench.ts'
import { database } from '../database.ts'

interface Options {
  workers: number
  prove: boolean
  say(line: string): void
}

/** Brings the months of two years from one database to another, each in one load, by several workers side by side. */
export async function pipeWindows(
  server: BenchServer,
  from: string,
  folder: string,
  { workers, prove, say }: Options,
): Promise<Figures> {
  const [dataset] = loadWarehouse(join(folder, 'dwh.yaml')).datasets
  await using there = new SourceServer({ ...server.target, database: from })
  const settings = {
    kind: 'postgres',
    table: 'public.measure',
    window_column: 'ts',
    chunk: 'month',
    parameters: {},
    map: {},
    snapshot: 'worker',
  } as const
  const source = await openPostgres(settings, { sqlFolder: folder }, there)
  const months = Array.from({ length: 24 }, (_, n) =>
    Temporal.PlainDate.from('2023-01-01').add({ months: n }),
  )
  const spent = new Map<string, number>()
  const emit = (event: DwhEvent) => {
    if (event.type === 'step' && event.seconds !== undefined)
      spent.set(event.step, (spent.get(event.step) ?? 0) + event.seconds)
    if (event.type === 'statement' && process.env.PROFILE) {
      const k =
        'sql ' +
        event.sql
          .replace(/dwh_load_\d+\w*/g, 'L')
          .replace(/\s+/g, ' ')
          .replace(/20\d\d-\d\d-\d\d/g, 'D')
          .slice(0, 90)
      spent.set(k, (spent.get(k) ?? 0) + event.milliseconds / 1000)
    }
  }
  const work: Work = { emit, signal: new AbortController().signal }
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let month = months.shift(); month; month = months.shift())
        await pipeMonth(server, work, dataset as Dataset, source, month, prove)
    }),
  )
  say(
    [...spent]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 45)
      .map(([step, seconds]) => `${step} ${seconds.toFixed(1)} s`)
      .join(process.env.PROFILE ? '\n' : ', '),
  )
  return { rss_mb: Math.round(process.resourceUsage().maxRSS / 1024) }
}

async function pipeMonth(
  server: BenchServer,
  work: Work,
  dataset: Dataset,
  source: Source,
  from: Temporal.PlainDate,
  prove: boolean,
): Promise<void> {
  const window = { from, to: from.add({ months: 1 }), zone: 'UTC' }
  await using session = await Session.open({ ...server.target, database }, 'dwh bench', work)
  await using fetched = await source.fetch({ window, parameters: {} }, work)
  if (!fetched.input) return
  const options: FileOptions = {
    ...{
      warehouse: 'bench',
      strategy: undefined,
      onDuplicate: 'newest',
      parameters: {},
      map: {},
      again: false,
      prove,
      jobs: 1,
    },
    ...{ decimalComma: false, reading: {}, budget: { share: 0 } },
  }
  const run = await startRun(session, 'backfill', [], 'bench', [dataset.name])
  const { input, reader, plan } = await planFile(session, work, dataset, fetched.input, options, true)
  await using _ = reader
  if (plan) await loadInput(session, work, { input, reader, plan }, run, options)
}
