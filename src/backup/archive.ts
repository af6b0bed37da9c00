import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import type { Target } from '../postgres/target.ts'
import { ArchiveStore } from './archive-store.ts'
import { runTool } from './client.ts'
import { type ClientTool, findClientTool } from './client-tools.ts'
import type { Compression, StoredFile } from './compress.ts'
import { syncPath } from './files.ts'
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
 * Writes one archive of pg_dump in directory format. Its files are compressed (or read) and hashed while they are written,
 * and are on the disk when this returns.
 *
 * @throws DwhError BACKUP_FAILED, DISK_FULL
 */
export async function dumpArchive(
  target: Target,
  tools: ArchiveTools,
  signal: AbortSignal,
  order: ArchiveOrder,
): Promise<Archive> {
  const { folder, compression, jobs, readMessages: follows, onTable } = order
  await using store = new ArchiveStore({ folder, compression, jobs, follows, signal, onTable })
  const onMessage = (line: string) => {
    const [, number] = /^pg_dump: finished item (\d+) TABLE DATA /.exec(line) ?? []
    if (number !== undefined) store.finish(Number(number))
  }
  try {
    const run = { target, signal: store.signal, onMessage, failure: 'BACKUP_FAILED' } as const
    await runTool(tools.dump, dumpWords(order), run)
    const files = await store.end()
    await syncPath(folder)
    return { files, data: await dataFiles(tools.restore, folder, files, signal) }
  } catch (error) {
    signal.throwIfAborted()
    throw store.reasonOf(error)
  }
}

function dumpWords({ folder, jobs, compression, snapshot, words }: ArchiveOrder): string[] {
  return [
    '--format=directory',
    `--file=${folder}`,
    `--jobs=${jobs}`,
    `--compress=${compressWord[compression]}`,
    `--snapshot=${snapshot}`,
    `--lock-wait-timeout=${lockWait}`,
    '--verbose',
    ...words,
  ]
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
