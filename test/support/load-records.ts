import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { startRun } from '../../src/ledger/runs.ts'
import { type FileOptions, loadFiles, planFile } from '../../src/load/files.ts'
import type { Loaded } from '../../src/load/run.ts'
import { packageRoot } from '../../src/package.ts'
import type { Session } from '../../src/postgres/session.ts'
import { findInputs } from '../../src/sources/file/find.ts'
import { type Dataset, loadWarehouse } from '../../src/warehouse/load.ts'
import { datasetOfSource, parametersOfSource } from '../../src/warehouse/of-source.ts'
import { Folder } from '../warehouse/folder.ts'
import { quietWork } from './work.ts'

/** Records as a source of a warehouse that ships would give them, loaded in this process. */
export async function loadRecords(
  session: Session,
  warehouse: string,
  dataset: string,
  source: string,
  records: object[],
  given: Record<string, string> = {},
): Promise<Loaded> {
  const { datasets } = loadWarehouse(join(packageRoot, 'warehouses', `${warehouse}.yaml`))
  const named = datasets.find(({ name }) => name === dataset) as Dataset
  const described = datasetOfSource(named, source)
  const settings = named.sources[source]
  const options: FileOptions = {
    warehouse,
    strategy: undefined,
    onDuplicate: 'newest',
    parameters: parametersOfSource(named, source, given),
    budget: { share: described.thresholds.rejects },
    again: true,
    prove: false,
    jobs: 1,
    decimalComma: false,
    reading: { format: 'ndjson', columns: settings && 'fields' in settings ? settings.fields : undefined },
  }
  using folder = new Folder()
  writeFileSync(join(folder.path, 'records'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  const surroundings = { cwd: folder.path, stdin: Readable.from([]), spoolFolder: folder.path }
  const work = quietWork()
  const [input] = await findInputs(['records'], surroundings, work)
  if (!input) throw new Error('no records')
  await using _input = input
  const file = await planFile(session, work, described, input, options, true)
  await using _reader = file.reader
  const run = await startRun(session, 'load', [], warehouse, [dataset])
  const [result] = await loadFiles(session, work, [file], run, options, () => {})
  if (result?.state !== 'loaded') throw new Error(`the records are ${result?.state}`)
  return result.loaded
}
