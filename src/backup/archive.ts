import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import type { Target } from '../postgres/target.ts'
import { runTool } from './client.ts'
import { type ClientTool, findClientTool } from './client-tools.ts'
import { type Compression, compressFile, keepFile, type StoredFile } from './compress.ts'
import { filesIn, syncPath } from './files.ts'
import { dataNumber, readToc } from './toc.ts'

/** The programs that write and read archives, of one version. */
export interface ArchiveTools {
  dump: ClientTool
  restore: ClientTool
}

/** @throws DwhError TOOL_MISSING */
export function findArchiveTools(serverVersion: number): ArchiveTools {
  return {
    dump: findClientTool('pg_dump', serverVersion),
    restore: findClientTool('pg_restore', serverVersion),
  }
}

export interface ArchiveOrder {
  /** Where it goes; must not be there. */
  folder: string
  /** What of the database, in the words of pg_dump. */
  words: string[]
  /** As pg_export_snapshot gave it. */
  snapshot: string
  jobs: number
  compression: Compression
  /** Whether the messages of pg_dump can be trusted: not where a name has a line break, behind which it could say anything. */
  readMessages: boolean
  /** Told that the data of so many tables has been written. */
  onTable: () => void
}

/** An archive as it lies on the disk. */
export interface Archive {
  /** By their name in its folder. */
  files: Map<string, StoredFile>
  /** By the OID of the table, the file with its rows. */
  data: Map<number, StoredFile>
}

/**
 * Milliseconds that pg_dump may stand in a lock queue. The tables themselves are held already: only who waits for us can
 * stand in front, and would do so for ever.
 */
const lockWait = 20_000

/** How pg_dump compresses; zstd is ours, so that the rows in every file are counted and old versions have it too. */
const compressWord: Record<Compression, string> = { zstd: '0', gzip: '6', none: '0' }

/**
 * Writes one archive of pg_dump in directory format. Every file is compressed (or read again) and hashed as soon as
 * pg_dump says that it is whole, beside the next tables, and is on the disk when this returns.
 *
 * @throws DwhError BACKUP_FAILED, DISK_FULL
 */
export async function dumpArchive(
  target: Target,
  tools: ArchiveTools,
  signal: AbortSignal,
  order: ArchiveOrder,
): Promise<Archive> {
  const { folder, compression, jobs } = order
  const broken = new AbortController()
  const all = AbortSignal.any([signal, broken.signal])
  const stored = new Map<string, Promise<StoredFile>>()
  const store = (name: string) => {
    if (stored.has(name)) return
    const isData = dataNumber(name) !== undefined
    const storing =
      compression === 'zstd' && isData ? compressFile(folder, name, all) : keepFile(folder, name, all)
    stored.set(name, storing)
    // What cannot be stored ends pg_dump too.
    storing.catch((error) => broken.abort(error))
  }
  const suffix = compression === 'gzip' ? '.gz' : ''
  const onMessage = (line: string) => {
    const [, number] = /^pg_dump: finished item (\d+) TABLE DATA /.exec(line) ?? []
    if (number === undefined) return
    order.onTable()
    if (order.readMessages) store(`${number}.dat${suffix}`)
  }
  const words = [
    '--format=directory',
    `--file=${folder}`,
    `--jobs=${jobs}`,
    `--compress=${compressWord[compression]}`,
    `--snapshot=${order.snapshot}`,
    `--lock-wait-timeout=${lockWait}`,
    '--verbose',
    ...order.words,
  ]
  try {
    await runTool(tools.dump, words, { target, signal: all, onMessage, failure: 'BACKUP_FAILED' })
    for (const name of await filesIn(folder)) if (!name.endsWith('.zst')) store(name)
    const files = new Map((await Promise.all(stored.values())).map((file) => [file.name, file]))
    await syncPath(folder)
    const data = await dataFiles(tools.restore, folder, files, signal)
    return { files, data }
  } catch (error) {
    signal.throwIfAborted()
    throw broken.signal.aborted ? broken.signal.reason : error
  } finally {
    await Promise.allSettled(stored.values())
  }
}

async function dataFiles(
  tool: ClientTool,
  folder: string,
  files: Map<string, StoredFile>,
  signal: AbortSignal,
): Promise<Map<number, StoredFile>> {
  const byNumber = new Map([...files.values()].map((file) => [dataNumber(file.name), file]))
  const toc = await readToc(tool, folder, signal)
  return new Map(
    [...toc.data].map(([oid, number]) => {
      const file = byNumber.get(number)
      if (!file) throw new DwhError('BACKUP_FAILED', `pg_dump wrote no ${join(folder, `${number}.dat`)}`)
      return [oid, file]
    }),
  )
}
