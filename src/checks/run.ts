import pg from 'pg'
import { DwhError, type ErrorCode, toDwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import type { Session } from '../postgres/session.ts'
import { classify, hasState, sqlstate } from '../postgres/sqlstate.ts'
import { Transaction } from '../postgres/transaction.ts'
import type { Check, CheckResult } from './check.ts'
import { type CheckStatement, readCheck } from './statement.ts'
import type { CheckedDays } from './values.ts'

export interface CheckOptions {
  days: CheckedDays
  /** Offending rows that are kept of each check. */
  sample: number
  /** After which a check is given up. */
  timeoutSeconds: number
}

/**
 * Runs checks one after the other, each in a read-only transaction of its own. One that cannot be run is a result too, and
 * the others go on.
 *
 * @param told of each result as soon as it is there
 */
export async function runChecks(
  session: Session,
  work: Work,
  checks: Check[],
  options: CheckOptions,
  told: (result: CheckResult) => Promise<void>,
): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  for (const check of checks) {
    const result = await runCheck(session, work, check, options)
    await told(result)
    results.push(result)
  }
  return results
}

/** Errors that no other check would escape. */
const fatal: ErrorCode[] = ['SERVER_WENT_AWAY', 'SERVER_UNREACHABLE']

async function runCheck(
  session: Session,
  work: Work,
  check: Check,
  options: CheckOptions,
): Promise<CheckResult> {
  work.signal.throwIfAborted()
  // Whoever is told of results needs no line of its step beside.
  const told = { type: 'step', step: check.name, of: check.dataset.name } as const
  work.emit({ ...told, state: 'started' })
  const started = performance.now()
  const result = await answer(session, work, check, options)
  const seconds = Math.round(performance.now() - started) / 1000
  work.emit({ ...told, state: 'done', seconds, detail: detailOf(result) })
  return { check, seconds, ...result }
}

type Answer = Pick<CheckResult, 'state' | 'rows' | 'sample' | 'error'>

async function answer(session: Session, work: Work, check: Check, options: CheckOptions): Promise<Answer> {
  try {
    const { rows, sample } = await offending(session, readCheck(check, options.days), options)
    const isAccepted = rows <= check.threshold
    const state = isAccepted ? 'passed' : check.severity === 'error' ? 'failed' : 'warned'
    return { state, rows, sample, error: undefined }
  } catch (thrown) {
    work.signal.throwIfAborted()
    const error = toDwhError(thrown)
    if (fatal.includes(error.code)) throw error
    return { state: 'broken', rows: null, sample: [], error: explained(error, options) }
  }
}

const before = 'DECLARE dwh_check NO SCROLL CURSOR FOR SELECT to_json(dwh_row) AS row FROM (\n'

/** Counts all rows of a query and brings the first of them: through a cursor, so that it is executed once, and no more is sent. */
async function offending(
  session: Session,
  statement: CheckStatement,
  { sample, timeoutSeconds }: CheckOptions,
): Promise<{ rows: number; sample: Record<string, unknown>[] }> {
  await using _ = await Transaction.begin(session, 'READ ONLY')
  // A cursor is planned for its first tenth unless told otherwise.
  await session.run(
    `SET LOCAL statement_timeout = '${Math.ceil(timeoutSeconds * 1000)}'; SET LOCAL cursor_tuple_fraction = 1`,
  )
  try {
    await session.run(`${before}${statement.filled.text}\n) AS dwh_row`)
    const first = await session.rows<{ row: Record<string, unknown> }>(
      `FETCH FORWARD ${sample} FROM dwh_check`,
    )
    const others = await session.run('MOVE FORWARD ALL IN dwh_check')
    return { rows: first.length + others, sample: first.map(({ row }) => row) }
  } catch (error) {
    throw placed(error, statement)
  }
}

/** An error with its place in the file, where PostgreSQL gave one in what was sent. */
function placed(thrown: unknown, { filled, file }: CheckStatement): unknown {
  const cause = thrown instanceof DwhError ? thrown.cause : undefined
  if (!(cause instanceof pg.DatabaseError) || cause.position === undefined) return thrown
  const position = filled.original(Math.max(1, Number(cause.position) - before.length))
  return classify(Object.create(cause, { position: { value: String(position) } }), file)
}

function explained(error: DwhError, { timeoutSeconds }: CheckOptions): DwhError {
  if (hasState(error, sqlstate.undefinedTable)) {
    return new DwhError(error.code, error.message, {
      cause: error.cause,
      hint: 'name tables with their schemas, or that of the dataset as :target: no search_path counts here',
    })
  }
  // What a timeout says of itself is meant for work that resumes.
  if (!hasState(error, sqlstate.queryCanceled)) return error
  return new DwhError(error.code, `not answered within ${timeoutSeconds} s`, {
    cause: error.cause,
    hint: 'give it longer with --timeout, or fewer days with --from and --to',
  })
}

function detailOf({ state, rows }: Answer): string {
  return rows === null ? state : `${state}, ${rows.toLocaleString('en')} rows`
}
