import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { step, type Work } from '../events.ts'
import { packageVersion } from '../package.ts'
import type { Session } from '../postgres/session.ts'
import { proofAlgorithm, proofVectors } from '../proof/hash.ts'
import type { Archive, ArchiveTools } from './archive.ts'
import type { Compression } from './compress.ts'
import { type Described, describeDatabase } from './describe.ts'
import { type Dumped, dumpAndProve, dumpStep } from './dump.ts'
import { digestFile, syncPath } from './files.ts'
import { type BackupFolder, partial } from './folder.ts'
import type { FileDigest, Manifest } from './manifest.ts'
import { requireAll, type Scope, scopeWords, tablePatterns } from './scope.ts'
import { planSealed, type SealedPlan, writeLists } from './sealed.ts'
import { Snapshot } from './snapshot.ts'
import { describeTables, tableBytes } from './tables.ts'

/** A backup that is being made. */
export interface Draft {
  folder: BackupFolder
  /** Of the backup. */
  name: string
  /** Of its folder, until it is whole. */
  path: string
  tools: ArchiveTools
  scope: Scope
  jobs: number
  compression: Compression
  run: number | null
}

/** What is known before anything is dumped. */
interface Facts {
  described: Described
  vectors: string
  /** Of each table in the server, by its OID. */
  bytes: Map<number, number>
  sealed: SealedPlan
}

/**
 * Fills the folder of a backup, and `sealed/` where leaves were sealed since the last one.
 *
 * @returns the manifest, which is not written yet
 */
export async function writeContents(session: Session, work: Work, draft: Draft): Promise<Manifest> {
  const started = performance.now()
  const { name, path, tools, scope, compression, run } = draft
  await using snapshot = await step(
    work,
    'snapshot',
    () => Snapshot.take(session.target, work, scope, application(draft)),
    ({ tables }) => `${tables.length} tables are held`,
  )
  requireAll(scope, snapshot.tables)
  const facts = await gatherFacts(snapshot, draft)
  const { described, vectors, sealed } = facts
  const dumped = await step(
    work,
    dumpStep,
    () => dump(session, work, draft, snapshot, sealed),
    ({ proofs }) => dumpDetail(proofs.size, sealed.referenced.size),
  )
  const [main, pack] = dumped.archives as [Archive, Archive | undefined]
  if (pack) await publishPack(draft)
  const tables = describeTables(snapshot.tables, facts.bytes, sealed, dumped, name)
  const lists = await writeLists(path, tables)
  const references = [...sealed.referenced.values()].map(({ files }) => files)
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
    proof: { algorithm: proofAlgorithm, vectors },
    compression,
    tables,
    files: { ...filesOf(main, 'main'), ...(await digestAll(path, lists)) },
    references: Object.assign({}, ...references, pack ? filesOf(pack, `sealed/${name}`) : {}),
  }
}

const application = ({ run }: Draft, what = 'backup') => (run === null ? `dwh ${what}` : `dwh ${what} ${run}`)

async function gatherFacts({ session, tables }: Snapshot, { folder, scope }: Draft): Promise<Facts> {
  const oids = tables.map(({ oid }) => oid)
  const described = await describeDatabase(session, scope, oids)
  const vectors = await proofVectors(session)
  const sealed = await planSealed(session, folder, tables, {
    system_identifier: described.server.system_identifier,
    database: described.database.oid,
    vectors,
  })
  return { described, vectors, sealed, bytes: await tableBytes(session, oids) }
}

/** The main archive without the rows of sealed leaves, and a pack of those that no backup has yet. */
async function dump(
  session: Session,
  work: Work,
  draft: Draft,
  snapshot: Snapshot,
  { referenced, fresh }: SealedPlan,
): Promise<Dumped> {
  const { folder, name, path, tools, scope, jobs, compression } = draft
  const leaves = snapshot.tables.filter(({ is_partitioned }) => !is_partitioned)
  const elsewhere = [...leaves.filter(({ oid }) => referenced.has(oid)), ...fresh]
  const main = {
    ...{ folder: join(path, 'main'), jobs, compression },
    words: [
      ...scopeWords(scope, snapshot.tables),
      ...tablePatterns(elsewhere).map((pattern) => `--exclude-table-data=${pattern}`),
    ],
  }
  const pack = {
    ...{ folder: join(folder.path, 'sealed', name + partial), jobs, compression },
    words: ['--data-only', ...tablePatterns(fresh).map((pattern) => `--table=${pattern}`)],
  }
  if (fresh.length > 0) await mkdir(dirname(pack.folder), { recursive: true, mode: 0o700 })
  return dumpAndProve(session, work, tools, snapshot, {
    archives: fresh.length > 0 ? [main, pack] : [main],
    proved: leaves.filter(({ oid, extension }) => !referenced.has(oid) && !extension),
    dumped: leaves.length - referenced.size,
    application: application(draft, 'proof'),
  })
}

function dumpDetail(proved: number, referenced: number): string {
  return `${proved} tables${referenced > 0 ? `, ${referenced} sealed leaves as they were` : ''}`
}

/** A pack has its name before the first backup that refers to it; until then it belongs to nobody. */
async function publishPack({ folder, name }: Draft): Promise<void> {
  const path = join(folder.path, 'sealed', name)
  await rename(path + partial, path)
  await syncPath(dirname(path))
}

function filesOf({ files }: Archive, place: string): Record<string, FileDigest> {
  return Object.fromEntries(
    [...files.values()].map(({ name, bytes, sha256 }) => [`${place}/${name}`, { bytes, sha256 }]),
  )
}

async function digestAll(folder: string, files: string[]): Promise<Record<string, FileDigest>> {
  const digests = await Promise.all(
    files.map(async (file) => [file, await digestFile(join(folder, file))] as const),
  )
  return Object.fromEntries(digests)
}
