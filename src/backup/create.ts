import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DwhError, toDwhError } from '../errors.ts'
import { step, type Work } from '../events.ts'
import { packageVersion } from '../package.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Target } from '../postgres/target.ts'
import { type Proof, proofAlgorithm, proofVectors } from '../proof/hash.ts'
import { type Archive, type ArchiveTools, dumpArchive, findArchiveTools } from './archive.ts'
import type { Compression } from './compress.ts'
import { describeDatabase } from './describe.ts'
import { syncPath } from './files.ts'
import { BackupFolder, partial } from './folder.ts'
import type { FolderLock } from './folder-lock.ts'
import { type BackedUpTable, type FileDigest, type Manifest, writeManifest } from './manifest.ts'
import { proveTables } from './prove.ts'
import { type Scope, type ScopedTable, scopeWords } from './scope.ts'
import { Snapshot } from './snapshot.ts'

export interface BackupOptions {
  /** Of backups. */
  folder: string
  /** In front of the time in the name of the backup. */
  name: string
  scope: Scope
  /** Tables that are dumped at the same time. */
  jobs: number
  compression: Compression
  /** Of the ledger. */
  run: number | null
}

/** A backup that is complete. */
export interface Created {
  name: string
  /** Absolute path of its folder. */
  path: string
  manifest: Manifest
  /** Of its own files, without those that it refers to. */
  bytes: number
  files: number
}

/**
 * Makes a backup: one snapshot, in which pg_dump writes an archive while the rows of each table are proved. It has its name
 * when it is whole and on the disk; until then, and after a failure at any point, there is none.
 *
 * @throws DwhError TOOL_MISSING, LOCK_HELD, PRIVILEGE_MISSING, BACKUP_FAILED, DISK_FULL …; nothing is left behind
 */
export async function createBackup(session: Session, work: Work, options: BackupOptions): Promise<Created> {
  const tools = findArchiveTools(session.serverVersion)
  const folder = new BackupFolder(options.folder)
  try {
    await using lock = await folder.lock('dwh backup create', options.run)
    await folder.sweep()
    const name = await freeName(folder, options.name)
    const draft = join(folder.path, name + partial)
    try {
      await mkdir(draft, { mode: 0o700 })
      const manifest = await fill(session.target, work, tools, { ...options, name, draft })
      const path = join(folder.path, name)
      await step(work, 'publish', () => publish(lock, manifest, draft, path))
      const own = Object.values(manifest.files)
      return {
        name,
        path,
        manifest,
        bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
        files: own.length,
      }
    } catch (error) {
      await rm(draft, { recursive: true, force: true }).catch(() => {})
      throw error
    }
  } catch (error) {
    throw creationError(error, work, folder.path)
  }
}

/** `sales-2026-11-22T10-00-00Z`; the name of another is not taken, nor that of one in the same second. */
async function freeName(folder: BackupFolder, prefix: string): Promise<string> {
  for (;;) {
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
    const name = `${prefix}-${time.replaceAll(':', '-')}`
    if (!existsSync(join(folder.path, name))) return name
    await sleep(200)
  }
}

/** Fills the folder of a backup, but for its manifest. */
async function fill(
  target: Target,
  work: Work,
  tools: ArchiveTools,
  { name, draft, scope, jobs, compression, run }: BackupOptions & { draft: string },
): Promise<Manifest> {
  const started = performance.now()
  const application = run === null ? 'dwh backup' : `dwh backup ${run}`
  await using snapshot = await step(
    work,
    'snapshot',
    () => Snapshot.take(target, work, scope, application),
    ({ tables }) => `${tables.length} tables held`,
  )
  const { session, tables } = snapshot
  const described = await describeDatabase(
    session,
    scope,
    tables.map(({ oid }) => oid),
  )
  const bytes = await tableBytes(session, tables)
  const { archive, proofs } = await step(
    work,
    'dump and proof',
    () =>
      dumpAndProve(target, work, snapshot, {
        ...{ tools, draft, scope, jobs, compression, application },
      }),
    ({ proofs }) => {
      const rows = [...proofs.values()].reduce((sum, proof) => sum + proof.rows, 0)
      return `${proofs.size} tables, ${rows} rows`
    },
  )
  return {
    format: 'dwh-backup/2',
    backup: name,
    made_at: new Date().toISOString(),
    seconds: Math.round(performance.now() - started) / 1000,
    dwh_version: packageVersion,
    tool_version: tools.dump.version,
    run,
    ...described,
    scope,
    snapshot: { at: snapshot.at.toISOString(), lsn: snapshot.lsn },
    proof: { algorithm: proofAlgorithm, vectors: await proofVectors(session) },
    compression,
    tables: describeTables(tables, archive, proofs, bytes),
    files: Object.fromEntries(
      [...archive.files.values()].map((file) => [`main/${file.name}`, digestOf(file)]),
    ),
    references: {},
  }
}

