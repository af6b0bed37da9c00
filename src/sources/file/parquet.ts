import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { defaultBlockBytes } from './blocks.ts'
import type { Plain } from './decompress.ts'
import { type ColumnValues, ParquetBatch } from './parquet-batch.ts'
import { type ToText, toText, withoutAnnotations } from './parquet-text.ts'
import type { Batch, InputRecord, Reader, ReadOptions, Sample } from './reader.ts'
import { spoolBytes } from './spool.ts'

/**
 * Opens Parquet, which is read from its end: what is packed into a zip or a gzip is put aside first.
 *
 * @throws DwhError INPUT_BROKEN without a footer that can be read; USAGE for columns, which Parquet names itself
 */
export async function openParquet(file: Plain, options: ReadOptions, spoolFolder: string): Promise<Reader> {
  const { name, path } = file.stored
  if (options.columns !== undefined)
    throw new DwhError('USAGE', `${name} is Parquet, which names its columns itself`, {
      hint: 'leave --columns out',
    })
  const owned: AsyncDisposable[] = []
  try {
    let source = path
    let requireSame = file.stored.requireSame
    if (source === undefined || file.compression !== undefined) {
      await using stream = await file.open()
      const spooled = await spoolBytes(name, stream, spoolFolder)
      owned.push(spooled)
      source = spooled.path
      requireSame = spooled.requireSame
    }
    const handle = await open(source)
    owned.unshift({ [Symbol.asyncDispose]: () => handle.close() })
    return await readFooter({ name, requireSame: async () => requireSame?.() }, handle, owned, options)
  } catch (error) {
    for (const one of owned) await one[Symbol.asyncDispose]()
    throw broken(name, error)
  }
}

async function readFooter(
  file: Opened,
  handle: FileHandle,
  owned: AsyncDisposable[],
  options: ReadOptions,
): Promise<Reader> {
  const { size } = await handle.stat()
  const buffer: AsyncBuffer = {
    byteLength: size,
    slice: (start, end = size) => readSlice(handle, start, end),
  }
  const metadata = await parquetMetadataAsync(buffer, { geoparquet: false })
  const columns = parquetSchema(metadata).children.map((node) => ({
    name: node.element.name,
    toText: toText(node),
  }))
  const bare = { ...metadata, schema: withoutAnnotations(metadata.schema) }
  return new ParquetReader(file, buffer, bare, columns, owned, options.batchBytes ?? defaultBlockBytes)
}

/** What is read in any order. */
interface Opened {
  name: string
  /** @throws DwhError INPUT_BROKEN when somebody has written it since it was found */
  requireSame(): Promise<void>
}

async function readSlice(handle: FileHandle, start: number, end: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(end - start)
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
  if (bytesRead < bytes.length) throw new Error(`it ends at byte ${start + bytesRead}`)
  return bytes.buffer
}

/** A row group of more than this many bytes, unpacked, is worth a word. */
const largeGroup = 64 * 1024 * 1024
// A column of a group is often one page, which is unpacked as a whole for its first row.
const [sampledGroups, sampledRows] = [3, 2000]

interface Group {
  start: number
  rows: number
  /** Unpacked. */
  bytes: number
  /** Bytes of the file up to its end, about. */
  fileEnd: number
}

class ParquetReader implements Reader {
  readonly columns: string[]
  readonly rows: number
  /** Nothing of it is sent as it stands. */
  readonly dialect = { delimiter: ',', quote: '"', escape: '"', nullText: '', encoding: 'UTF8' }
  readonly reading: ReadOptions
  readonly #file: Opened
  readonly #buffer: AsyncBuffer
  readonly #metadata: FileMetaData
  readonly #columns: { name: string; toText: ToText }[]
  readonly #owned: AsyncDisposable[]
  readonly #batchBytes: number

