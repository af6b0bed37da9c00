import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { access, constants, glob, stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve } from 'node:path'
import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { pieces, type Stored, storedFile } from './byte-stream.ts'
import { plain } from './decompress.ts'
import { openReader } from './format.ts'
import type { Reader, ReadOptions } from './reader.ts'

/** Something to load. Closing it deletes what was put aside for it. */
export interface Input extends AsyncDisposable {
  /** As typed; `a.zip!b.txt`; `standard input`. */
  name: string
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
  /** Where standard input is put aside; it must exist. */
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
  for (const word of words) {
    for (const path of await pathsOf(word, surroundings.cwd)) {
      work.signal.throwIfAborted()
      const { dev, ino, size } = await statReadable(path, surroundings.cwd)
      const identity = `${dev}:${ino}`
      if (!found.has(identity))
        found.set(identity, inputOf(storedFile(path, resolve(surroundings.cwd, path), size)))
    }
  }
  return [...found.values()]
}

function inputOf(stored: Stored): Input {
  return {
    name: stored.name,
    bytes: stored.bytes,
    digest: (work) => digest(stored, work),
    open: async (options) => openReader(await plain(stored), options),
    [Symbol.asyncDispose]: async () => {},
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

async function statReadable(path: string, cwd: string): Promise<Stats> {
  try {
    await access(resolve(cwd, path), constants.R_OK)
    return await stat(resolve(cwd, path))
  } catch (cause) {
    throw new DwhError('USAGE', `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** A word that is the name of a file is that file, whatever signs it holds. */
async function pathsOf(word: string, cwd: string): Promise<string[]> {
  const path = resolve(cwd, word)
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  if (!(found instanceof Error)) {
    if (found.isDirectory())
      throw new DwhError('USAGE', `${word} is a folder`, {
        hint: `name its files: '${word.replace(/\/$/, '')}/*.csv'`,
      })
    return [word]
  }
  if (found.code !== 'ENOENT' && found.code !== 'ENOTDIR')
    throw new DwhError('USAGE', `${word} cannot be opened: ${found.message}`, { cause: found })
  const paths: string[] = []
  for await (const entry of glob(word, { cwd, withFileTypes: true })) {
    if (entry.isFile() || entry.isSymbolicLink()) paths.push(resolve(entry.parentPath, entry.name))
  }
  if (paths.length === 0)
    throw new DwhError('USAGE', /[*?[{]/.test(word) ? `no file matches ${word}` : `there is no file ${word}`)
  return paths.map((found) => (isAbsolute(word) ? found : relative(cwd, found))).toSorted()
}
