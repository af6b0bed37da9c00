import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { stringify } from 'yaml'
import type { Emit } from '../../src/events.ts'
import { startRun } from '../../src/ledger/runs.ts'
import {
  type FileOptions,
  type FileResult,
  loadFiles,
  type PlannedFile,
  planFile,
} from '../../src/load/files.ts'
import type { LoadPlan } from '../../src/load/plan.ts'
import type { Loaded } from '../../src/load/run.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { findInputs } from '../../src/sources/file/find.ts'
import { type Dataset, loadWarehouse } from '../../src/warehouse/load.ts'
import { type CliResult, dwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import type { TestServer } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

/** For a `describe`: databases that have the ledger and these tables. */
export function loadTemplate(server: TestServer, tables: string) {
  return databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(tables)
  })
}

/** One file that was loaded in this process. */
export type LoadedFile = Loaded & { plan: LoadPlan; notes: string[] }

type Options = Partial<FileOptions>

/** A database of the template and a folder with a warehouse file and files to load, held with `await using`. */
export async function loadingPlace(
  server: TestServer,
  template: { readonly name: string },
  datasets: Record<string, object>,
) {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await freshDatabase(server, { template: template.name }))
  const session = stack.use(await database.open())
  // What the load itself works with finds nothing by an unqualified name.
  await session.run('SET search_path = public')
  const working = stack.use(await database.open())
  const warehouse = stack.use(testWarehouse({}))
  const path = (name: string) => join(warehouse.folder, name)
  const put = (name: string, content: string | Buffer) => writeFileSync(path(name), content)

  /** Alone in dwh.yaml, for two datasets of one warehouse cannot share a table. */
  function describeAlone(dataset: string): Dataset {
    put('dwh.yaml', stringify({ name: 'test', datasets: { [dataset]: datasets[dataset] as object } }))
    const [described] = loadWarehouse(path('dwh.yaml')).datasets
    if (!described) throw new Error(`no dataset ${dataset}`)
    return described
  }

  /**
   * In this process, which is faster than the command.
   *
   * @param watch sees every event before the load goes on
   */
  async function load(
    dataset: string,
    content: string | Buffer,
    options: Options = {},
    watch: Emit = () => {},
  ): Promise<LoadedFile> {
    put('file.csv', content)
    const quiet = quietWork()
    const emit: Emit = (event) => {
      quiet.emit(event)
      watch(event)
    }
    const work = { ...quiet, emit }
    const run = await startRun(working, 'load', [], 'test', [dataset])
    const described = describeAlone(dataset)
    const all = { ...usual, budget: { share: described.thresholds.rejects }, ...options }
    const surroundings = { cwd: warehouse.folder, stdin: Readable.from([]), spoolFolder: warehouse.folder }
    await using files = new AsyncDisposableStack()
    const planned: PlannedFile[] = []
    for (const input of await findInputs(['file.csv'], surroundings, work)) {
      const file = await planFile(working, work, described, files.use(input), all, true)
      files.use(file.reader)
      planned.push(file)
    }
    const [result] = await loadFiles(working, work, planned, run, all, () => {})
    if (result?.state !== 'loaded') throw new Error(`the file is ${result?.state}`)
    const notes = quiet.events.flatMap((event) => (event.type === 'note' ? [event.message] : []))
    return { ...result.loaded, plan: planned[0]?.plan as LoadPlan, notes }
  }

  return {
    session,
    put,
    describeAlone,
    at: warehouse.at(database.target),
    load,
    /** As `load`, where it must not succeed. */
    refusal: (dataset: string, content: string | Buffer, options: Options = {}) =>
      load(dataset, content, options).then(
        () => Promise.reject(new Error('it was loaded')),
        (error: unknown) => error,
      ),
    rows: (query: string) => session.rows<Record<string, unknown>>(query),
    /** `dwh load WORDS --yes --json` */
    async command(...words: string[]): Promise<CliResult & { results: (FileResult & Loaded)[] }> {
      describeAlone(words[0] ?? '')
      const result = await dwh(['load', ...words, '--yes', '--json'], warehouse.at(database.target))
      return { ...result, results: result.stdout === '' ? [] : JSON.parse(result.stdout) }
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }
}

const usual: Omit<FileOptions, 'budget'> = {
  warehouse: 'test',
  strategy: undefined,
  onDuplicate: 'newest',
  parameters: {},
  again: false,
  prove: true,
  jobs: 2,
  decimalComma: false,
  reading: {},
}

/** Lines of csv from rows; a text with a comma or a quote is quoted, null is nothing. */
export function csv(header: string, rows: (string | number | null)[][]): string {
  const field = (value: string | number | null) =>
    value === null
      ? ''
      : value === '' || /[",\n]/.test(String(value))
        ? `"${String(value).replaceAll('"', '""')}"`
        : String(value)
  return [header, ...rows.map((row) => row.map(field).join(','))].map((line) => `${line}\n`).join('')
}

/** Tables that loads have left behind. */
export async function leftovers(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class WHERE relname LIKE 'dwh\\_load\\_%' ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}
