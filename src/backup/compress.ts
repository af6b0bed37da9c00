import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { CopyText } from './copy-text.ts'
import { chunkBytes, syncPath } from './files.ts'
import type { FileDigest } from './manifest.ts'
import { dataNumber } from './toc.ts'

export const compressions = ['zstd', 'gzip', 'none'] as const
export type Compression = (typeof compressions)[number]
export const standardCompression: Compression = 'zstd'

/** A file of an archive as it lies on the disk now. */
export interface StoredFile extends FileDigest {
  /** With `.zst` behind it where it has been compressed here. */
  name: string
  /** The rows in it; undefined where it holds none, or came compressed. */
  rows: number | undefined
}

/**
 * Level 1 packs rows tighter than gzip does at pg_dump's default, at a fraction of the time: see `npm run bench backup`.
 * With the checksum of the format, `zstd -t` finds damage without any manifest.
 */
const zstd = {
  chunkSize: 256 * 1024,
  params: {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_checksumFlag]: 1,
  },
}

/**
 * Compresses a file of COPY text into `<name>.zst`, which takes its place; read, counted and hashed in one go.
 *
 * @param content of the file
 */
export async function compressFile(
  folder: string,
  name: string,
  content: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<StoredFile> {
  const from = `${folder}/${name}`
  const text = new CopyText()
  const digest = new Digest()
  await pipeline(
    content,
    passing((chunk) => text.take(chunk)),
    createZstdCompress(zstd),
    passing((chunk) => digest.take(chunk)),
    createWriteStream(`${from}.zst`, { flags: 'wx', mode: 0o600, flush: true }),
    { signal },
  )
  await rm(from)
  return { name: `${name}.zst`, ...digest.end(), rows: text.rows }
}

/** Hashes a file that stays as it is. */
export async function keepFile(
  folder: string,
  name: string,
  content: AsyncIterable<Buffer>,
): Promise<StoredFile> {
  const text = dataNumber(name) !== undefined && name.endsWith('.dat') ? new CopyText() : undefined
  const digest = new Digest()
  for await (const chunk of content) {
    digest.take(chunk)
    text?.take(chunk)
  }
  await syncPath(`${folder}/${name}`)
  return { name, ...digest.end(), rows: text?.rows }
}

class Digest {
  #bytes = 0
  readonly #hash = createHash('sha256')

  take(chunk: Buffer): void {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
  }

  end(): FileDigest {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }
}

function passing(look: (chunk: Buffer) => void): Transform {
  return new Transform({
    readableHighWaterMark: chunkBytes,
    writableHighWaterMark: chunkBytes,
    transform(chunk: Buffer, _, done) {
      look(chunk)
      done(null, chunk)
    },
  })
}
