import { createHash } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { access, constants, glob, stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve } from 'node:path'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { pieces, type Stored, storedFile } from './byte-stream.ts'
import { plain } from './decompress.ts'
import { openReader } from './format.ts'
import type { Reader, ReadOptions } from './reader.ts'
import { spool } from './spool.ts'
import { beginsAsZip, zipMembers } from './zip.ts'

/** Something to load. Closing it deletes what was put aside for it. */
export interface Input extends AsyncDisposable {
  /** As typed; `a.zip!b.txt`; `standard input`. */
  name: string
  /** Its absolute path, with `!member` for one of a zip; null for what came through a pipe. */
  place: string | null
  /** As it is stored; of a member of a zip when unpacked. */
  bytes: number
  /** Hexadecimal SHA-256 of those bytes. */
  digest(work: Work): Promise<string>
  open(options: ReadOptions): Promise<Reader>
}

export interface Surroundings {
  /** Where relative paths begin. */
  cwd: string
  stdin: NodeJS.ReadableStream
  /** Where standard input and packed Parquet are put aside; it must exist. */
  spoolFolder: string
}

/**
 * What the words of a command line name: a file, a glob, a zip or some of its members (`a.zip!*.txt`), `-` for standard input.
 * In the order of the words, those of one word sorted, no file twice.
 *
 * @throws DwhError USAGE for a word that names nothing that can be read; INPUT_BROKEN for a broken zip
 */
export async function findInputs(words: string[], surroundings: Surroundings, work: Work): Promise<Input[]> {
  const found = new Map<string, Input>()
  try {
    for (const word of words) {
      for (const { identity, stored, place, glob } of await storedOf(word, surroundings, work, found)) {
        work.signal.throwIfAborted()
        for (const [name, input] of await inputsOf(stored, place, glob, surroundings.spoolFolder)) {
          const key = `${identity}!${name}`
          if (!found.has(key)) found.set(key, input)
        }
      }
    }
    return [...found.values()]
  } catch (error) {
    for (const input of found.values()) await input[Symbol.asyncDispose]()
    throw error
  }
}

interface Found {
  /** Of the same file the same, whatever its name. */
  identity: string
  stored: Stored & { path: string } & Partial<AsyncDisposable>
  /** Absolute; null for what can be read once only. */
  place: string | null
  /** Which members of a zip. */
  glob: string | undefined
}

async function storedOf(
  word: string,
  { cwd, stdin, spoolFolder }: Surroundings,
  work: Work,
  before: Map<string, Input>,
): Promise<Found[]> {
  if (word === '-') {
    if ([...before.keys()].some((key) => key.startsWith('-!'))) return []
    return [
      {
        identity: '-',
        stored: await spool('standard input', stdin, spoolFolder, work.signal),
        place: null,
        glob: undefined,
      },
    ]
  }
  const { paths, glob } = await pathsOf(word, cwd)
  if (paths.length === 0)
    throw new DwhError('USAGE', /[*?[{]/.test(word) ? `no file matches ${word}` : `there is no file ${word}`)
  const found: Found[] = []
  for (const name of paths) {
    const path = resolve(cwd, name)
    const stats = await statReadable(name, path)
    // A pipe, such as what `<(command)` of a shell names, can be read once only.
    const stored = stats.isFile()
      ? storedFile(name, path, stats)
      : await spool(name, createReadStream(path), spoolFolder, work.signal)
    found.push({ identity: `${stats.dev}:${stats.ino}`, stored, place: stats.isFile() ? path : null, glob })
  }
  return found
}

/** A file, or the members of a zip by their names; what was put aside for them goes with the last of them. */
async function inputsOf(
  stored: Found['stored'],
  place: string | null,
  glob: string | undefined,
  spoolFolder: string,
): Promise<[member: string, Input][]> {
  const remove = async () => stored[Symbol.asyncDispose]?.()
  try {
    const members = (await beginsAsZip(stored)) ? await zipMembers(stored, glob) : undefined
    if (members === undefined && glob !== undefined)
      throw new DwhError('INPUT_BROKEN', `${stored.name} is no zip, so it has no member ${glob}`)
    let left = members?.length ?? 1
    const close = async () => {
      left -= 1
      if (left === 0) await remove()
    }
    return (members ?? [stored]).map((one) => {
      const member = one.name.slice(stored.name.length)
      return [member, inputOf(one, place === null ? null : place + member, spoolFolder, close)]
    })
  } catch (error) {
    await remove()
    throw error
  }
}

/** What is to be loaded of bytes that can be read again and again. */
export function inputOf(
  stored: Stored,
  place: string | null,
  spoolFolder: string,
  close: () => Promise<void>,
): Input {
  let closed = false
  return {
    name: stored.name,
    place,
    bytes: stored.bytes,
    digest: (work) => digest(stored, work),
    open: async (options) => openReader(await plain(stored), options, spoolFolder),
    [Symbol.asyncDispose]: async () => {
      if (!closed) await close()
      closed = true
    },
  }
}

async function digest(stored: Stored, work: Work): Promise<string> {
  const hash = createHash('sha256')
  await using stream = await stored.open()
  for await (const piece of pieces(stream, 1024 * 1024)) {
    work.signal.throwIfAborted()
    hash.update(piece)
  }
  return hash.digest('hex')
}

async function statReadable(name: string, path: string): Promise<Stats> {
  try {
    await access(path, constants.R_OK)
    return await stat(path)
  } catch (cause) {
    throw new DwhError('USAGE', `${name} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/**
 * The files of a word, none where there is none, and which members of a zip. A word that is the name of a file is that file,
 * whatever signs it holds.
 *
 * @throws DwhError USAGE for a folder and for what may not be looked at
 */
export async function pathsOf(
  word: string,
  cwd: string,
): Promise<{ paths: string[]; glob: string | undefined }> {
  if (await isFile(word, cwd)) return { paths: [word], glob: undefined }
  const archive = /^(.+?\.zip)!(.+)$/is.exec(word)
  if (archive) return { ...(await pathsOf(archive[1] as string, cwd)), glob: archive[2] }
  const found: string[] = []
  for await (const entry of glob(word, { cwd, withFileTypes: true })) {
    if (entry.isFile() || entry.isSymbolicLink()) found.push(resolve(entry.parentPath, entry.name))
  }
  const paths = found.map((path) => (isAbsolute(word) ? path : relative(cwd, path))).toSorted()
  return { paths, glob: undefined }
}

/** @throws DwhError USAGE for a folder and for what may not be looked at */
async function isFile(word: string, cwd: string): Promise<boolean> {
  try {
    const found = await stat(resolve(cwd, word))
    if (!found.isDirectory()) return true
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw new DwhError('USAGE', `${word} cannot be opened: ${message}`, { cause })
  }
  throw new DwhError('USAGE', `${word} is a folder`, {
    hint: `name its files: '${word.replace(/\/$/, '')}/*.csv'`,
  })
}
