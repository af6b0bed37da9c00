import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { DwhError, toDwhError } from '../../errors.ts'
import { step, type Work } from '../../events.ts'
import { type LostLoad, listLostLoads } from '../../ledger/lost-loads.ts'
import { loadFiles, planFile } from '../../load/files.ts'
import type { Session } from '../../postgres/session.ts'
import { findInputs, type Input } from '../../sources/file/find.ts'
import type { Dataset, Warehouse } from '../../warehouse/load.ts'
import { isOfRejects, optionsOf } from './words.ts'

/** A load that went with a restore: where its file is, or why it cannot be loaded again. */
export interface LostFile {
  lost: LostLoad
  /** Undefined where something is in the way. */
  path: string | undefined
  dataset: Dataset | undefined
  /** What is in the way, and what to do. */
  why: string | undefined
}

/** What became of one. */
export interface Replayed {
  load: number
  dataset: string
  file: string
  state: 'loaded' | 'already loaded' | 'left' | 'failed'
  /** The new load. */
  again: number | null
  why: string | null
}

/**
 * Finds what a restore has taken away and where its files are now; reads no file.
 *
 * @param folders where relative names may begin, where the ledger does not know the whole path
 * @param since when a backup was taken: what its restore would take away
 */
export async function planReplay(
  session: Session,
  { datasets }: Pick<Warehouse, 'datasets'>,
  folders: string[],
  since: string | null = null,
): Promise<LostFile[]> {
  const all = await listLostLoads(session, since)
  return all.map((lost) => locate(lost, datasets, folders))
}

function locate(lost: LostLoad, datasets: Dataset[], folders: string[]): LostFile {
  const dataset = datasets.find(({ name }) => name === lost.dataset)
  const left = (why: string): LostFile => ({ lost, dataset, path: undefined, why })
  if (!dataset)
    return left(`the warehouse file has no dataset ${lost.dataset}: describe it, or load the file by hand`)
  if (isOfRejects(lost))
    return left('it was rejects of another load: see dwh rejects list, and dwh rejects replay')
  if (lost.input === 'standard input') return left('it came through a pipe: pipe it into dwh load again')
  const places = lost.place === null ? folders.map((folder) => resolve(folder, lost.input)) : [lost.place]
  const path = places.find((place) => existsSync(place.replace(/(\.zip)!.*$/is, '$1')))
  if (path !== undefined) return { lost, dataset, path, why: undefined }
  return left(
    `it is not at ${places.join(' nor ')}: bring it back, or load it from where it is with dwh load`,
  )
}

/**
 * Loads again what a restore has taken away, in the order in which it was loaded; a file that is another one now is left.
 *
 * @param told of each that is done
 */
export async function replayLoads(
  session: Session,
  work: Work,
  files: LostFile[],
  { warehouse, run, spoolFolder }: { warehouse: string; run: number; spoolFolder: string },
  told: (result: Replayed) => void = () => {},
): Promise<Replayed[]> {
  const results: Replayed[] = []
  for (const file of files) {
    work.signal.throwIfAborted()
    const { lost } = file
    const outcome = await one(session, work, file, { warehouse, run, spoolFolder })
    const result = { load: lost.load, dataset: lost.dataset, file: lost.input, ...outcome }
    results.push(result)
    told(result)
  }
  return results
}

type Outcome = Pick<Replayed, 'state' | 'again' | 'why'>

async function one(
  session: Session,
  work: Work,
  { lost, path, dataset, why }: LostFile,
  { warehouse, run, spoolFolder }: { warehouse: string; run: number; spoolFolder: string },
): Promise<Outcome> {
  if (path === undefined || !dataset) return { state: 'left', again: null, why: why ?? null }
  try {
    await using stack = new AsyncDisposableStack()
    const inputs = await findInputs([path], { cwd: '/', stdin: process.stdin, spoolFolder }, work)
    for (const input of inputs) stack.use(input)
    const input = await sameAs(inputs, lost, work)
    if (!input)
      return {
        state: 'left',
        again: null,
        why: `${path} is another file now: load it with dwh load where that is meant`,
      }
    const options = optionsOf(lost, dataset, warehouse)
    const planned = await planFile(session, work, dataset, { ...input, name: lost.input }, options, true)
    stack.use(planned.reader)
    const [result] = await step(work, `load ${lost.input}`, () =>
      loadFiles(session, work, [planned], run, options, () => {}),
    )
    if (result?.state === 'loaded') return { state: 'loaded', again: result.loaded.load, why: null }
    if (result?.state === 'already loaded') return { state: 'already loaded', again: result.load, why: null }
    throw new DwhError('FAILED', `${path} has no result`)
  } catch (thrown) {
    const error = toDwhError(thrown)
    if (['INTERRUPTED', 'SERVER_WENT_AWAY', 'LEASE_LOST', 'TIMED_OUT'].includes(error.code)) throw error
    return { state: 'failed', again: null, why: `${error.message}${error.hint ? `; ${error.hint}` : ''}` }
  }
}

/** By its size and its hash. */
async function sameAs(inputs: Input[], { bytes, sha256 }: LostLoad, work: Work): Promise<Input | undefined> {
  for (const input of inputs) if (input.bytes === bytes && (await input.digest(work)) === sha256) return input
  return undefined
}

/** @throws DwhError PARTLY_DONE where some are still to be loaded */
export function requireReplayed(results: Replayed[]): void {
  const open = results.filter(({ state }) => state === 'left' || state === 'failed')
  if (open.length === 0) return
  throw new DwhError(
    'PARTLY_DONE',
    `${open.length} of ${results.length} loads are not there again: ${open
      .slice(0, 5)
      .map(({ file, why }) => `${file} (${why})`)
      .join('; ')}${open.length > 5 ? '; …' : ''}; the others are`,
    { hint: 'do what stands beside each, and run dwh restore --replay again: it loads what is missing' },
  )
}
