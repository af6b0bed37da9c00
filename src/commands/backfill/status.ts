import { backfillDocument, requireBackfills, sumText } from '../../cli/backfill.ts'
import { command, shared } from '../../cli/command.ts'
import { count, duration, printable } from '../../cli/format.ts'
import { table } from '../../cli/table.ts'
import type { Chunk } from '../../ledger/chunks.ts'
import { backfillArgument } from './flags.ts'

type Window = Omit<Chunk, 'backfill' | 'progressed_at'>

export const backfillStatus = command({
  name: 'status',
  summary: 'show the windows of a backfill: what became of each, and why',
  arguments: { run: backfillArgument },
  options: { json: shared.json },
  examples: ['dwh backfill status 12', 'dwh backfill status 12 --json'],
  async run(context, { run, json }) {
    await using session = await context.openReadOnly()
    await requireBackfills(session)
    const document = await backfillDocument(session, run)
    if (json) return context.printJson(document)
    context.print(`backfill ${run}: ${document.state}; ${sumText(document)}`)
    context.print(
      table<Window>(
        context.streams.out,
        [
          { title: 'window', value: ({ place }) => place, align: 'right' },
          { title: 'dataset/source', value: ({ dataset, source }) => `${dataset}/${source}` },
          { title: 'from', value: ({ window_from }) => window_from },
          { title: 'to', value: ({ window_to }) => window_to },
          { title: 'with', value: ({ parameters }) => given(parameters) },
          { title: 'state', value: ({ state }) => state },
          { title: 'rows', value: rowsOf, align: 'right' },
          { title: 'rejects', value: ({ figures }) => figures && count(figures.rejected), align: 'right' },
          { title: 'took', value: ({ figures }) => figures && duration(figures.seconds), align: 'right' },
          { title: 'attempt', value: ({ attempts }) => attempts || '', align: 'right' },
          { title: 'why', value: why },
        ],
        document.windows,
      ),
    )
  },
})

function given(parameters: Record<string, string>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}

function rowsOf({ figures, progress, state }: Window): string | null {
  if (figures) return count(figures.inserted + figures.updated + figures.unchanged + figures.moved)
  return state === 'running' && progress ? count(progress.rows) : null
}

function why({ state, error, gates, progress, load, figures }: Window): string {
  if (state === 'running')
    return progress?.waiting ? `waits: ${progress.waiting.reason}` : (progress?.step ?? 'begun')
  const failed = gates?.filter(({ passed }) => !passed) ?? []
  if (failed.length > 0) return printable(failed.map(({ gate, note }) => `${gate}: ${note}`).join('; '))
  if (figures?.unplanned)
    return `${count(figures.unplanned)} rows of it lie in no window that is planned or done: take more days`
  if (figures && figures.rejected > 0) return `dwh rejects list --load ${load}`
  return printable(error?.split('\n')[0] ?? '')
}
