import { command, shared } from '../../cli/command.ts'
import { duration, moment, printable } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { type KeptEvent, listEvents } from '../../ledger/runs.ts'
import { runArgument, theRun } from './find.ts'

export const runsShow = command({
  name: 'show',
  summary: 'show a run with its steps',
  arguments: { run: runArgument },
  options: { json: shared.json },
  examples: ['dwh runs show 12'],
  async run(context, { run, json }) {
    await using session = await context.openReadOnly()
    const found = await theRun(session, run)
    const events = await listEvents(session, run)
    if (json) return context.printJson({ ...found, events })
    const facts: [string, string][] = [
      ['run', `${found.run}: dwh ${found.words.join(' ')}`],
      ['state', `${found.state}${found.error_code ? ` (${found.error_code})` : ''}`],
      ['warehouse', found.warehouse ?? ''],
      ['started', `${moment(found.started_at)} by ${found.os_user} on ${found.host}, dwh ${found.version}`],
      ['took', duration(found.seconds)],
      ['log', found.log_path ?? ''],
      ...(found.error ? ([['error', found.error]] as [string, string][]) : []),
    ]
    for (const [name, value] of facts) context.print(`${name.padEnd(10)}${printable(value)}`)
    if (events.length === 0) return
    context.print(
      `\n${table<KeptEvent>(
        context.streams.out,
        [
          { title: 'at', value: ({ at }) => moment(at) },
          { title: 'event', value: ({ kind, data }) => (kind === 'step' ? String(data.state) : kind) },
          { title: 'what', value: ({ data }) => String(data.step ?? data.message) },
          {
            title: 'took',
            value: ({ data }) => (typeof data.seconds === 'number' ? duration(data.seconds) : ''),
            align: 'right',
          },
          { title: 'detail', value: ({ data }) => String(data.detail ?? '') },
        ],
        events,
      )}`,
    )
  },
})
