import { listConversions } from '../ledger/conversions.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import { isPartitioned } from '../partitions/create.ts'
import { inspectTarget } from '../partitions/tree.ts'
import { shown } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { dependsOnDatabase, type MigrationFolder, produce, sqlHash } from './files.ts'
import { folderStatus } from './history.ts'

/** Something that is not as the migrations left it. */
export interface Drift {
  /** `sigeti/0003_facts`, or a table. */
  what: string
  problem: string
}

/**
 * Compares files, database and warehouse file: migrations that were edited, whose SQL would be another today, that have
 * no file any more or come too late, and datasets whose table is not partitioned though a policy says so; reads only.
 */
export async function verifyMigrations(
  session: Session,
  folders: MigrationFolder[],
  warehouse: Warehouse | undefined,
): Promise<Drift[]> {
  const drift: Drift[] = []
  for (const folder of folders) drift.push(...(await folderDrift(session, folder)))
  if (warehouse) drift.push(...(await datasetDrift(session, warehouse)))
  return drift
}

async function folderDrift(session: Session, folder: MigrationFolder): Promise<Drift[]> {
  const drift: Drift[] = []
  const all = await folderStatus(session, folder)
  const lastApplied = all.findLastIndex(({ state }) => state === 'applied' || state === 'edited')
  for (const [index, { name, state, file, sqlHash: recorded }] of all.entries()) {
    const what = `${folder.label}/${name}`
    if (state === 'missing') drift.push({ what, problem: 'is applied, but has no file' })
    else if (state === 'edited') drift.push({ what, problem: 'was changed after it had been applied' })
    else if (state === 'pending' && index < lastApplied) {
      drift.push({
        what,
        problem: `is pending, but comes before ${all[lastApplied]?.name}, which is applied`,
      })
    } else if (state === 'applied' && file && recorded !== dependsOnDatabase) {
      const today = sqlHash(await produce(file, 'up', session))
      if (today !== recorded)
        drift.push({ what, problem: 'would produce other SQL today than it did when it was applied' })
    }
  }
  return drift
}

async function datasetDrift(session: Session, warehouse: Warehouse): Promise<Drift[]> {
  const drift: Drift[] = []
  const conversions = (await ledgerPresence(session)).has_ledger
    ? await listConversions(session, warehouse.name)
    : []
  for (const { name, target, partition } of warehouse.datasets.filter(isPartitioned)) {
    const found = await inspectTarget(session, target, partition)
    if (found.kind !== 'plain') continue
    const undone = conversions.find(({ dataset, undone_at }) => dataset === name && undone_at)
    drift.push({
      what: shown(target),
      problem: `not converted: it is a plain table${undone ? ' again, its conversion was undone' : ''}`,
    })
  }
  return drift
}
