import { bloatText } from './bloat.ts'
import type { ReportFacts } from './facts.ts'
import { lastDay } from './period.ts'
import { tiles } from './tiles.ts'
import { bytes, change, date, moment, number, percent, plural, span } from './words.ts'

/** The report for a terminal, a mail or a wiki. */
export function renderMarkdown(facts: ReportFacts): string {
  const { warehouse, description, from, taken_at, server, database } = facts
  const parts = [
    `# ${cell(description ?? warehouse)}: ${date(from)} to ${date(lastDay(facts))}`,
    table(
      ['', '', ''],
      tiles(facts).map(({ title, value, note }) => [title, `**${value}**`, note]),
    ),
    ...(facts.alerts.length > 0
      ? [
          '## The matter right now',
          facts.alerts
            .map(
              ({ condition, message, opened_at }) =>
                `- **${condition}** ${cell(message)} (since ${moment(opened_at)})`,
            )
            .join('\n'),
        ]
      : []),
    '## Datasets',
    table(
      ['dataset', 'rows', 'size', 'in this time', 'dead rows', 'bloat', 'freshest', 'reaches'],
      facts.datasets.map((one) => [
        one.dataset,
        one.kind === 'missing' ? 'missing' : number(one.rows),
        bytes(one.bytes),
        one.growth.bytes === null ? '' : change(one.growth.bytes),
        one.dead_share > 0 ? percent(one.dead_share) : '',
        bloatText(
          one.free_bytes,
          one.leaves.reduce((sum, { heap_bytes }) => sum + heap_bytes, 0),
        ),
        one.freshness ?? '',
        one.runway_days === null ? '' : plural(one.runway_days, 'day'),
      ]),
    ),
    ...scheduleParts(facts),
    ...workParts(facts),
    '## Health',
    facts.answers
      .filter(({ answer }) => answer === 'no' || answer === 'warning')
      .map(({ answer, question, finding, mend }) =>
        [
          `- ${answer === 'no' ? '✗' : '!'} ${question} ${cell(finding)}`,
          ...(mend ? [`  \`${mend.text.replaceAll('\n', ' ')}\``] : []),
        ].join('\n'),
      )
      .join('\n') || 'Every question that could be answered was answered with yes.',
    `Database ${cell(database)}, PostgreSQL ${server.version}, taken ${moment(taken_at)} UTC. Rows are estimates of the server.`,
  ]
  return `${parts.join('\n\n')}\n`
}

function scheduleParts({ jobs }: ReportFacts): string[] {
  if (jobs.length === 0) return []
  const rows = jobs.map(({ job, slots }) => {
    const last = slots.at(-1)
    const counts = [...Map.groupBy(slots, ({ state }) => state)].map(
      ([state, all]) => `${all.length} ${state}`,
    )
    return [job, counts.join(', '), last ? `${moment(last.due_at)} ${last.state}` : '', last?.reason ?? '']
  })
  return ['## Schedule', table(['job', 'slots', 'last', 'why'], rows)]
}

function workParts({ failed, slow, tasks }: ReportFacts): string[] {
  const parts: string[] = []
  if (failed.length > 0)
    parts.push(
      '## Runs that ended badly',
      table(
        ['run', 'command', 'when', 'why'],
        failed.map((one) => [
          String(one.run),
          one.command,
          moment(one.started_at),
          `${one.error_code ?? one.state} ${one.error ?? ''}`,
        ]),
      ),
    )
  if (slow.length > 0)
    parts.push(
      '## Slowest steps',
      table(
        ['run', 'command', 'step', 'took'],
        slow.map(({ run, command, step, seconds }) => [String(run), command, step, span(seconds)]),
      ),
    )
  if (tasks.length > 0)
    parts.push(
      '## Maintenance',
      table(
        ['task', 'done', 'nothing to do', 'not begun', 'failed', 'took', 'freed'],
        tasks.map((one) => [
          one.name,
          ...[one.done, one.nothing, one.skipped, one.failed].map(String),
          span(one.seconds),
          one.freed > 0 ? bytes(one.freed) : '',
        ]),
      ),
    )
  return parts
}

function table(titles: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(titles), `| ${titles.map(() => '---').join(' | ')} |`, ...rows.map(line)].join('\n')
}

/** One line, and no sign that would end the cell. */
const cell = (text: string) => text.replace(/\p{Cc}+/gu, ' ').replaceAll('|', '\\|')
