import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { DwhError, type ErrorCode, toDwhError } from '../../errors.ts'
import { type DwhEvent, step, type Work } from '../../events.ts'
import { packageVersion } from '../../package.ts'
import { ident } from '../../postgres/identifiers.ts'
import { Session } from '../../postgres/session.ts'
import type { ClientTool } from '../client-tools.ts'
import { systemIdentifier } from '../describe.ts'
import { type Backup, type BackupFolder, manifestHash } from '../folder.ts'
import type { BackedUpTable } from '../manifest.ts'
import { type RestoredDatabase, restoreDatabase } from '../restore/database.ts'
import { isOfServer } from '../restore/plan.ts'
import { endOccupants, findDatabase, lockRestore, writable } from '../restore/server.ts'
import { nameStamp } from '../stamp.ts'
import { verifyBackup } from '../verify.ts'
import { type Checked, checkPages } from './amcheck.ts'
import { noteRunning, type Receipt, runningDrills, writeReceipt } from './receipt.ts'
import { sizeOf } from './sample.ts'

export interface DrillOrder {
  folder: BackupFolder
  backup: Backup
  /** Restored with their rows; the others stay empty. */
  tables: BackedUpTable[]
  kind: Receipt['server']['kind']
  tool: ClientTool
  jobs: number
  /** The scratch database stays. */
  keep: boolean
}

export interface DrillResult {
  receipt: Receipt
  /** Its file. */
  path: string
  /** The database that was kept. */
  kept: string | null
}

const application = 'dwh backup drill'

/** What says something of the backup; whatever else goes wrong is the machine's, and proves nothing. */
const telling: ErrorCode[] = ['PROOF_FAILED', 'INPUT_BROKEN', 'RESTORE_FAILED', 'CHECK_FAILED']

/**
 * Restores a backup for good into a scratch database and compares it; writes the receipt. The database is dropped afterwards,
 * and so is what a drill that was killed has left on this server.
 *
 * @param maintenance a session in another database of the server
 * @throws DwhError CHECK_FAILED where something differs, after its receipt was written; and whatever kept it from being told
 */
export async function drill(maintenance: Session, work: Work, order: DrillOrder): Promise<DrillResult> {
  const { folder, backup, kind, tool, tables } = order
  await using _lock = await lockRestore(maintenance, 'the scratch database of a drill')
  await dropLeftovers(maintenance, folder.path)
  const at = new Date().toISOString()
  const started = performance.now()
  const clock = new ReadyClock(work, started)
  const name = `dwh_drill_${nameStamp()}_${randomBytes(4).toString('hex')}`
  const running = await noteRunning(folder.path, backup.name, at, {
    database: name,
    system_identifier: await systemIdentifier(maintenance),
    host: maintenance.target.host,
    port: maintenance.target.port,
  })
  let outcome: Outcome | undefined
  let isKept = false
  try {
    outcome = await restoreAndCheck(maintenance, clock.work, order, name)
    isKept = order.keep
  } finally {
    if (!isKept) await dropScratch(maintenance, name)
    await rm(running, { force: true })
  }
  const differences = outcome.failure ? [outcome.failure.message] : (outcome.checked?.problems ?? [])
  const receipt: Receipt = {
    ...{ format: 'dwh-drill/1', backup: backup.name, manifest: await manifestHash(backup), at },
    ...{ ok: differences.length === 0, seconds: seconds(started), ready_seconds: clock.ready },
    server: { kind, version: maintenance.serverVersion },
    ...{ dwh_version: packageVersion, tool_version: tool.version },
    ...{ tables: backup.manifest.tables.length, drilled: tables.length, bytes: sizeOf(tables) },
    compared: (outcome.restored?.tables ?? []).map(({ table: { schema, name }, rows, certainty: by }) => ({
      ...{ schema, name, rows, by },
    })),
    amcheck: outcome.checked && { tables: outcome.checked.tables, indexes: outcome.checked.indexes },
    differences,
  }
  const path = await writeReceipt(folder.path, receipt)
  if (!receipt.ok) throw differs(receipt, path, outcome.failure)
  return { receipt, path, kept: isKept ? name : null }
}

interface Outcome {
  restored: RestoredDatabase | undefined
  checked: Checked | null
  /** What was found where it could not be restored, or is not equal. */
  failure: DwhError | undefined
}

async function restoreAndCheck(
  maintenance: Session,
  work: Work,
  { folder, backup, tables, tool, jobs }: DrillOrder,
  into: string,
): Promise<Outcome> {
  const { manifest } = backup
  try {
    await step(work, 'verify', () => requireSound(folder, work, backup.name))
    const restored = await restoreDatabase(maintenance, work, {
      ...{ folder: folder.path, manifest, tables, into, tool, jobs, application },
      ...{ phase: 'planned', oid: null, reached: async () => {} },
    })
    await using session = await Session.open(writable(maintenance.target, into), application, work)
    const checked = await step(
      work,
      'pages',
      () => checkPages(session, work, jobs),
      (found) =>
        found
          ? `${found.tables} tables, ${found.indexes} indexes`
          : 'left out: there is no extension amcheck',
    )
    return { restored, checked, failure: undefined }
  } catch (error) {
    const failure = toDwhError(error)
    work.signal.throwIfAborted()
    if (!telling.includes(failure.code)) throw failure
    return { restored: undefined, checked: null, failure }
  }
}

async function requireSound(folder: BackupFolder, work: Work, name: string): Promise<void> {
  const { damages } = await verifyBackup(folder, work, name)
  if (damages.length === 0) return
  const named = damages.slice(0, 5).map(({ file, message }) => `${file}: ${message}`)
  throw new DwhError('INPUT_BROKEN', named.join('; '), { hint: 'see: dwh backup verify' })
}

/** Databases of drills that were killed, which their notes name. */
async function dropLeftovers(maintenance: Session, folder: string): Promise<void> {
  const identifier = await systemIdentifier(maintenance)
  for (const { path, database, ...server } of await runningDrills(folder)) {
    if (!isOfServer(server, maintenance, identifier)) continue
    await dropScratch(maintenance, database)
    await rm(path, { force: true })
  }
}

async function dropScratch({ target }: Session, name: string): Promise<void> {
  // The session of the drill may have been told to stop.
  const quiet: Work = { emit: () => {}, signal: new AbortController().signal }
  await using session = await Session.open(target, application, quiet)
  if (!(await findDatabase(session, name))) return
  await endOccupants(session, name)
  await session.run(`DROP DATABASE ${ident(name)} WITH (FORCE)`)
}

/** Notices when the restored database could answer its first query. */
class ReadyClock {
  ready: number | null = null
  readonly work: Work

  constructor({ emit, signal }: Work, started: number) {
    const watch = (event: DwhEvent) => {
      if (event.type === 'step' && event.step === 'analyze' && event.state === 'done')
        this.ready = seconds(started)
      emit(event)
    }
    this.work = { emit: watch, signal }
  }
}

const seconds = (started: number) => Math.round(performance.now() - started) / 1000

function differs({ backup, differences }: Receipt, path: string, cause: DwhError | undefined): DwhError {
  return new DwhError(
    'CHECK_FAILED',
    `${backup} could not be restored as it was: ${differences.slice(0, 3).join('; ')}${differences.length > 3 ? ` and ${differences.length - 3} more` : ''}; no other database was touched`,
    { cause, hint: `make a new backup: dwh backup create; the receipt is ${path}` },
  )
}
