import { zstdCompressSync } from 'node:zlib'
import type { SchemaElement } from 'hyparquet'
import { fileWriter, ParquetWriter } from 'hyparquet-writer'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { copyStatement } from '../../load/send/encode.ts'
import type { RelationName } from '../../postgres/identifiers.ts'
import { relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { findInputs } from '../../sources/file/find.ts'
import { line } from '../../sources/file/plain-csv.ts'
import type { Reader } from '../../sources/file/reader.ts'
import type { StoredColumn } from './columns.ts'

/** Rows that are asked for at once, and rows of a group, which whoever reads the file unpacks as a whole. */
const fetched = 10_000
const grouped = 100_000
/** A group of wide rows is closed before, or memory would be their size several times. */
const groupBytes = 64 * 1024 * 1024

/**
 * Writes the rows of a relation into one file of Parquet, compressed with zstd. To be called in a transaction, whose snapshot
 * they are of.
 *
 * @param from a quoted relation, with ONLY where its children shall not count
 * @returns how many rows
 * @throws DwhError DISK_FULL, FAILED
 */
export async function writeParquet(
  session: Session,
  work: Work,
  columns: StoredColumn[],
  from: string,
  path: string,
  told: (rows: number) => void,
): Promise<number> {
  const schema: SchemaElement[] = [
    { name: 'leaf', num_children: columns.length },
    ...columns.map(({ name, not_null, element }) => ({
      name,
      ...element,
      repetition_type: not_null ? ('REQUIRED' as const) : ('OPTIONAL' as const),
    })),
  ]
  const list = columns.map(({ select }, index) => `${select} AS "${index}"`).join(', ')
  await session.run(`DECLARE dwh_archive NO SCROLL CURSOR FOR SELECT ${list} FROM ${from}`)
  return onDisk(path, async () => {
    const file = fileWriter(path)
    const writer = new ParquetWriter({
      writer: file,
      schema,
      codec: 'ZSTD',
      compressors: { ZSTD: (input: Uint8Array) => zstdCompressSync(input) },
      createdBy: 'dwh',
    })
    let rows = 0
    let group = columns.map((): unknown[] => [])
    let bytes = 0
    const flush = async () => {
      const count = group[0]?.length ?? 0
      if (count === 0) return
      const columnData = columns.map(({ name }, index) => ({ name, data: group[index] as unknown[] }))
      await writer.write({ columnData, rowGroupSize: count })
      group = columns.map(() => [])
      bytes = 0
    }
    for (;;) {
      work.signal.throwIfAborted()
      const some = await session.rows<Record<string, unknown>>(`FETCH FORWARD ${fetched} FROM dwh_archive`)
      if (some.length === 0) break
      for (const row of some) bytes += take(row, columns, group)
      rows += some.length
      told(rows)
      if ((group[0]?.length ?? 0) >= grouped || bytes >= groupBytes) await flush()
    }
    await flush()
    writer.finish()
    await session.run('CLOSE dwh_archive')
    return rows
  })
}

/** @returns about how many bytes of memory it takes */
function take(row: Record<string, unknown>, columns: StoredColumn[], group: unknown[][]): number {
  let bytes = 0
  for (const [index, { convert }] of columns.entries()) {
    const value = row[index]
    group[index]?.push(convert(value ?? null))
    bytes += typeof value === 'string' || Buffer.isBuffer(value) ? value.length + 16 : 8
  }
  return bytes
}

/**
 * Reads a file of `writeParquet` into a table, whose columns have the same names.
 *
 * @param columns those that are wanted
 * @throws DwhError INPUT_BROKEN
 */
export async function readParquet(
  session: Session,
  work: Work,
  path: string,
  table: RelationName,
  columns: string[],
): Promise<number> {
  const surroundings = { cwd: '/', stdin: process.stdin, spoolFolder: '/nonexistent' }
  // The name of a leaf may look like a pattern of names.
  const [input] = await findInputs([path], surroundings, work)
  if (!input) throw new DwhError('INPUT_BROKEN', `there is no file ${path}`)
  await using held = input
  await using reader = await held.open({ format: 'parquet' })
  const positions = columns.map((name) => reader.columns.indexOf(name))
  const missing = columns.filter((_, index) => (positions[index] ?? -1) < 0)
  if (missing.length > 0) throw new DwhError('INPUT_BROKEN', `${path} has no column ${missing.join(', ')}`)
  return await session.copyIn(copyStatement(relation(table), columns), csv(reader, work, positions))
}

async function* csv(reader: Reader, work: Work, positions: number[]): AsyncGenerator<Buffer> {
  for await (const batch of reader.batches(work)) {
    let text = ''
    for (const { fields, problem } of batch.records()) {
      if (problem) throw new DwhError('INPUT_BROKEN', `a row of the archive ${problem.message}`)
      text += line(fields, positions, undefined)
      if (text.length < 64 * 1024) continue
      yield Buffer.from(text)
      text = ''
    }
    if (text !== '') yield Buffer.from(text)
  }
}

/** What the file system says, in words of ours. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DwhError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new DwhError('DISK_FULL', `there is no room for ${path}; the leaf stays attached, and sealed`, {
        cause: error,
        hint: 'free some room, or name another folder as maintenance.archive.folder',
      })
    }
    if (code !== undefined && /^E[A-Z]+$/.test(code)) {
      throw new DwhError('FAILED', `${message}; the leaf stays attached, and sealed`, {
        cause: error,
        hint: 'see maintenance.archive.folder in the warehouse file',
      })
    }
    throw error
  }
}
