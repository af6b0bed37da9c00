import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { ledgerPresence } from './migrations.ts'

/** What a check of a run has found. */
export interface NewCheckResult {
  run: number
  warehouse: string
  dataset: string
  check: string
  severity: string
  threshold: number
  /** Dates, or null without such an end. */
  from: string | null
  to: string | null
  state: string
  /** Null of a broken check. */
  rows: number | null
  sample: Record<string, unknown>[]
  error: { code: string; message: string } | undefined
  seconds: number
}

/** The last result of a check. */
export interface LastCheckResult {
  dataset: string
  check: string
  state: string
  rows: number | null
  seconds: number
  run: number
  checked_at: Date
}

export async function keepCheckResult(session: Session, result: NewCheckResult): Promise<void> {
  const { run, warehouse, dataset, check, severity, threshold, from, to, state, rows, sample, error } = result
  await session.run(sql('ledger/keep_check_result'), [
    run,
    warehouse,
    dataset,
    check,
    severity,
    threshold,
    from,
    to,
    state,
    rows,
    JSON.stringify(sample),
    error?.code ?? null,
    error?.message ?? null,
    result.seconds,
  ])
}

/** @returns none where there is no ledger, or one that knows no checks */
export async function lastCheckResults(session: Session, warehouse: string): Promise<LastCheckResult[]> {
  if (!(await ledgerPresence(session)).has_checks) return []
  return session.rows<LastCheckResult>(sql('ledger/last_check_results'), [warehouse])
}
