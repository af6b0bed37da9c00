import { extname } from 'node:path'
import { DwhError } from '../../errors.ts'
import { openCsv } from './csv.ts'
import { firstBytes, type Plain } from './decompress.ts'
import { markLength } from './encoding.ts'
import { openJson } from './json.ts'
import type { Reader, ReadOptions } from './reader.ts'

type Format = NonNullable<ReadOptions['format']>

const extensions: Record<string, Format> = { '.csv': 'csv', '.txt': 'csv', '.tsv': 'tsv', '.tab': 'tsv' }

/**
 * Opens bytes as what they are: what the user says, else by content and extension.
 *
 * @param spoolFolder where packed Parquet is put aside, for it is read from its end
 * @throws DwhError INPUT_BROKEN for content that is none of its format; USAGE for options that do not fit
 */
export async function openReader(file: Plain, options: ReadOptions, spoolFolder: string): Promise<Reader> {
  const start = await firstBytes(file, 1024)
  const format = options.format ?? formatOf(file.stored.name, start)
  if (format === 'parquet') {
    // Its libraries are large, and few files are Parquet.
    const { openParquet } = await import('./parquet.ts')
    return await openParquet(file, options, spoolFolder)
  }
  if (isParquet(start))
    throw new DwhError('USAGE', `${file.stored.name} is Parquet, not ${format}`, {
      hint: 'leave --format out',
    })
  if (format === 'ndjson' || format === 'json') return await openJson(file, format, options)
  return await openCsv(file, { ...options, format })
}

function isParquet(start: Buffer): boolean {
  return start.toString('latin1', 0, 4) === 'PAR1'
}

/** A name that says csv is believed, for csv may begin with anything. */
function formatOf(name: string, start: Buffer): Format {
  if (isParquet(start)) return 'parquet'
  const byName = extensions[extensionOf(name)]
  if (byName !== undefined) return byName
  const [first] = start.toString('latin1', markLength(start)).trimStart()
  if (first === '[') return 'json'
  return first === '{' || ['.ndjson', '.jsonl'].includes(extensionOf(name)) ? 'ndjson' : 'csv'
}

/** Of what is inside, in lower case: `a.csv.gz` → `.csv` */
function extensionOf(name: string): string {
  return extname(name.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, ''))
}
