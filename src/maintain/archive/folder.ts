import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { digestFile, syncPath } from '../../backup/files.ts'
import { safeName } from '../../backup/folder.ts'
import { DwhError } from '../../errors.ts'
import { folderBeside } from '../../warehouse/beside.ts'
import type { Warehouse } from '../../warehouse/load.ts'
import { onDisk } from './parquet.ts'

export type ArchiveFormat = Warehouse['maintenance']['archive']['format']

/** The file with the rows. */
export function dataName(format: ArchiveFormat): string {
  return format === 'parquet' ? 'data.parquet' : 'data.dump'
}

export const manifestName = 'manifest.json'
const partial = '.partial'

/** What lies beside the data of an archived leaf: all that is needed to bring it back, or to read it without this program. */
export const manifestSchema = z.object({
  version: z.literal(1),
  warehouse: z.string(),
  dataset: z.string(),
  parent: z.object({ schema: z.string(), name: z.string() }),
  leaf: z.object({ schema: z.string(), name: z.string() }),
  format: z.enum(['parquet', 'pg_dump']).default('parquet'),
  /** Of pg_dump. */
  tool_version: z.string().optional(),
  /** As in pg_get_expr(relpartbound). */
  bounds: z.string(),
  columns: z.array(
    z.object({ name: z.string(), type: z.string(), not_null: z.boolean(), is_generated: z.boolean() }),
  ),
  rows: z.number(),
  proof: z.object({ algorithm: z.string(), hash_1: z.string(), hash_2: z.string() }),
  data: z.object({ bytes: z.number(), sha256: z.string() }),
  written_at: z.string(),
  dwh: z.string(),
})

export type ArchiveManifest = z.output<typeof manifestSchema>

/** Where archived leaves of a warehouse lie: beside its file, but for the warehouses that ship with the program. */
export function archivesOf(warehouse: Warehouse): string {
  return folderBeside(warehouse, 'archive', warehouse.maintenance.archive.folder)
}

/** The folder of one leaf while it is written; `finish` gives it its name. */
export class ArchiveDraft {
  /** Absolute. */
  readonly path: string
  readonly #draft: string

  private constructor(path: string) {
    this.path = path
    this.#draft = path + partial
  }

  /** @param run makes its name one that was never given before; drafts of runs that were killed go */
  static async begin(root: string, dataset: string, leaf: string, run: number): Promise<ArchiveDraft> {
    const folder = join(root, dataset)
    const base = safeName(leaf)
    const draft = new ArchiveDraft(join(folder, `${base}-${run}`))
    await onDisk(folder, async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      for (const name of await readdir(folder)) {
        const isOurs = name.startsWith(`${base}-`) && /^\d+\.partial$/.test(name.slice(base.length + 1))
        if (isOurs) await rm(join(folder, name), { recursive: true, force: true })
      }
      await mkdir(draft.#draft, { mode: 0o700 })
    })
    return draft
  }

  dataPath(format: ArchiveFormat): string {
    return join(this.#draft, dataName(format))
  }

  /**
   * Brings everything to the disk, the manifest last, and gives the folder its name.
   *
   * @returns the SHA-256 of the manifest, and the bytes of the data
   */
  async finish(manifest: Omit<ArchiveManifest, 'data'>): Promise<{ sha256: string; bytes: number }> {
    return onDisk(this.path, async () => {
      const rows = this.dataPath(manifest.format)
      await syncPath(rows)
      const data = await digestFile(rows)
      const path = join(this.#draft, manifestName)
      await writeFile(path, `${JSON.stringify({ ...manifest, data }, null, 2)}\n`, { mode: 0o600 })
      await syncPath(path)
      await syncPath(this.#draft)
      const { sha256 } = await digestFile(path)
      await rm(this.path, { recursive: true, force: true })
      await rename(this.#draft, this.path)
      await syncPath(dirname(this.path))
      return { sha256, bytes: data.bytes }
    })
  }

  async discard(): Promise<void> {
    await rm(this.#draft, { recursive: true, force: true }).catch(() => {})
  }
}

/**
 * Reads the manifest of an archived leaf, and looks at every byte of what it speaks of.
 *
 * @param sha256 of the manifest, as the ledger has it
 * @throws DwhError INPUT_BROKEN where anything is gone or is not what was written
 */
export async function verifiedManifest(
  folder: string,
  sha256: string,
  signal: AbortSignal,
): Promise<ArchiveManifest> {
  const broken = (why: string, cause?: unknown) =>
    new DwhError('INPUT_BROKEN', `the archive ${folder} ${why}; nothing was changed`, {
      cause,
      hint: 'bring its folder back from where it was copied to',
    })
  try {
    const path = join(folder, manifestName)
    if ((await digestFile(path, signal)).sha256 !== sha256)
      throw broken('has another manifest than was written')
    const manifest = manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    const { bytes, sha256: expected } = manifest.data
    const found = await digestFile(join(folder, dataName(manifest.format)), signal)
    if (found.bytes !== bytes || found.sha256 !== expected) throw broken('has other data than was written')
    return manifest
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof DwhError) throw error
    throw broken(`cannot be read: ${(error as Error).message}`, error)
  }
}
