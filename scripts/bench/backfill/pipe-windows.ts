import { join } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import type { DwhEvent, Work } from '../../../src/events.ts'
import { underLease } from '../../../src/ledger/lease.ts'
import { startRun } from '../../../src/ledger/runs.ts'
import { type FileOptions, planFile } from '../../../src/load/files.ts'
import type { Hands } from '../../../src/load/options.ts'
import { loadUnder } from '../../../src/load/run.ts'
import { Crew } from '../../../src/postgres/crew.ts'
import { Session } from '../../../src/postgres/session.ts'
import { SourceServer } from '../../../src/sources/postgres/server.ts'
import { openPostgres } from '../../../src/sources/postgres/source.ts'
import type { Source } from '../../../src/sources/source.ts'
import { type Dataset, loadWarehouse } from '../../../src/warehouse/load.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'
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
  const [dataset] = loadWarehouse(join(folder, 'dwh.yaml')).datasets as [Dataset]
  await using there = new SourceServer({ ...server.target, database: from })
  const settings = { kind: 'postgres', connection: 'source', table: 'public.measure', window_column: 'ts' }
  const source = await openPostgres(
    sourceSchema.parse(settings) as Parameters<typeof openPostgres>[0],
    { sqlFolder: folder },
    there,
  )
  const spent = new Map<string, number>()
  const emit = (event: DwhEvent) => {
    if (event.type === 'step' && event.seconds !== undefined)
      spent.set(event.step, (spent.get(event.step) ?? 0) + event.seconds)
  }
  const work: Work = { emit, signal: new AbortController().signal }
  const months = Array.from({ length: 24 }, (_, n) =>
    Temporal.PlainDate.from('2023-01-01').add({ months: n }),
  )
  const hand = async (_: unknown, number: number) => {
    await using session = await Session.open({ ...server.target, database }, 'dwh bench', work)
    const run = await startRun(session, 'backfill', [], 'bench', [dataset.name])
    await underLease(session, work, `backfill worker ${number}`, run, async (lease) => {
      await using crew = await Crew.hire(session, work, 1, 'dwh bench')
      for (const member of crew.sessions) await lease.join(member)
      const place = { session, hands: { lease, crew }, run, dataset, source, prove }
      for (let month = months.shift(); month; month = months.shift()) await pipeMonth(place, work, month)
    })
  }
  await Promise.all(Array.from({ length: workers }, hand))
  say([...spent].map(([step, seconds]) => `${step} ${seconds.toFixed(1)} s`).join(', '))
  return { rss_mb: Math.round(process.resourceUsage().maxRSS / 1024) }
}

interface Place {
  session: Session
  hands: Hands
  run: number
  dataset: Dataset
  source: Source
  prove: boolean
}

async function pipeMonth(
  { session, hands, run, dataset, source, prove }: Place,
  work: Work,
  from: Temporal.PlainDate,
): Promise<void> {
  const window = { from, to: from.add({ months: 1 }), zone: 'UTC' }
  await using fetched = await source.fetch({ window, parameters: {} }, work)
  if (!fetched.input) return
  const options: FileOptions = {
    ...{ warehouse: 'bench', strategy: undefined, onDuplicate: 'newest', parameters: {}, again: false },
    ...{ decimalComma: false, reading: {}, budget: { share: 0 }, prove, jobs: 1 },
  }
  const { input, reader, plan } = await planFile(session, work, dataset, fetched.input, options, true)
  await using _ = reader
  if (plan) await loadUnder(session, work, hands, { input, reader, plan }, run, options)
}