/** Proofs beside the dump: the one that fails first stops the other, and is the one that is told. */
async function dumpAndProve(
  target: Target,
  work: Work,
  snapshot: Snapshot,
  order: {
    tools: ArchiveTools
    draft: string
    scope: Scope
    jobs: number
    compression: Compression
    application: string
  },
): Promise<{ archive: Archive; proofs: Map<number, Proof> }> {
  const { tools, draft, scope, jobs, compression, application } = order
  const stop = new AbortController()
  const both: Work = { emit: work.emit, signal: AbortSignal.any([work.signal, stop.signal]) }
  const own = snapshot.tables.filter(({ is_partitioned, extension }) => !is_partitioned && !extension)
  const total = own.length * 2
  let done = 0
  const oneMore = () => {
    done = Math.min(done + 1, total)
    work.emit({ type: 'progress', step: 'dump and proof', done, total, unit: 'tables' })
  }
  const stopBoth = (error: unknown) => {
    stop.abort(error)
    throw error
  }
  const [archive, proofs] = await Promise.allSettled([
    dumpArchive(target, tools, both.signal, {
      folder: join(draft, 'main'),
      words: scopeWords(scope, snapshot.tables),
      snapshot: snapshot.id,
      ...{ jobs, compression },
      readMessages: snapshot.tables.every(({ schema, name }) => !/[\r\n]/.test(schema + name)),
      onTable: oneMore,
    }).catch(stopBoth),
    proveTables(target, both, snapshot.id, own, application, oneMore).catch(stopBoth),
  ])
  if (archive.status === 'rejected' || proofs.status === 'rejected') {
    work.signal.throwIfAborted()
    throw stop.signal.reason
  }
  await snapshot.check()
  return { archive: archive.value, proofs: proofs.value }
}

/** @throws DwhError BACKUP_FAILED where the archive holds other tables than were proved, or other numbers of rows */
function describeTables(
  tables: ScopedTable[],
  { data }: Archive,
  proofs: Map<number, Proof>,
  bytes: Map<number, number>,
): BackedUpTable[] {
  const left = new Set(data.keys())
  const described = tables.flatMap(({ oid, schema, name, parent, columns, extension }): BackedUpTable[] => {
    const file = data.get(oid)
    const proof = proofs.get(oid)
    left.delete(oid)
    if (!file && !proof) return []
    if (!file) throw new DwhError('BACKUP_FAILED', `pg_dump left out the rows of ${schema}.${name}`)
    if (proof && file.rows !== undefined && file.rows !== proof.rows) {
      throw new DwhError(
        'BACKUP_FAILED',
        `the archive has ${file.rows} rows of ${schema}.${name}, and the table has ${proof.rows} in the same snapshot`,
      )
    }
    return [
      {
        ...{ oid, schema, name, parent, columns },
        rows: proof?.rows ?? file.rows ?? null,
        hash_1: proof?.hash1.toString() ?? null,
        hash_2: proof?.hash2.toString() ?? null,
        unproved: proof ? null : `of the extension ${extension}, which says what is dumped of it`,
        bytes: bytes.get(oid) ?? 0,
        file: { archive: 'main', name: file.name },
        seal: null,
      },
    ]
  })
  if (left.size > 0)
    throw new DwhError('BACKUP_FAILED', `pg_dump wrote tables that were not there: ${[...left].join(', ')}`)
  return described
}

async function tableBytes(session: Session, tables: ScopedTable[]): Promise<Map<number, number>> {
  const oids = tables.map(({ oid }) => oid)
  const rows = await session.rows<{ oid: number; bytes: number }>(sql('backup/table_bytes'), [oids])
  return new Map(rows.map(({ oid, bytes }) => [oid, bytes]))
}

const digestOf = ({ bytes, sha256 }: FileDigest): FileDigest => ({ bytes, sha256 })

/** The manifest last, everything on the disk, and then the name. */
async function publish(lock: FolderLock, manifest: Manifest, draft: string, path: string): Promise<void> {
  await writeManifest(draft, manifest)
  await syncPath(draft)
  await lock.check()
  await rename(draft, path)
  await syncPath(join(path, '..'))
}

function creationError(thrown: unknown, work: Work, folder: string): DwhError {
  if (work.signal.aborted) return toDwhError(work.signal.reason)
  const error = toDwhError(thrown)
  if (['LOCK_HELD', 'LEASE_LOST', 'INTERRUPTED', 'TIMED_OUT'].includes(error.code)) return error
  const full =
    error.code === 'DISK_FULL' || (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC'
  const code = full ? 'DISK_FULL' : error.code === 'FAILED' ? 'BACKUP_FAILED' : error.code
  const hint = full ? 'free some room, or name a folder on another disk' : error.hint
  return new DwhError(code, `no backup in ${folder}: ${error.message}; nothing was changed`, {
    cause: thrown,
    ...(hint ? { hint } : {}),
  })
}
