import { matchesGlob } from 'node:path'
import { crc32 } from 'node:zlib'
import * as yauzl from 'yauzl'
import { DwhError } from '../../errors.ts'
import { type ByteStream, discard, fill, type Stored, StreamBytes } from './byte-stream.ts'

const openingOptions = {
  lazyEntries: true,
  autoClose: false,
  // Its names would be refused where they leave the folder; here nothing is ever unpacked by name.
  decodeStrings: false,
}

/** What carries data by its name, compressed or not; a zip of measurements holds descriptions and pages of HTML too. */
const dataNames = /\.(csv|tsv|tab|txt|ndjson|jsonl|json|parquet)(\.(gz|zst))?$/i

/** Whether bytes begin as those of a zip; one without members begins with its end. */
export function isZip(start: Buffer): boolean {
  return start.length >= 4 && [0x504b0304, 0x504b0506].includes(start.readUInt32BE())
}

/**
 * The members of a zip that a glob names, or those that are data by their names; sorted.
 *
 * @param glob `undefined` for all that are data
 * @throws DwhError USAGE when there is none; INPUT_BROKEN for a zip that cannot be read
 */
export async function zipMembers(
  zip: Stored & { path: string },
  glob: string | undefined,
): Promise<Stored[]> {
  const entries = await readEntries(zip)
  const names = [...entries.keys()].toSorted()
  const chosen = names.filter((name) =>
    glob === undefined ? dataNames.test(name) && !isHidden(name) : name === glob || matchesGlob(name, glob),
  )
  if (chosen.length === 0)
    throw new DwhError(
      'USAGE',
      `${zip.name} holds no ${glob === undefined ? 'file of data' : `member ${glob}`}`,
      {
        hint:
          names.length === 0
            ? 'it is empty'
            : `it holds ${names.slice(0, 10).join(', ')}${names.length > 10 ? ' …' : ''}`,
      },
    )
  return chosen.map((name) => memberOf(zip, name, entries.get(name) as yauzl.Entry))
}

/** What systems put beside the files of a user: `__MACOSX/`, `.DS_Store`. */
function isHidden(name: string): boolean {
  return name.split('/').some((part) => /^\.[^.]/.test(part) || part === '__MACOSX')
}

async function readEntries(zip: Stored & { path: string }): Promise<Map<string, yauzl.Entry>> {
  const entries = new Map<string, yauzl.Entry>()
  try {
    const file = await yauzl.openPromise(zip.path, openingOptions)
    try {
      for await (const entry of file.eachEntry()) {
        const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry
        const name = yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false)
        if (!name.endsWith('/')) entries.set(name, entry)
      }
    } finally {
      file.close()
    }
  } catch (error) {
    throw broken(zip.name, error)
  }
  return entries
}

function memberOf(zip: Stored & { path: string }, member: string, entry: yauzl.Entry): Stored {
  const name = `${zip.name}!${member}`
  return {
    name,
    bytes: entry.uncompressedSize,
    open: async (from = 0) => {
      if (entry.isEncrypted())
        throw new DwhError('INPUT_BROKEN', `${name} is encrypted`, {
          hint: 'unpack it first, and load what comes out',
        })
      try {
        const file = await yauzl.openPromise(zip.path, openingOptions)
        try {
          const stream = await file.openReadStreamPromise(entry)
          return await discard(new MemberBytes(name, entry, file, stream), from)
        } catch (error) {
          file.close()
          throw error
        }
      } catch (error) {
        throw broken(name, error)
      }
    },
  }
}

/** Unpacked bytes, held against the checksum at their end; their number is yauzl's to check. */
class MemberBytes implements ByteStream {
  readonly #name: string
  readonly #entry: yauzl.Entry
  readonly #file: yauzl.ZipFile
  readonly #bytes: StreamBytes
  #checksum = 0

  constructor(name: string, entry: yauzl.Entry, file: yauzl.ZipFile, stream: NodeJS.ReadableStream) {
    this.#name = name
    this.#entry = entry
    this.#file = file
    this.#bytes = new StreamBytes(stream as ConstructorParameters<typeof StreamBytes>[0], (error) =>
      broken(name, error),
    )
  }

  get stored(): number {
    return this.#bytes.stored
  }

  async read(into: Buffer, at: number): Promise<number> {
    const count = await this.#bytes.read(into, at)
    this.#checksum = crc32(into.subarray(at, at + count), this.#checksum)
    if (count === 0 && this.#checksum !== this.#entry.crc32)
      throw broken(this.#name, new Error('its checksum differs from the one it was packed with'))
    return count
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bytes[Symbol.asyncDispose]()
    this.#file.close()
  }
}

function broken(name: string, cause: unknown): DwhError {
  if (cause instanceof DwhError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new DwhError('INPUT_BROKEN', `${name} cannot be unpacked: ${message}; nothing of it is loaded`, {
    hint: 'fetch the zip again, or try it with: unzip -t',
    cause,
  })
}

/** The first bytes of something stored, as many as there are. */
export async function beginsAsZip(stored: Stored): Promise<boolean> {
  await using stream = await stored.open()
  const start = Buffer.alloc(4)
  return isZip(start.subarray(0, await fill(stream, start)))
}
