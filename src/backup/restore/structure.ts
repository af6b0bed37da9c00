import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DwhError, toDwhError } from '../../errors.ts'
import type { Target } from '../../postgres/target.ts'
import { runTool } from '../client.ts'
import type { ClientTool } from '../client-tools.ts'
import { dataNumber } from '../toc.ts'

/** An archive of pg_dump and the database that it goes into. */
export interface Destination {
  tool: ClientTool
  /** The folder of the archive. */
  archive: string
  target: Target
  jobs: number
  signal: AbortSignal
}

/** Tables, types and functions; stops at its first error. */
export async function restoreStructure(destination: Destination): Promise<void> {
  await run(destination, ['--section=pre-data', '--exit-on-error'])
}

/**
 * Indexes, constraints, triggers, materialized views.
 *
 * @param isResumed some of it may be there: each entry of an archive is made whole or not at all, so that one that exists
 *   already is one that is finished
 * @returns how many were there
 */
export async function restoreIndexes(destination: Destination, isResumed: boolean): Promise<number> {
  const errors: string[] = []
  const onMessage = (line: string) => {
    if (/^pg_restore: error:/.test(line)) errors.push(line)
  }
  const words = [
    '--section=post-data',
    `--jobs=${destination.jobs}`,
    ...(isResumed ? [] : ['--exit-on-error']),
  ]
  try {
    await run(destination, words, onMessage)
  } catch (error) {
    const isThere = (line: string) => /already exists|multiple primary keys/.test(line)
    const failure = toDwhError(error)
    if (!isResumed || errors.length === 0 || failure.code === 'SERVER_WENT_AWAY') throw failure
    const [first, ...more] = errors.filter((line) => !isThere(line))
    if (first === undefined) return errors.length
    const count = more.length > 0 ? `, and ${more.length} more like it` : ''
    throw new DwhError(failure.code, `${first}${count}`, {
      cause: failure,
      ...(failure.hint ? { hint: failure.hint } : {}),
    })
  }
  return errors.length
}

/**
 * What is data and not in tables of the manifest: large objects, positions of sequences. In one transaction, and the same
 * whenever it is done again.
 *
 * @param files names of the data files that are copied otherwise
 */
export async function restoreRest(destination: Destination, files: string[]): Promise<void> {
  const { tool, archive, signal } = destination
  const words = ['--list', '--section=data', archive]
  const { stdout } = await runTool(tool, words, { signal, failure: 'RESTORE_FAILED' })
  const copied = new Set(files.map(dataNumber))
  const rest = stdout.split('\n').filter((line) => {
    const [, number] = /^(\d+);/.exec(line) ?? []
    return number !== undefined && !copied.has(Number(number))
  })
  if (rest.length === 0) return
  const folder = await mkdtemp(join(tmpdir(), 'dwh-list-'))
  try {
    const list = join(folder, 'rest.list')
    await writeFile(list, `${rest.join('\n')}\n`)
    await run(destination, ['--section=data', '--single-transaction', `--use-list=${list}`])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function run(
  destination: Destination,
  words: string[],
  onMessage?: (line: string) => void,
): Promise<void> {
  const { tool, archive, target, signal } = destination
  // A name alone would be read as a connection string where it has an equals sign.
  const database = `dbname='${target.database.replace(/[\\']/g, '\\$&')}'`
  try {
    await runTool(tool, [`--dbname=${database}`, ...words, archive], {
      ...{ target, signal, failure: 'RESTORE_FAILED' },
      ...(onMessage ? { onMessage } : {}),
    })
  } catch (error) {
    const failure = toDwhError(error)
    const lost =
      /server closed the connection|terminating connection|could not connect|Connection refused/.test(
        failure.message,
      )
    if (failure.code !== 'RESTORE_FAILED' || !lost) throw failure
    throw new DwhError('SERVER_WENT_AWAY', failure.message, {
      cause: failure,
      hint: 'run the same command again: it resumes',
    })
  }
}
