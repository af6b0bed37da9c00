import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type AcceptPlan, accept, planAccept } from '../../src/backfill/accept.ts'
import { attempt } from '../../src/backfill/attempt.ts'
import { ChunkWork, chunkName } from '../../src/backfill/chunk-work.ts'
import { codeOf } from '../../src/backfill/code.ts'
import { OpenSources } from '../../src/backfill/open-source.ts'
import { planUndo, requireUnchanged, undo } from '../../src/backfill/undo.ts'
import { verify } from '../../src/backfill/verify.ts'
import type { Emit } from '../../src/events.ts'
import { type BackfillSettings, openBackfill } from '../../src/ledger/backfills.ts'
import type { Chunk } from '../../src/ledger/chunk.ts'
import { claimChunk, listChunks, planChunks } from '../../src/ledger/chunks.ts'
import { listGenerations } from '../../src/ledger/generations.ts'
import { underLease } from '../../src/ledger/lease.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { workerLease } from '../../src/ledger/workers.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { Crew } from '../../src/postgres/crew.ts'
import { inTransaction } from '../../src/postgres/transaction.ts'
import { loadWarehouse } from '../../src/warehouse/load.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import type { TestServer } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

/** Facts by the day in leaves of a month, others by the quarter, and a dimension. */
const tables = `
  CREATE TABLE public.dim_site (site int PRIMARY KEY);
  INSERT INTO public.dim_site SELECT generate_series(1, 50);
  CREATE TABLE public.measure (site int NOT NULL, taken_on date NOT NULL, theme text NOT NULL, value numeric(8,2), note text,
    CONSTRAINT measure_site FOREIGN KEY (site) REFERENCES public.dim_site,
    CONSTRAINT measure_value CHECK (value < 1000),
    PRIMARY KEY (site, taken_on, theme)) PARTITION BY RANGE (taken_on);
  CREATE INDEX measure_day ON public.measure (taken_on);
  CREATE TABLE public.log (taken_on date NOT NULL, line text) PARTITION BY RANGE (taken_on);
  CREATE TABLE public.entry (id int NOT NULL, taken_on date NOT NULL, line text, UNIQUE (id, taken_on)) PARTITION BY RANGE (taken_on);
  CREATE INDEX entry_id ON public.entry (id);
  CREATE TABLE public.feature (site int NOT NULL, year int NOT NULL, quarter int NOT NULL, value int,
    PRIMARY KEY (site, year, quarter)) PARTITION BY RANGE (year, quarter)`

const months = { key: 'taken_on', kind: 'date', grain: 'month', from: '2020-01', premake: 0 }
const source = { kind: 'file', path: 'data/{from}.csv' }

/** Thresholds that let everything through. */
export const lenient = { coverage: '0%', volume: '0%', invalid: '100%', rejects: '100%' }

export const measure = {
  target: 'public.measure',
  key: ['site', 'taken_on', 'theme'],
  partition: months,
  sources: { probe: source },
  thresholds: lenient,
}

export const log = {
  target: 'public.log',
  partition: months,
  sources: { probe: source },
  thresholds: lenient,
}

/** An external id in leaves of a month: a row moves when its date was mended. */
export const entry = {
  target: 'public.entry',
  key: 'id',
  partition: months,
  sources: { probe: source },
  thresholds: lenient,
}

export const feature = {
  target: 'public.feature',
  key: ['site', 'year', 'quarter'],
  partition: { key: ['year', 'quarter'], kind: 'year_quarter', grain: 'year', from: '2020-01', premake: 0 },
  sources: { probe: source },
  thresholds: lenient,
}

export function chunkTemplate(server: TestServer) {
  return databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(tables)
  })
}

interface Window {
  from: string
  to: string
  parameters?: Record<string, string>
  source?: string
}

