import type { Work } from '../../events.ts'
import type { BinaryColumn } from './binary.ts'
import type { Scratch } from './scratch.ts'

/** How text is written in a file of csv; COPY is told the same. */
export interface Dialect {
  /** One ASCII character. */
  delimiter: string
  /** One ASCII character; it stands twice for itself unless `escape` differs. */
  quote: string
  escape: string
  /** An unquoted field of exactly this text is NULL. */
  nullText: string
  /** As PostgreSQL names it: UTF8, LATIN1, WIN1252 …; every byte below 0x80 is ASCII in all of them. */
  encoding: string
}

/** One record of an input, cut into fields but not judged. */
export interface InputRecord {
  /** 1-based line on which it begins; of Parquet its row; 0 in a sample where it is not known. */
  line: number
  /** Bytes before it in the (decompressed) text; of Parquet the number of rows before it. */
  offset: number
  /** As many as there are columns, unless `problem` says otherwise; text decoded by the encoding; null is NULL. */
  fields: (string | null)[]
  /** What makes it no record at all: too many columns, missing columns, a quote that is never closed, no JSON. */
  problem?: { column?: string; kind: 'columns' | 'quote' | 'json' | 'encoding' | 'nul'; message: string }
  /** Further lines of the file that a quote which is never closed has made part of it: records, most likely. */
  swallowed?: number
}

/** A record with its 1-based number in the input. */
export interface PlacedRecord {
  record: InputRecord
  place: number
}

/**
 * Whole records that follow one another: what is sent to the server in one piece. Disposing of it gives its memory back at once,
 * where the garbage collector would let some 80 MB gather; `raw` must have left the process by then.
 */
export interface Batch extends Disposable {
  /** Counted from 0. */
  number: number
  /** 1-based number of its first record in the input, blank lines not counted. */
  firstRecord: number
  /** How many records it has, blank lines not counted. */
  count: number
  /** Bytes before it in the (decompressed) text: those before its first record. */
  offset: number
  /** Bytes of the stored file that had been read when it was complete: for progress. */
  bytesRead: number
  /**
   * The records as COPY takes them with the reader's dialect, whatever their values are. Absent where the bytes of the file
   * cannot be sent as they stand: another format, mixed line ends, a line that is just backslash and dot, NUL.
   */
  raw: Buffer | undefined
  /** Its bytes are lines, each a record: without quotes every delimiter and every line end is one. */
  plain?: boolean
  /** One record of a plain batch as a batch of its own, by where its bytes lie in `raw`. */
  part?(index: number, from: number, to: number): Batch
  /**
   * Cut into fields one after another; each call cuts anew. Whoever keeps none of them pays a third of what an array of all
   * would cost. Fields share the memory of the whole batch: copy what is to outlive it. Never throws: what is no record has
   * a `problem`.
   */
  records(): Generator<InputRecord, void, undefined>
  /**
   * Writes its records as lines in the dialect of plain-csv.ts, without making any of those that are in order: some columns of the
   * input, by their index, behind their places where these are wanted.
   *
   * @returns those that are none and were left out
   */
  write?(inputs: number[], isPlaced: boolean, into: Scratch): PlacedRecord[]
  /**
   * Writes its records as rows of COPY's binary format, where every value of them is certainly what PostgreSQL would make of its
   * text.
   *
   * @returns false where some record is none, or PostgreSQL has to be asked: what was written is of no use then
   */
  encode?(columns: BinaryColumn[], isPlaced: boolean, into: Scratch): boolean
  /** A copy of the bytes of one of its records as they stand in the file, without its line end; of Parquet the row as JSON. */
  original(record: InputRecord): Buffer
}

/** Records from all over the input, or from its beginning where it can only be read from there. */
export interface Sample {
  records: InputRecord[]
  /** How many records the whole input has, guessed. */
  rows: number
}

/** An open input, held with `await using`. Reading it twice is possible: each `batches()` begins at its beginning. */
export interface Reader extends AsyncDisposable {
  /** Names as in the file, in order: header, --columns, keys of the first JSON records, schema of Parquet. */
  columns: string[]
  /** The line that names the columns, with its line end, as it stands in the file. */
  header?: Buffer | undefined
  /** How to read the originals of its records by themselves, one a line, behind the header where there is one. */
  reading: ReadOptions
  /** For batches with `raw`. */
  dialect: Dialect
  sample(): Promise<Sample>
  /** How many records it has, where that is known without reading them. */
  rows?: number
  /** Where its rows can go from server to server, past this process. */
  direct?: Direct
  /**
   * All records in order, read anew at each call; only what was asked for is in memory.
   *
   * @param bytes of a batch, about, unless `batchBytes` was given; of Parquet a row group decides with
   * @throws DwhError INPUT_BROKEN for what no record explains: a gzip cut in the middle, a record longer than the limit, an
   *   unreadable file; with the offset
   */
  batches(work: Work, bytes?: number): AsyncIterable<Batch>
}

/** The type of a column as the server that it comes from has it. */
export interface DirectType {
  /** As format_type spells it without its limits: `numeric`, `integer[]`. */
  name: string
  /** The same with them, for people. */
  shown: string
  /** Every server has it, and writes its values in binary in the same way. */
  portable: boolean
}

/** One column of a direct COPY: that of the input by its index, and what it is cast to before it leaves the source. */
export interface DirectColumn {
  input: number
  cast?: string | undefined
}

/** The rows of an input as one COPY gives them, for another to take: nobody looks at them on the way. */
export interface Direct {
  /** By column of the input. */
  types: DirectType[]
  /**
   * Whole messages of COPY.
   *
   * @param placed whether each row begins with its 1-based number
   */
  copy(columns: DirectColumn[], format: 'binary' | 'text', placed: boolean): AsyncIterable<Buffer>
  /** Rows and bytes that the last `copy` has given; all of them once it has ended. */
  readonly given: { rows: number; bytes: number }
  /**
   * The least and the greatest value of an SQL expression over the columns of the input, as text.
   *
   * @param names of columns in the expression, for each the index of the column that it stands for
   * @returns undefined where there is no such value, or no sense in the expression
   */
  extent(
    expression: string,
    names: Record<string, number>,
  ): Promise<{ low: string; high: string } | undefined>
}

/** What the user says about a file, where it is not to be found out. */
export interface ReadOptions {
  format?: 'csv' | 'tsv' | 'ndjson' | 'json' | 'parquet' | undefined
  delimiter?: string | undefined
  quote?: string | undefined
  escape?: string | undefined
  /** False: the first line is a record already; then `columns` must be given for csv. */
  header?: boolean | undefined
  columns?: string[] | undefined
  encoding?: string | undefined
  nullText?: string | undefined
  /** Bytes of a batch, about: 1 MiB unless given. */
  batchBytes?: number | undefined
  /** Longest record in bytes: 16 MiB unless given. */
  longestRecord?: number | undefined
}
