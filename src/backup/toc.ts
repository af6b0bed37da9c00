import { runTool } from './client.ts'
import type { ClientTool } from './client-tools.ts'

/** The table of contents of an archive: which data file holds which table. Names in it are not read, for they can be anything. */
export interface Toc {
  /** By the OID that the table had, the number of its data: it lies in `<number>.dat`, with `.gz` or `.zst` where packed. */
  data: Map<number, number>
}

/** @param archive a folder that pg_dump has written in directory format */
export async function readToc(tool: ClientTool, archive: string, signal: AbortSignal): Promise<Toc> {
  const { stdout } = await runTool(tool, ['--list', archive], { signal, failure: 'BACKUP_FAILED' })
  const data = new Map<number, number>()
  for (const line of stdout.split('\n')) {
    // `3350; 0 16385 TABLE DATA public orders owner`; newlines in names come as spaces.
    const [, number, oid] = /^(\d+); \d+ (\d+) TABLE DATA /.exec(line) ?? []
    if (number !== undefined) data.set(Number(oid), Number(number))
  }
  return { data }
}

/** The number of the data in a data file of an archive; undefined for its other files. */
export function dataNumber(file: string): number | undefined {
  const [, number] = /^(\d+)\.dat(?:\.\w+)?$/.exec(file) ?? []
  return number === undefined ? undefined : Number(number)
}
