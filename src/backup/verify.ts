import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { digestFile, filesIn } from './files.ts'
import type { BackupFolder } from './folder.ts'
import { type FileDigest, type Manifest, manifestName, readManifest, sumsName } from './manifest.ts'

export type DamageKind = 'missing' | 'cut' | 'longer' | 'changed' | 'swapped' | 'extra' | 'edited'

/** What is wrong with a file of a backup. */
export interface Damage {
  /** In the folder of backups. */
  file: string
  kind: DamageKind
  message: string
}

export interface Verified {
  backup: string
  /** That were read. */
  files: number
  bytes: number
  damages: Damage[]
}

/** What files that several backups share have turned out to be: each is read once. */
export type DigestCache = Map<string, FileDigest>

/**
 * Reads every file of a backup, those that it shares with others too, and compares it with what the manifest and
 * SHA256SUMS say. No database is asked.
 *
 * @param read what has been read already, and takes what is read now
 * @throws DwhError USAGE where there is no such backup
 */
export async function verifyBackup(
  folder: BackupFolder,
  work: Work,
  name: string,
  read: DigestCache = new Map(),
): Promise<Verified> {
  const path = join(folder.path, name)
  if (!existsSync(path)) throw gone(name, folder)
  const damages: Damage[] = []
  const tell = (file: string, kind: DamageKind, message: string) => damages.push({ file, kind, message })
  const sums = await readSums(path, (message) => tell(`${name}/${sumsName}`, 'edited', message))
  const manifest = await readVerifiedManifest(path, sums, (message, kind) =>
    tell(`${name}/${manifestName}`, kind, message),
  )
  const expected = manifest ? expectedFiles(name, manifest) : new Map<string, Expected>()
  if (manifest) compareSums(name, expected, sums, tell)
  const { files, bytes } = await readFiles(folder, work, expected, read, tell)
  const known = new Set([...expected.keys(), `${name}/${manifestName}`, `${name}/${sumsName}`])
  for (const file of manifest ? await filesIn(path) : []) {
    if (!known.has(`${name}/${file}`)) tell(`${name}/${file}`, 'extra', 'the manifest does not know it')
  }
  if (damages.length > 0 && !existsSync(path)) throw gone(name, folder)
  return { backup: name, files, bytes, damages }
}

type Expected = FileDigest
type Tell = (file: string, kind: DamageKind, message: string) => void

/** Everything that the manifest names, by its path in the folder of backups. */
function expectedFiles(name: string, { files, references }: Manifest): Map<string, Expected> {
  const own = Object.entries(files).map(([path, digest]): [string, Expected] => [`${name}/${path}`, digest])
  return new Map([...own, ...Object.entries(references)])
}

async function readFiles(
  folder: BackupFolder,
  work: Work,
  expected: Map<string, Expected>,
  read: DigestCache,
  tell: Tell,
): Promise<{ files: number; bytes: number }> {
  const owners = new Map([...expected].map(([file, { sha256 }]) => [sha256, file]))
  const total = [...expected.values()].reduce((sum, digest) => sum + digest.bytes, 0)
  let done = 0
  let files = 0
  for (const [file, digest] of expected) {
    work.signal.throwIfAborted()
    const size = await sizeOf(join(folder.path, file))
    if (size === undefined) tell(file, 'missing', 'it is not there')
    else if (size !== digest.bytes)
      tell(file, size < digest.bytes ? 'cut' : 'longer', `it has ${size} bytes, and had ${digest.bytes}`)
    else {
      const found = read.get(file) ?? (await digestFile(join(folder.path, file), work.signal))
      read.set(file, found)
      files += 1
      const owner = owners.get(found.sha256)
      if (found.sha256 !== digest.sha256 && owner)
        tell(file, 'swapped', `it holds what belongs into ${owner}`)
      else if (found.sha256 !== digest.sha256) tell(file, 'changed', 'its SHA-256 is another one')
    }
    done += digest.bytes
    work.emit({ type: 'progress', step: 'verify', done, total, unit: 'bytes' })
  }
  return { files, bytes: done }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() ? found.size : undefined
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/** By their path in the backup. */
async function readSums(path: string, tell: (message: string) => void): Promise<Map<string, string>> {
  const text = await readFile(join(path, sumsName), 'utf8').catch(() => undefined)
  if (text === undefined) tell('it is not there')
  const lines = (text ?? '').split('\n').filter(Boolean)
  const sums = lines.map((line) => /^([0-9a-f]{64}) {2}(.+)$/.exec(line))
  if (sums.includes(null)) tell('a line of it is no hash and name')
  return new Map(sums.flatMap((sum) => (sum ? [[sum[2] as string, sum[1] as string] as const] : [])))
}

/** Undefined where it cannot be read; then no other file is looked at, for nothing says what it should be. */
async function readVerifiedManifest(
  path: string,
  sums: Map<string, string>,
  tell: (message: string, kind: DamageKind) => void,
): Promise<Manifest | undefined> {
  const text = await readFile(join(path, manifestName)).catch(() => undefined)
  if (!text) {
    tell('it is not there', 'missing')
    return undefined
  }
  const said = sums.get(manifestName)
  if (said !== undefined && createHash('sha256').update(text).digest('hex') !== said)
    tell(`${sumsName} says another SHA-256`, 'edited')
  try {
    return await readManifest(path)
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error), 'edited')
    return undefined
  }
}

/** Both lists must say the same, and every table must lie in a file of them. */
function compareSums(
  name: string,
  expected: Map<string, Expected>,
  sums: Map<string, string>,
  tell: Tell,
): void {
  const here = (path: string) => (path.startsWith('../') ? path.slice(3) : `${name}/${path}`)
  const said = new Map([...sums].map(([path, sha256]) => [here(path), sha256]))
  for (const [file, { sha256 }] of expected) {
    if (said.size > 0 && said.get(file) !== sha256)
      tell(`${name}/${sumsName}`, 'edited', `it says of ${file} what the manifest does not`)
  }
  for (const file of said.keys()) {
    if (file !== `${name}/${manifestName}` && !expected.has(file))
      tell(`${name}/${sumsName}`, 'edited', `it names ${file}, which the manifest does not`)
  }
}

function gone(name: string, folder: BackupFolder): DwhError {
  return new DwhError('USAGE', `there is no backup ${JSON.stringify(name)} in ${folder.path} any more`, {
    hint: 'see: dwh backup list',
  })
}
