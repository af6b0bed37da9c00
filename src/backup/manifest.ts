import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DwhError } from '../errors.ts'

/** Names that we gave, and no way out of the folder: a manifest may have been edited. */
const path = z.string().regex(/^(?!.*(?:^|\/)\.\.?(?:\/|$))[\w.-]+(?:\/[\w.-]+)*$/)
const digest = z.strictObject({ bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) })

/** A table or leaf, as it was in the snapshot. */
const tableSchema = z.strictObject({
  oid: z.int(),
  schema: z.string(),
  name: z.string(),
  /** The parent of a leaf, and its bound as in pg_get_expr(relpartbound). */
  parent: z.strictObject({ schema: z.string(), name: z.string(), bound: z.string() }).nullable(),
  /** As COPY lists them: without generated ones. */
  columns: z.array(z.string()),
  /** Null where the rows of a compressed file were not counted, which is only so where they are unproved too. */
  rows: z.int().min(0).nullable(),
  /** The proof of its rows; see src/proof. Null where `unproved` says why there is none. */
  hash_1: z.string().nullable(),
  hash_2: z.string().nullable(),
  unproved: z.string().nullable(),
  /** Of the table, its TOAST table and its indexes, in the server: what a restore needs of the disk. */
  bytes: z.int().min(0),
  /** Where its rows lie: `main` or `sealed/<pack>`, and a file in it. */
  file: z.strictObject({ archive: path, name: path }),
  /** The seal that it had, by which later backups know that it is unchanged. */
  seal: z.string().nullable(),
})

/** What a backup is. A folder without a manifest is no backup. */
const manifestSchema = z.strictObject({
  format: z.literal('dwh-backup/2'),
  backup: z.string(),
  made_at: z.iso.datetime(),
  seconds: z.number(),
  dwh_version: z.string(),
  /** The version of pg_dump. */
  tool_version: z.string(),
  /** Of the ledger, where it was recorded. */
  run: z.int().nullable(),
  /** `version` as in server_version_num; the identifier of the cluster where it may be read. */
  server: z.strictObject({ version: z.int(), system_identifier: z.string().nullable() }),
  /** What CREATE DATABASE needs to make it again. */
  database: z.strictObject({
    oid: z.int(),
    name: z.string(),
    owner: z.string(),
    encoding: z.string(),
    collate: z.string(),
    ctype: z.string(),
    locale_provider: z.enum(['libc', 'icu', 'builtin']),
    locale: z.string().nullable(),
    collation_version: z.string().nullable(),
    comment: z.string().nullable(),
    connection_limit: z.int(),
    /** aclitems; null where they are the default. */
    privileges: z.array(z.string()).nullable(),
    /** ALTER DATABASE … SET, and ALTER ROLE … IN DATABASE … SET. */
    settings: z.array(z.strictObject({ role: z.string().nullable(), setting: z.string() })),
  }),
  scope: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('database') }),
    z.strictObject({ kind: z.literal('schemas'), schemas: z.array(z.string()) }),
    /** As `"schema"."table"`, each with its partitions. */
    z.strictObject({ kind: z.literal('tables'), tables: z.array(z.string()) }),
  ]),
  /** The moment that the rows are of, and where the WAL was then. */
  snapshot: z.strictObject({ at: z.iso.datetime(), lsn: z.string().nullable() }),
  /** In the order in which they were applied. */
  migrations: z.array(z.strictObject({ folder: z.string(), name: z.string(), sha256: z.string() })),
  /** How far the ledger was; null without one. */
  ledger: z
    .strictObject({
      last_run: z.int().nullable(),
      last_load: z.int().nullable(),
      highest_epoch: z.int().nullable(),
    })
    .nullable(),
  /** What the server of a restore must have. */
  needs: z.strictObject({
    roles: z.array(z.string()),
    extensions: z.array(z.strictObject({ name: z.string(), version: z.string() })),
    tablespaces: z.array(z.string()),
  }),
  /** Numbers of objects in scope, to be found again after a restore. */
  objects: z.record(z.string(), z.int().min(0)),
  /** The algorithm of the proofs and the hash of its test vectors: other ones cannot be compared. */
  proof: z.strictObject({ algorithm: z.string(), vectors: z.string() }),
  compression: z.enum(['none', 'gzip', 'zstd']),
  /** Ordinary tables and leaves. */
  tables: z.array(tableSchema),
  /** Every file of the folder but this one and SHA256SUMS, by its path in it. */
  files: z.record(path, digest),
  /** Files of `sealed/`, by their path in the folder of backups. */
  references: z.record(path, digest),
})

export type Manifest = z.infer<typeof manifestSchema>
export type BackedUpTable = z.infer<typeof tableSchema>
export type FileDigest = z.infer<typeof digest>

export const manifestName = 'manifest.json'
export const sumsName = 'SHA256SUMS'

/**
 * Reads and checks the manifest of a backup; its files are not looked at.
 *
 * @param folder of the backup
 * @throws DwhError INPUT_BROKEN where it cannot be read or is none
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestName)
  let document: unknown
  try {
    document = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw broken(path, error instanceof Error ? error.message : String(error))
  }
  const format = (document as { format?: unknown } | null)?.format
  if (format !== 'dwh-backup/2')
    throw broken(path, `its format is ${JSON.stringify(format)}, not "dwh-backup/2"`)
  const read = manifestSchema.safeParse(document)
  if (!read.success) {
    const [first] = read.error.issues
    throw broken(path, `${first?.path.join('.')}: ${first?.message}`)
  }
  const homeless = read.data.tables.find((table) => !dataFile(read.data, table).digest)
  if (homeless) throw broken(path, `it does not list the file with the rows of ${homeless.name}`)
  return read.data
}

/** The file with the rows of a table, by its path in the folder of backups, and what it must be. */
export function dataFile(
  { backup, files, references }: Manifest,
  { file: { archive, name } }: BackedUpTable,
): { path: string; digest: FileDigest | undefined } {
  const path = `${archive}/${name}`
  return archive === 'main'
    ? { path: `${backup}/${path}`, digest: files[path] }
    : { path, digest: references[path] }
}

function broken(path: string, why: string): DwhError {
  return new DwhError('INPUT_BROKEN', `${path} is no manifest of a backup: ${why}`, {
    hint: 'take another backup; see: dwh backup list',
  })
}

/** Writes the manifest, and SHA256SUMS over it and everything that it names: `sha256sum -c` reads that. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const text = `${JSON.stringify(manifest, null, 1)}\n`
  await writeDown(join(folder, manifestName), text)
  await writeDown(join(folder, sumsName), sums(manifest, text))
}

function sums({ files, references }: Manifest, text: string): string {
  const lines = [
    [createHash('sha256').update(text).digest('hex'), manifestName],
    ...Object.entries(files).map(([path, { sha256 }]) => [sha256, path]),
    ...Object.entries(references).map(([path, { sha256 }]) => [sha256, `../${path}`]),
  ]
  return lines.map(([sha256, path]) => `${sha256}  ${path}\n`).join('')
}

/** With its bytes on the disk. */
export async function writeDown(path: string, text: string): Promise<void> {
  await using file = await open(path, 'w', 0o600)
  await file.writeFile(text)
  await file.sync()
}
