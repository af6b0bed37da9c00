import { DwhError, toDwhError } from '../../errors.ts'
import { step, type Work } from '../../events.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { endRun, startRun } from '../../ledger/runs.ts'
import { ident } from '../../postgres/identifiers.ts'
import { Session } from '../../postgres/session.ts'
import { type BuildPhase, buildPhases, type RestoredDatabase, restoreDatabase } from './database.ts'
import { renameDatabases } from './exchange.ts'
import { Journal } from './journal.ts'
import { bringLedger, type LedgerOutcome } from './ledger.ts'
import type { RestorePlan } from './plan.ts'
import { endOccupants, findDatabase, writable } from './server.ts'

const application = 'dwh restore'

export interface RestoreResult {
  backup: string
  /** The name under which the restored rows are now. */
  database: string
  /** What the database that was there before is called now; null where there was none, or it is where it was. */
  kept: string | null
  exchanged: boolean
  resumed: boolean
  rows: number
  tables: number
  ledger: LedgerOutcome | null
  seconds: number
  journal: string
}

/**
 * Restores what was planned: a database beside the live one, proved, and then exchanged for it.
 *
 * @param session as for `planRestore`, under the lock of the restore
 * @param words of the command line, for the ledger
 * @throws DwhError what happened, and what is untouched
 */
export async function runRestore(
  session: Session,
  work: Work,
  plan: RestorePlan,
  words: string[],
): Promise<RestoreResult> {
  const started = performance.now()
  const { wishes, resumed } = plan
  const journal = resumed ?? (await openJournal(session, plan))
  try {
    for (const leftover of wishes.anew ? plan.leftovers : []) await giveUp(session, leftover)
    const rest = await build(session, work, plan, journal)
    const exchanged = wishes.live === null ? null : await exchange(session, work, plan, journal)
    const result: RestoreResult = {
      backup: wishes.backup.name,
      database: wishes.live ?? plan.into,
      kept: exchanged?.kept ?? null,
      exchanged: exchanged !== null,
      resumed: resumed !== undefined,
      rows: rest.rows,
      tables: wishes.backup.manifest.tables.length,
      ledger: exchanged?.ledger ?? null,
      seconds: Math.round(performance.now() - started) / 1000,
      journal: journal.path,
    }
    if (exchanged) {
      await record(session, work, result, words)
      await journal.reach('exchanged')
    }
    return result
  } catch (error) {
    throw withState(error, plan, journal)
  }
}

async function openJournal(
  session: Session,
  { wishes, server, into, live, manifest }: RestorePlan,
): Promise<Journal> {
  const { host, port } = session.target
  return Journal.open(wishes.folder.path, {
    id: `${new Date().toISOString().replace(/[:.]/g, '-')}-${process.pid}`,
    backup: wishes.backup.name,
    manifest,
    server: { system_identifier: server.systemIdentifier, host, port },
    live: wishes.live === null ? null : { name: wishes.live, oid: live?.oid ?? null },
    into: { name: into, oid: null },
  })
}

/** Drops what an earlier attempt has made; its oid tells that it is that. */
async function giveUp(session: Session, journal: Journal): Promise<void> {
  const { name, oid } = journal.state.into
  const found = await findDatabase(session, name)
  if (found && found.oid === oid) {
    await endOccupants(session, name)
    await session.run(`DROP DATABASE ${ident(name)}`)
  }
  await journal.reach('finished')
}

async function build(
  session: Session,
  work: Work,
  plan: RestorePlan,
  journal: Journal,
): Promise<RestoredDatabase> {
  const { wishes, into, tool } = plan
  const { phase, into: made } = journal.state
  const reached = buildPhases.findLast((one) => journal.has(one)) as BuildPhase
  if (phase === 'proved') {
    const { tables } = wishes.backup.manifest
    return {
      name: into,
      oid: made.oid as number,
      rows: tables.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
      tables: [],
    }
  }
  return restoreDatabase(session, work, {
    ...{ into, tool, application, jobs: wishes.jobs, tablespace: wishes.tablespace },
    ...{ folder: wishes.folder.path, manifest: wishes.backup.manifest, phase: reached, oid: made.oid },
    reached: (next, oid) => journal.reach(next, { into: { name: into, oid } }),
  })
}

async function exchange(
  session: Session,
  work: Work,
  plan: RestorePlan,
  journal: Journal,
): Promise<{ kept: string | null; ledger: LedgerOutcome }> {
  const { wishes, into } = plan
  const name = wishes.live as string
  const target = (database: string) => writable(session.target, database)
  const oid = journal.state.into.oid as number
  const live = await findDatabase(session, name)
  const { manifest } = wishes.backup
  if (live?.oid === oid) {
    // A killed attempt has exchanged them, and could not write it down.
    const kept = journal.state.kept?.name ?? null
    return {
      kept,
      ledger: await bringLedger(
        work,
        target(name),
        kept === null ? null : target(kept),
        manifest,
        application,
      ),
    }
  }
  const kept = live && { name: plan.kept as string, oid: live.oid }
  const ledger = await step(
    work,
    'ledger',
    () => bringLedger(work, target(into), live && target(name), manifest, application),
    describeLedger,
  )
  await journal.reach('proved', { kept })
  await step(work, 'exchange', () =>
    renameDatabases(
      session,
      [...(kept ? [{ from: name, oid: kept.oid, to: kept.name }] : []), { from: into, oid, to: name }],
      wishes.blockConnections,
    ),
  )
  if (ledger.how !== 'merged' || !kept) return { kept: kept?.name ?? null, ledger }
  // Who was still at work in the old one while its ledger was read has ended by now.
  const late = await bringLedger(work, target(name), target(kept.name), manifest, application)
  const more = late.how === 'merged' ? late.restored_away : 0
  return { kept: kept.name, ledger: { ...ledger, restored_away: ledger.restored_away + more } }
}

export function describeLedger(outcome: LedgerOutcome): string {
  if (outcome.how === 'none') return outcome.why
  if (outcome.how === 'raised') return `numbers and epochs raised, because ${outcome.why}`
  return `${outcome.runs} runs taken over, ${outcome.restored_away} loads to be loaded again`
}

/** In the ledger that is live now; where it has none, the journal is the record. */
async function record(session: Session, work: Work, result: RestoreResult, words: string[]): Promise<void> {
  await using live = await Session.open(writable(session.target, result.database), application, work)
  if (!(await ledgerPresence(live)).has_ledger) return
  const run = await startRun(live, 'restore', words, null, [])
  await endRun(live, run, undefined, result)
}

/** Says what is untouched: the live database always is, but between the exchange and the end. */
function withState(thrown: unknown, { wishes, into }: RestorePlan, journal: Journal): DwhError {
  const error = toDwhError(thrown)
  const untouched = wishes.live === null ? 'every other database is as it was' : `${wishes.live} is as it was`
  const made = journal.has('proved')
    ? `${into} is whole and proved`
    : journal.has('structure')
      ? `what is done so far is kept in ${into}`
      : 'nothing of it is left'
  const again = ['PROOF_FAILED', 'INPUT_BROKEN'].includes(error.code)
    ? undefined
    : 'run the same command again: it resumes'
  return new DwhError(error.code, `${error.message}; ${untouched}, ${made}`, {
    cause: error,
    ...((error.hint ?? again) ? { hint: error.hint ?? again } : {}),
  })
}
