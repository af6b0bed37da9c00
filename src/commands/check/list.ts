import type { Check } from '../../checks/check.ts'
import type { Context } from '../../cli/context.ts'
import { count, moment } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import { type LastCheckResult, lastCheckResults } from '../../ledger/checks.ts'

/** A check with what it found last. */
interface Listed {
  check: Check
  last: LastCheckResult | undefined
}

/** Reads only. */
export async function readListed(context: Context, checks: Check[]): Promise<Listed[]> {
  await using session = await context.openReadOnly()
  const results = await lastCheckResults(session, context.warehouse().name)
  return checks.map((check) => ({
    check,
    last: results.find((result) => result.dataset === check.dataset.name && result.check === check.name),
  }))
}

export function listJson(listed: Listed[]) {
  return listed.map(({ check: { dataset, name, severity, threshold, description }, last }) => ({
    dataset: dataset.name,
    check: name,
    severity,
    threshold,
    description: description ?? null,
    last: last
      ? {
          state: last.state,
          rows: last.rows,
          seconds: last.seconds,
          run: last.run,
          checked_at: last.checked_at,
        }
      : null,
  }))
}

export function renderListed(stream: Stream, listed: Listed[]): string {
  return table<Listed>(
    stream,
    [
      { title: 'dataset', value: ({ check }) => check.dataset.name },
      { title: 'check', value: ({ check }) => check.name },
      { title: 'severity', value: ({ check }) => check.severity },
      { title: 'accepted', value: ({ check }) => count(check.threshold), align: 'right' },
      { title: 'last', value: ({ last }) => last?.state ?? 'never run' },
      { title: 'rows', value: ({ last }) => (last?.rows == null ? '' : count(last.rows)), align: 'right' },
      { title: 'when', value: ({ last }) => last && moment(last.checked_at) },
      { title: 'what', value: ({ check }) => check.description },
    ],
    listed,
  )
}