  constructor(
    file: Opened,
    buffer: AsyncBuffer,
    metadata: FileMetaData,
    columns: { name: string; toText: ToText }[],
    owned: AsyncDisposable[],
    batchBytes: number,
  ) {
    this.columns = columns.map((column) => column.name)
    this.rows = Number(metadata.num_rows)
    this.reading = { format: 'ndjson', columns: this.columns }
    this.#file = file
    this.#buffer = buffer
    this.#metadata = metadata
    this.#columns = columns
    this.#owned = owned
    this.#batchBytes = batchBytes
  }

  /** A row group is unpacked as a whole, since its columns lie one after another. */
  async *batches(work: Work): AsyncGenerator<Batch> {
    let number = 0
    this.#sayMemory(work)
    for (const group of this.#groups()) {
      work.signal.throwIfAborted()
      const values = await this.#read(group.start, group.start + group.rows)
      const rowsOfBatch = Math.max(1, Math.floor((this.#batchBytes * group.rows) / Math.max(group.bytes, 1)))
      for (let from = 0; from < group.rows; from += rowsOfBatch) {
        work.signal.throwIfAborted()
        const count = Math.min(rowsOfBatch, group.rows - from)
        const before = group.fileEnd - ((group.rows - from - count) / group.rows) * group.bytes
        const bytesRead = Math.min(group.fileEnd, Math.max(0, Math.round(before)))
        yield new ParquetBatch(number++, group.start, bytesRead, this.columns, values, {
          from,
          to: from + count,
        })
      }
    }
    await this.#file.requireSame()
  }

  async sample(): Promise<Sample> {
    const groups = this.#groups()
    const step = Math.max(1, groups.length / sampledGroups)
    const records: InputRecord[] = []
    for (let at = 0; at < groups.length; at += step) {
      const { start, rows } = groups[Math.floor(at)] as Group
      const count = Math.min(rows, sampledRows)
      const values = await this.#read(start, start + count)
      records.push(...new ParquetBatch(0, start, 0, this.columns, values, { from: 0, to: count }).records())
    }
    return { records, rows: this.rows }
  }

  #sayMemory(work: Work): void {
    const largest = Math.max(0, ...this.#groups().map(({ bytes }) => bytes))
    if (largest <= largeGroup) return
    const message = `${this.#file.name} has row groups of up to ${Math.round(largest / 1e6)} MB unpacked; one at a time is in memory, some times as large there`
    work.emit({ type: 'note', message })
  }

  #groups(): Group[] {
    let start = 0
    let fileEnd = 0
    return this.#metadata.row_groups.map((group) => {
      const rows = Number(group.num_rows)
      fileEnd += group.columns.reduce(
        (sum, { meta_data }) => sum + Number(meta_data?.total_compressed_size ?? 0),
        0,
      )
      const found = { start, rows, bytes: Number(group.total_byte_size), fileEnd }
      start += rows
      return found
    })
  }

  /** All columns of some rows of one row group. */
  async #read(rowStart: number, rowEnd: number): Promise<ColumnValues[]> {
    try {
      const scan = await parquetScan({
        file: this.#buffer,
        metadata: this.#metadata,
        compressors,
        utf8: false,
        geoparquet: false,
        parsers: { stringFromBytes, timestampFromNanoseconds: (nanoseconds) => nanoseconds },
      })
      const read: ColumnValues[] = []
      for (const { name, toText } of this.#columns)
        read.push({ values: await scan.readColumn({ column: name, rowStart, rowEnd }), toText })
      return read
    } catch (error) {
      throw broken(this.#file.name, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#owned) await one[Symbol.asyncDispose]()
  }
}

/** What is no UTF-8 stays bytes, and becomes a record with a problem. */
function stringFromBytes(bytes: Uint8Array | undefined): string | Uint8Array | undefined {
  if (bytes === undefined || !isUtf8(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

function broken(name: string, cause: unknown): DwhError {
  if (cause instanceof DwhError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new DwhError(
    'INPUT_BROKEN',
    `${name} cannot be read as Parquet: ${message}; nothing of it is loaded`,
    { cause },
  )
}
