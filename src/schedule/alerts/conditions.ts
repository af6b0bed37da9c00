import { existsSync } from 'node:fs'
import { BackupFolder, backupsOf } from '../../backup/folder.ts'
import { listBackups } from '../../backup/list.ts'
import { DwhError } from '../../errors.ts'
import type { Finding } from '../../ledger/alerts.ts'
import { endedBadly } from '../../ledger/slots.ts'
import { isPartitioned } from '../../partitions/create.ts'
import { grainDays, runwayDays } from '../../partitions/plan.ts'
import { inspectTarget, serverToday } from '../../partitions/tree.ts'
import { serverDisk } from '../../postgres/disk.ts'
import type { Session } from '../../postgres/session.ts'
import type { Warehouse } from '../../warehouse/load.ts'
import type { AlertCondition } from '../../warehouse/schema.ts'
import { spanSeconds } from '../../warehouse/values.ts'
import { silentJobs } from '../silence.ts'

/** What is the matter now; undefined where that cannot be seen from here, so that what is open stays open. */
type Look = (session: Session, warehouse: Warehouse) => Promise<Finding[] | undefined>

/** Every condition, and how it is looked at. Nothing is changed, and no row of a fact is read. */
export const looks: Record<AlertCondition, Look> = {
  failure: async (session, { name }) =>
    (await endedBadly(session, name))
      .filter(({ state }) => state !== 'missed')
      .map(({ job, due_at, state, reason, exit_code, attempts, run }) => ({
        ...{ condition: 'failure', subject: job },
        message:
          state === 'failed'
            ? `job ${job}, due ${utc(due_at)}, ended with exit code ${exit_code}${reason ? `: ${reason}` : ''}`
            : `job ${job}, due ${utc(due_at)}, was begun ${attempts} times, and its daemons died; it is tried again`,
        hint: run === null ? 'dwh schedule list' : `dwh runs show ${run}`,
      })),
  missed: async (session, { name }) =>
    (await endedBadly(session, name))
      .filter(({ state }) => state === 'missed')
      .map(({ job, due_at, reason }) => ({
        ...{ condition: 'missed', subject: job },
        message: `job ${job} was not run when it was due ${utc(due_at)}: ${reason}`,
        hint: 'dwh schedule list',
      })),
  silence: async (session, { name }) =>
    (await silentJobs(session, name)).map(({ job, done_at, allowed }) => ({
      ...{ condition: 'silence', subject: job },
      message: `job ${job} has done nothing ${done_at ? `since ${utc(done_at)}` : 'yet'}, for longer than ${hours(allowed)}`,
      hint: 'dwh schedule list',
    })),
  runway: lookAtRunway,
  drill: lookAtDrills,
  disk: lookAtDisk,
}

async function lookAtRunway(session: Session, { datasets, alerts }: Warehouse): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { name, target, partition: policy } of datasets.filter(isPartitioned)) {
    if (policy.premake === 0) continue
    const found = await inspectTarget(session, target, policy).catch(unfit)
    if (found instanceof DwhError) {
      // No leaf is made for it any more; the others are looked at all the same.
      findings.push({
        ...{ condition: 'runway', subject: name },
        message: `the leaves of ${name} cannot be looked at: ${found.message}`,
        hint: found.hint ?? `dwh partitions list ${name}`,
      })
      continue
    }
    if (found.kind !== 'partitioned') continue
    const days = runwayDays(policy, found.leaves, await serverToday(session, policy.zone))
    const wanted = alerts.runway ? spanSeconds(alerts.runway) / 86_400 : grainDays[policy.grain]
    if (days !== undefined && days >= wanted) continue
    findings.push({
      ...{ condition: 'runway', subject: name },
      message: runwayText(name, days),
      hint: `dwh partitions create ${name}`,
    })
  }
  return findings
}

function unfit(error: unknown): DwhError {
  if (error instanceof DwhError && error.code === 'TARGET_UNFIT') return error
  throw error
}

function runwayText(name: string, days: number | undefined): string {
  if (days === undefined) return `${name} has no leaf for today`
  return days > 0
    ? `the leaves of ${name} end in ${days} days`
    : `the leaves of ${name} ended ${-days} days ago`
}

async function lookAtDrills(_: Session, warehouse: Warehouse): Promise<Finding[] | undefined> {
  const { every } = warehouse.backup.drill
  if (!every) return []
  const folder = new BackupFolder(backupsOf(warehouse))
  // Backups may be made, and kept, on another machine.
  if (!existsSync(folder.path)) return undefined
  const { backups } = await listBackups(folder)
  if (backups.length === 0) return []
  const last = backups
    .flatMap(({ lastGoodDrill }) => lastGoodDrill ?? [])
    .toSorted()
    .at(-1)
  if (last !== undefined && Date.now() - Date.parse(last) <= spanSeconds(every) * 1000) return []
  return [
    {
      ...{ condition: 'drill', subject: '' },
      message: last
        ? `no backup was restored and compared since ${last}`
        : 'no backup was ever restored and compared',
      hint: 'dwh backup drill',
    },
  ]
}

async function lookAtDisk(session: Session, { alerts }: Warehouse): Promise<Finding[] | undefined> {
  const disk = await serverDisk(session)
  if (!disk) return undefined
  const free = disk.free / disk.total
  if (free >= alerts.disk) return []
  return [
    {
      ...{ condition: 'disk', subject: disk.folder },
      message: `${(free * 100).toFixed(1)} % of the disk of ${disk.folder} are free`,
      hint: 'dwh report shows what grows',
    },
  ]
}

const utc = (date: Date) => `${date.toISOString().slice(0, 16).replace('T', ' ')}Z`
const hours = (seconds: number) =>
  seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
