import { DwhError, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Load } from '../ledger/loads.ts'
import { refuseSealed, tellSealed } from '../partitions/sealed.ts'
import { climbInSession } from '../postgres/ladder.ts'
import type { Session } from '../postgres/session.ts'
import type { Input } from '../sources/file/find.ts'
import type { Reader, ReadOptions } from '../sources/file/reader.ts'
import type { Dataset } from '../warehouse/load.ts'
import { findEarlier, mappingHash } from './identity.ts'
import type { LoadOptions } from './options.ts'
import { type LoadPlan, type PlanOptions, planLoad, type Strategy } from './plan.ts'
import { type Loaded, loadInput } from './run.ts'
import { readDecimalCommas } from './send/decimal-comma.ts'
import { type LoadTarget, readTarget } from './target.ts'

/** How files are read, and what becomes of their rows. */
export interface FileOptions extends PlanOptions, LoadOptions {
  reading: ReadOptions
}

/** A file with its plan, or with the load that has brought it into the table already. */
export interface PlannedFile {
  input: Input
  reader: Reader
  target: LoadTarget
  plan: LoadPlan | undefined
  earlier: Load | undefined
}

/** What became of one file. */
export type FileResult =
  | { file: string; state: 'loaded'; strategy: Strategy; seconds: number; loaded: Loaded }
  | { file: string; state: 'already loaded'; load: number; run: number | null }
  | { file: string; state: 'failed'; error: DwhError }

/**
 * Opens one file and plans its load.
 *
 * @param knowsLoads whether the ledger has a table of loads yet
 */
export async function planFile(
  session: Session,
  work: Work,
  dataset: Dataset,
  input: Input,
  options: FileOptions,
  knowsLoads: boolean,
): Promise<PlannedFile> {
  const opened = await input.open(options.reading)
  const columns = await looking(session, work, dataset, () => readTarget(session, dataset, opened.columns))
  const reader = options.decimalComma ? readDecimalCommas(opened, columns.plan) : opened
  return plan(
    session,
    work,
    { input, reader, target: columns },
    options,
    knowsLoads && !options.again && !options.chunk,
  )
}

async function plan(
  session: Session,
  work: Work,
  file: Pick<PlannedFile, 'input' | 'reader' | 'target'>,
  options: FileOptions,
  asksLedger: boolean,
): Promise<PlannedFile> {
  const { input, reader, target } = file
  const earlier = asksLedger
    ? await findEarlier(session, work, input, target, mappingHash(target, reader, options))
    : undefined
  if (earlier) return { ...file, plan: undefined, earlier }
  const planned = await looking(session, work, target.dataset, () =>
    planLoad(session, target, reader, options),
  )
  refuseSealed(
    target.dataset.name,
    planned.sealed,
    `and ${input.name} has rows that belong there; nothing was changed`,
  )
  return { ...file, plan: planned, earlier }
}

/** Reads the target; whoever keeps readers out of it is named. */
function looking<T>(session: Session, work: Work, { target }: Dataset, look: () => Promise<T>): Promise<T> {
  return climbInSession(session, work, { relations: [target] }, look)
}

/**
 * Loads files, one after the other; each by itself is loaded whole or not at all.
 *
 * @throws DwhError what the only file failed with; PARTLY_DONE when some of several did
 */
export async function loadFiles(
  session: Session,
  work: Work,
  files: PlannedFile[],
  run: number,
  options: FileOptions,
  told: (result: FileResult) => void,
): Promise<FileResult[]> {
  const results: FileResult[] = []
  for (const file of files) {
    // What was loaded since may have changed what is best.
    const fresh = results.length === 0 ? file : await replan(session, work, file, options)
    const result = await loadFile(session, work, fresh, run, options)
    results.push(result)
    told(result)
  }
  const failed = results.filter((result) => result.state === 'failed')
  const [first] = failed
  if (first && failed.length === results.length) throw first.error
  if (first) {
    throw new DwhError(
      'PARTLY_DONE',
      `${failed.length} of ${results.length} files could not be loaded: ${failed.map(({ file }) => file).join(', ')}; the others are`,
      {
        cause: first.error,
        hint: 'mend what the errors say, and run the same command again: it loads what is missing',
      },
    )
  }
  return results
}

async function replan(
  session: Session,
  work: Work,
  file: PlannedFile,
  options: FileOptions,
): Promise<PlannedFile> {
  const { dataset } = file.target
  const target = await looking(session, work, dataset, () =>
    readTarget(session, dataset, file.reader.columns),
  )
  return plan(session, work, { ...file, target }, options, !options.again)
}

async function loadFile(
  session: Session,
  work: Work,
  { input, reader, plan, earlier }: PlannedFile,
  run: number,
  options: FileOptions,
): Promise<FileResult> {
  const file = input.name
  if (earlier) return alreadyLoaded(file, earlier)
  if (!plan) throw new DwhError('FAILED', `${file} has no plan`)
  const started = performance.now()
  try {
    const loaded = await loadInput(session, work, { input, reader, plan }, run, options)
    return {
      file,
      state: 'loaded',
      strategy: plan.strategy,
      seconds: (performance.now() - started) / 1000,
      loaded,
    }
  } catch (thrown) {
    const error = tellSealed(toDwhError(thrown), 'nothing was loaded')
    if (!isOfFile(error)) throw error
    return { file, state: 'failed', error }
  }
}

/** Nothing was done to a file. */
export function alreadyLoaded(file: string, { load, run }: Load): FileResult {
  return { file, state: 'already loaded', load, run }
}

/** The next file may fare better. */
function isOfFile({ code }: DwhError): boolean {
  return [
    'REJECTS_TOO_MANY',
    'ROWS_UNFIT',
    'LEAF_SEALED',
    'INPUT_BROKEN',
    'LOADED_MEANWHILE',
    'PROOF_FAILED',
  ].includes(code)
}
