import { type DwhError, toDwhError } from '../errors.ts'
import type { DwhEvent, Work } from '../events.ts'
import { endRun, keepEvent, pruneRuns, setLogPath, startRun } from '../ledger/runs.ts'
import { checkSlot, enterSlot } from '../ledger/slots.ts'
import { ensureLedger } from '../migrate/apply.ts'
import { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { type Span, spanSeconds } from '../warehouse/values.ts'
import type { Context } from './context.ts'
import { TimeLimit } from './interrupt.ts'
import { RunLog, removeLogs } from './log.ts'
import { slotOfEnvironment } from './slot.ts'

const ninetyDays: Span = { amount: 90, unit: 'day' }

/** A run as its command sees it. */
export interface RecordedRun {
  run: number
  /** Tells the cli, the log of the run and the ledger. */
  work: Work
  /** The connection of the run, with `dwh <command> <run>` as its name. */
  session: Session
}

/**
 * As `recorded` where there is a ledger that we may write, else without a run: for what changes nothing in the database, and
 * is wanted of one that was never set up, or with a role that only reads.
 */
export async function recordedWherePossible<Summary>(
  context: Context,
  datasets: string[],
  body: (run: Omit<RecordedRun, 'run'> & { run: number | null }) => Promise<Summary>,
  timeout?: Span,
): Promise<Summary> {
  if (await mayRecord(context)) return recorded(context, datasets, body, timeout)
  context.say('not recorded: there is no ledger that this role may write')
  using limit = timeout && new TimeLimit(timeout)
  const work = limited(context.work, limit)
  await using session = await Session.open(context.connection().target, `dwh ${context.command}`, work)
  return await body({ run: null, work, session })
}

async function mayRecord(context: Context): Promise<boolean> {
  await using session = await context.open()
  return (await session.one<{ may: boolean }>(sql('ledger/may_record'))).may
}

function limited({ emit, signal }: Work, limit: TimeLimit | undefined): Work {
  return { emit, signal: limit ? AbortSignal.any([signal, limit.signal]) : signal }
}

/**
 * Does the work of a command that changes something as a run: a row in the ledger from beginning to end, finished steps
 * and warnings as events, a log file, and the summary or the error at last.
 *
 * @param datasets that it works on
 * @param timeout after which it is stopped
 * @returns the summary
 */
export async function recorded<Summary>(
  context: Context,
  datasets: string[],
  body: (run: RecordedRun) => Promise<Summary>,
  timeout?: Span,
): Promise<Summary> {
  const { target } = context.connection()
  // The ledger is not interrupted: it has to write down that the work was.
  const quiet: Work = { emit: () => {}, signal: new AbortController().signal }
  await using ledger = await Session.open(target, `dwh ${context.command}`, quiet)
  await ensureLedger(ledger, quiet)
  const warehouse = context.warehouseIfAny()
  const run = await startRun(ledger, context.command, context.words, warehouse?.name ?? null, datasets)
  const log = new RunLog(target.database, run)
  await setLogPath(ledger, run, log.path)
  log.write({ type: 'run', message: `dwh ${context.words.join(' ')}` })

  // One after the other: a connection takes one statement at a time.
  let keeping = Promise.resolve()
  const emit = (event: DwhEvent) => {
    log.write(event)
    const keep =
      (event.type === 'step' && event.state !== 'started' && event.of === undefined) ||
      event.type === 'warning'
    if (keep) {
      const { type, ...data } = event
      keeping = keeping.then(() => keepEvent(ledger, run, type, data)).catch(() => {})
    }
    context.work.emit(event)
  }
  using limit = timeout && new TimeLimit(timeout)
  const work = limited({ emit, signal: context.work.signal }, limit)
  const slot = slotOfEnvironment()
  let failure: DwhError | undefined
  let summary: Summary | undefined
  try {
    if (slot) await enterSlot(ledger, slot.slot, slot.epoch, run)
    await using session = await Session.open(target, `dwh ${context.command} ${run}`, work)
    if (slot) await enterSlot(session, slot.slot, slot.epoch, run)
    summary = await body({ run, work, session })
    return summary
  } catch (error) {
    failure = toDwhError(error)
    log.write({ type: 'run', message: `${failure.code}: ${failure.message}` })
    throw failure
  } finally {
    await keeping
    // Where the server has gone the row stays open, and the run counts as died; work that has outlived it is written down.
    await endRun(ledger, run, failure, summary)
      .catch(async (error) => {
        if (failure?.code === 'SERVER_WENT_AWAY') throw error
        await using another = await Session.open(target, `dwh ${context.command}`, quiet)
        await inTransaction(another, async () => {
          // Whoever has taken the slot over does it anew: this one counts as died.
          if (slot) await checkSlot(another, slot.slot, slot.epoch)
          await endRun(another, run, failure, summary)
        })
      })
      .then(() => pruneRuns(ledger, spanSeconds(warehouse?.retention.runs ?? ninetyDays)))
      .then(removeLogs)
      .catch(() => {})
  }
}
