import { z } from 'zod'
import { command, option, positiveInteger, shared } from '../../cli/command.ts'
import { duration, moment } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import { ledgerPresence } from '../../ledger/migrations.ts'
import { listRuns, type Run } from '../../ledger/runs.ts'

export const runsList = command({
  name: 'list',
  summary: 'list runs, newest first',
  options: {
    limit: option('--limit <n>', 'how many at the most', positiveInteger.default(20)),
    state: option(
      '--state <state>',
      'only those',
      z.enum(['ok', 'partly', 'failed', 'interrupted', 'running', 'died']).optional(),
    ),
    json: shared.json,
  },
  examples: ['dwh runs list', 'dwh runs list --state failed --json'],
  async run(context, { limit, state, json }) {
    await using session = await context.openReadOnly()
    const runs = (await ledgerPresence(session)).has_ledger
      ? await listRuns(session, limit, state ?? null)
      : []
    if (json) return context.printJson(runs)
    if (runs.length === 0) return context.say('no run yet')
    context.print(
      table<Run>(
        context.streams.out,
        [
          { title: 'run', value: ({ run }) => run, align: 'right' },
          { title: 'command', value: ({ words }) => words.join(' ') },
          { title: 'warehouse', value: ({ warehouse }) => warehouse },
          { title: 'state', value: ({ state }) => state },
          { title: 'started', value: ({ started_at }) => moment(started_at) },
          { title: 'took', value: ({ seconds }) => duration(seconds), align: 'right' },
          { title: 'host', value: ({ host }) => host },
          { title: 'error', value: ({ error_code }) => error_code },
        ],
        runs,
      ),
    )
  },
})
