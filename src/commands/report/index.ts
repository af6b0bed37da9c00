import { resolve } from 'node:path'
import { z } from 'zod'
import { command, option, shared } from '../../cli/command.ts'
import { DwhError } from '../../errors.ts'
import { reportFacts } from '../../report/facts.ts'
import { periodOf } from '../../report/period.ts'
import { type ReportFormat, renderings, writeReport } from '../../report/write.ts'

export const report = command({
  name: 'report',
  summary: 'how the warehouse stands and what became of it in a month, as a page for people',
  description:
    'Growth, how long leaves and the disk last, dead rows, freshness, slow steps, failed runs, the schedule, what maintenance gained, ' +
    'and what `dwh doctor` would mend. The HTML is one file that fetches nothing. Reads the catalogue and the ledger, and changes nothing.',
  options: {
    month: option(
      '--month <month>',
      'such as 2026-11; the last 30 days unless named',
      z
        .string()
        .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'expected a month like 2026-11')
        .optional(),
    ),
    format: option('--format <format>', 'what is written', z.enum(['html', 'md', 'json']).optional()),
    out: option(
      '--out <path>',
      'a file; by its name .html, .md or .json tell the format',
      z.string().min(1).optional(),
    ),
    json: shared.json,
  },
  examples: ['dwh -w sigeti report --month 2026-10 --out october.html', 'dwh report --format md'],
  async run(context, { month, format, out, json }) {
    const warehouse = context.warehouse()
    const chosen = format ?? (json ? 'json' : formatOf(out))
    if (json && chosen !== 'json')
      throw new DwhError('USAGE', `--json and --format ${chosen} contradict each other`)
    await using session = await context.openReadOnly()
    const text = renderings[chosen](await reportFacts(session, warehouse, periodOf(month, new Date())))
    if (out === undefined) return context.print(text)
    await writeReport(resolve(out), text)
    context.say(`${out} written`)
  },
})

function formatOf(out: string | undefined): ReportFormat {
  const [, ending = ''] = /\.(html?|md|json)$/.exec(out ?? '') ?? []
  if (ending.startsWith('htm')) return 'html'
  return ending === 'json' ? 'json' : out === undefined || ending === 'md' ? 'md' : 'html'
}
