import { Temporal } from 'temporal-polyfill'
import type { Emit, Work } from '../../../src/events.ts'
import { startRun } from '../../../src/ledger/runs.ts'
import { type FileOptions, type FileResult, loadFiles, planFile } from '../../../src/load/files.ts'
import type { Loaded } from '../../../src/load/run.ts'
import { Session } from '../../../src/postgres/session.ts'
import { SourceServer } from '../../../src/sources/postgres/server.ts'
import { openPostgres } from '../../../src/sources/postgres/source.ts'
import type { Fetched } from '../../../src/sources/source.ts'
import type { Wish } from '../../../src/sources/window.ts'
import { datasetSchema } from '../../../src/warehouse/dataset.ts'
import type { Dataset } from '../../../src/warehouse/load.ts'
import { sourceSchema } from '../../../src/warehouse/source.ts'
import { freshDatabase } from '../../support/database.ts'
import type { TestServer } from '../../support/servers.ts'
import { type QuietWork, quietWork } from '../../support/work.ts'

type Settings = Parameters<typeof openPostgres>[0]

/** What became of one window; `path` is how its rows came. */
export type Piped = Partial<Loaded> & {
  fetched: Pick<Fetched, 'announced' | 'watermark' | 'fingerprint'>
  path: string
  notes: string[]
}

export function settings(fields: object): Settings {
  return sourceSchema.parse({ kind: 'postgres', ...fields }) as Settings
}

export function wish(from?: string, to?: string, more: Partial<Wish> & { zone?: string } = {}): Wish {
  const { zone = 'UTC', ...rest } = more
  const date = (text: string) => Temporal.PlainDate.from(text)
  const window = from && to ? { from: date(from), to: date(to), zone } : undefined
  return { window, parameters: {}, ...rest }
}

export function datasetOf(fields: object): Dataset {
  return { name: 'measure', ...datasetSchema.parse(fields) }
}

/** A database that is read and one that is written, held with `await using`. */
export async function pipingPlace(
  [from, to]: [TestServer, TestServer],
  templates: { source: { readonly name: string }; target: { readonly name: string } },
  sqlFolder = '/nowhere',
) {
  const stack = new AsyncDisposableStack()
  const read = stack.use(await freshDatabase(from, { template: templates.source.name }))
  const written = stack.use(await freshDatabase(to, { template: templates.target.name }))
  const there = stack.use(await read.open())
  const here = stack.use(await written.open())
  const server = stack.use(new SourceServer(read.target))

  async function fetch(source: object, wanted: Wish, work = quietWork()): Promise<Fetched> {
    return (await openPostgres(settings(source), { sqlFolder }, server)).fetch(wanted, work)
  }

  /** Fetches one window and loads it, in this process. */
  async function pipe(
    dataset: Dataset,
    source: object,
    wanted: Wish,
    options: Partial<FileOptions> = {},
    watch: Emit = () => {},
    quiet: QuietWork = quietWork(),
  ): Promise<Piped> {
    const emit: Emit = (event) => {
      quiet.emit(event)
      watch(event)
    }
    const work = { ...quiet, emit }
    await using fetched = await fetch(source, wanted, { ...quiet, ...work })
    await using session = await Session.open(written.target, 'dwh test', work)
    const loaded = fetched.input && (await load(session, dataset, fetched.input, work, options))
    const { announced, watermark, fingerprint } = fetched
    const sent = quiet.events.findLast(
      (event) => event.type === 'step' && event.step === 'send' && event.state === 'done',
    )
    return {
      ...loaded,
      fetched: { announced, watermark, fingerprint },
      path: (sent?.type === 'step' && sent.detail) || '',
      notes: quiet.events.flatMap((event) =>
        event.type === 'note' || event.type === 'warning' ? [event.message] : [],
      ),
    }
  }

  return {
    there,
    here,
    server,
    read,
    written,
    fetch,
    pipe,
    /** Loads what was fetched, on a session of its own. */
    load: async (dataset: Dataset, fetched: Fetched) => {
      await using _ = fetched
      await using session = await written.open()
      if (!fetched.input) throw new Error('nothing was fetched')
      return await load(session, dataset, fetched.input, quietWork(), {})
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }
}

export type PipingPlace = Awaited<ReturnType<typeof pipingPlace>>

async function load(
  session: Session,
  dataset: Dataset,
  input: NonNullable<Fetched['input']>,
  work: Work,
  options: Partial<FileOptions>,
): Promise<Loaded> {
  const all: FileOptions = { ...usual, budget: { share: dataset.thresholds.rejects }, ...options }
  const run = await startRun(session, 'backfill', [], 'test', [dataset.name])
  const file = await planFile(session, work, dataset, input, all, true)
  await using _ = file.reader
  const [result] = (await loadFiles(session, work, [file], run, all, () => {})) as [FileResult]
  if (result.state !== 'loaded') throw new Error(`the rows are ${result.state}`)
  return result.loaded
}

const usual: Omit<FileOptions, 'budget'> = {
  warehouse: 'test',
  strategy: undefined,
  onDuplicate: 'newest',
  parameters: {},
  again: false,
  prove: true,
  jobs: 1,
  decimalComma: false,
  reading: {},
}