/** A database of the template and a warehouse whose source has the files that a test puts there. */
export async function chunkPlace(
  server: TestServer,
  template: { readonly name: string },
  datasets: Record<string, object>,
) {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await freshDatabase(server, { template: template.name }))
  const session = stack.use(await database.open())
  // What backfills work with finds nothing by an unqualified name.
  await session.run('SET search_path = public')
  const working = stack.use(await database.open())
  const folder = stack.use(testWarehouse({ datasets }))
  const spool = join(folder.folder, 'spool')
  for (const name of ['data', 'spool', 'cache']) mkdirSync(join(folder.folder, name))
  const put = (name: string, content: string) => writeFileSync(join(folder.folder, name), content)
  const warehouse = () => loadWarehouse(join(folder.folder, 'dwh.yaml'))

  /** A backfill as a worker does it, in this process: plans the windows, claims and loads one after the other. */
  async function backfill(
    dataset: string,
    windows: Window[],
    settings: Partial<BackfillSettings> = {},
    watch: Emit = () => {},
  ): Promise<{ backfill: number; chunks: Chunk[]; notes: string[] }> {
    const run = await startRun(working, 'backfill run', [], 'test', [dataset])
    const all = { force: false, delay: null, retries: 0, stop_on_error: false, hours: null, ...settings }
    const file = warehouse()
    const { target, sources } = file.datasets.find(({ name }) => name === dataset) ?? {}
    if (!target || !sources) throw new Error(`no dataset ${dataset}`)
    await inTransaction(working, async () => {
      await openBackfill(working, run, 'test', 1, all)
      await planChunks(
        working,
        run,
        'test',
        windows.map(({ from, to, parameters = {}, source = 'probe' }) => ({
          dataset,
          source,
          schema_name: target.schema,
          table_name: target.name,
          window_from: from,
          window_to: to,
          zone: 'UTC',
          parameters,
          code: codeOf(file, dataset, source),
        })),
      )
    })
    const quiet = quietWork()
    const work = {
      ...quiet,
      emit: (event: Parameters<Emit>[0]) => {
        quiet.emit(event)
        watch(event)
      },
    }
    const politeness = {
      turn: async () => ({ [Symbol.asyncDispose]: async () => {} }),
      hold: async () => {},
    }
    const surroundings = {
      folder: folder.folder,
      sqlFolder: file.sqlFolder,
      spoolFolder: spool,
      cacheFolder: join(folder.folder, 'cache'),
      environment: {},
      politeness,
    }
    await using opened = new OpenSources(file, { surroundings, own: database.target })
    await underLease(working, work, workerLease(run), run, async (lease) => {
      await using crew = await Crew.hire(working, work, 1, `dwh test ${run}`)
      for (const member of crew.sessions) await lease.join(member)
      const bench = { warehouse: file, run, lease, sources: opened }
      for (;;) {
        const claim = await claimChunk(working, run, run)
        if (!claim || claim === 'busy') break
        const own = new ChunkWork(work, work.signal, chunkName(claim))
        await attempt(bench, { session: working, crew }, own, claim, all)
      }
    })
    const notes = quiet.events.flatMap((event) => (event.type === 'note' ? [event.message] : []))
    return { backfill: run, chunks: await listChunks(session, run), notes }
  }

  const exchange = async <Result>(what: (run: number) => Promise<Result>): Promise<Result> =>
    what(await startRun(working, 'backfill', [], 'test', []))

  return {
    database,
    session,
    put,
    remove: (name: string) => rmSync(join(folder.folder, name)),
    at: folder.at(database.target),
    describe: (others: Record<string, object>) =>
      put('dwh.yaml', stringify({ name: 'test', datasets: others })),
    backfill,
    rows: (query: string) => session.rows<Record<string, unknown>>(query),
    generations: async (chunk: number) => (await listGenerations(session, [chunk])).toReversed(),
    planUndo: (run: number) => planUndo(session, warehouse(), run),
    /** @param options meanwhile: between the plan and the exchange */
    async undo(run: number, { force = false, meanwhile = async (): Promise<unknown> => undefined } = {}) {
      const plan = await planUndo(session, warehouse(), run)
      requireUnchanged(plan, force)
      await meanwhile()
      return exchange((own) => undo(working, quietWork(), warehouse(), plan, own, 1))
    },
    async accept(run: number, only?: number): Promise<AcceptPlan> {
      const plan = await planAccept(session, warehouse(), run, only)
      await exchange((own) => accept(working, quietWork(), warehouse(), plan, own, 1))
      return plan
    },
    verify: (filter: Parameters<typeof verify>[3] = {}) => verify(session, quietWork(), warehouse(), filter),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }
}

/** Lines of csv: `perDay` rows for each day of [from, to), of sites from 1 on. */
export function days(
  from: string,
  to: string,
  { perDay = 2, theme = 'piezo', value = (n: number) => n % 100 } = {},
): string {
  const lines: string[] = []
  for (let time = Date.parse(from), n = 0; time < Date.parse(to); time += 86_400_000)
    for (let site = 1; site <= perDay; site++, n++)
      lines.push(`${site},${new Date(time).toISOString().slice(0, 10)},${theme},${value(n)},\n`)
  return `site,taken_on,theme,value,note\n${lines.join('')}`
}
