import { type CheckResult, type CheckState, checkTitle } from '../../checks/check.ts'
import type { CheckedDays } from '../../checks/values.ts'
import { count, duration, plural, printable } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'

/** One check with its first offending rows, or why it could not be run. */
export function renderResult(
  stream: Stream,
  { check, state, rows, sample, seconds, error }: CheckResult,
): string {
  const { paint } = stream
  const marks: Record<CheckState, string> = {
    passed: paint.green('✓'),
    warned: paint.yellow('!'),
    failed: paint.red('✗'),
    broken: paint.red('?'),
  }
  const accepted = check.threshold > 0 ? ` of ${count(check.threshold)} accepted` : ''
  const found = rows === null ? 'cannot be run' : `${plural(rows, 'row')}${accepted}`
  const what = check.description ? `  ${paint.dim(printable(check.description))}` : ''
  const head = `${marks[state]} ${paint.bold(checkTitle(check))}  ${found} in ${duration(seconds)}${what}\n`
  if (error)
    return (
      head + indented([error.code, error.message].join(' ') + (error.hint ? `\nhint  ${error.hint}` : ''))
    )
  if (state === 'passed' || sample.length === 0) return head
  const more = (rows ?? 0) - sample.length
  return head + indented(sampleTable(stream, sample) + (more > 0 ? `… and ${count(more)} more\n` : ''))
}

function sampleTable(stream: Stream, sample: Record<string, unknown>[]): string {
  const titles = Object.keys(sample[0] ?? {})
  return table(
    stream,
    titles.map((title) => ({
      title,
      value: (row: Record<string, unknown>) => cell(row[title]),
      align: typeof sample[0]?.[title] === 'number' ? 'right' : 'left',
    })),
    sample,
  )
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('')
}

/** What `--json` prints, but for the number of the run. */
export function resultsJson(warehouse: string, { from, to }: CheckedDays, results: CheckResult[]) {
  const of = (state: CheckState) => results.filter((result) => result.state === state).length
  return {
    warehouse,
    from: from?.toString() ?? null,
    to: to?.toString() ?? null,
    passed: of('passed'),
    warned: of('warned'),
    failed: of('failed'),
    broken: of('broken'),
    checks: results.map(({ check, state, rows, sample, seconds, error }) => ({
      dataset: check.dataset.name,
      check: check.name,
      severity: check.severity,
      threshold: check.threshold,
      state,
      rows,
      sample,
      seconds,
      error: error ? { code: error.code, message: error.message, hint: error.hint ?? null } : null,
    })),
  }
}
