import { extname } from 'node:path'
import { openCsv } from './csv.ts'
import { firstBytes, type Plain } from './decompress.ts'
import type { Reader, ReadOptions } from './reader.ts'

/**
 * Opens bytes as what they are: what the user says, else by content and extension.
 *
 * @throws DwhError INPUT_BROKEN for content that is none of its format; USAGE for options that do not fit
 */
export async function openReader(file: Plain, options: ReadOptions): Promise<Reader> {
  const format = options.format ?? (await formatOf(file))
  return openCsv(file, { ...options, format })
}

async function formatOf(file: Plain): Promise<NonNullable<ReadOptions['format']>> {
  const extension = extensionOf(file.stored.name)
  if (extension === '.tsv' || extension === '.tab') return 'tsv'
  await firstBytes(file, 4)
  return 'csv'
}

/** Of what is inside, in lower case: `a.csv.gz` → `.csv` */
function extensionOf(name: string): string {
  return extname(name.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, ''))
}
