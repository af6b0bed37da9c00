import { type AcceptPlan, accept, planAccept } from '../../backfill/accept.ts'
import { requireAsLoaded } from '../../backfill/edited.ts'
import { requireBackfills, stayingLines } from '../../cli/backfill.ts'
import { command, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { count, plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import { backfillArgument } from './flags.ts'

export const backfillAccept = command({
  name: 'accept',
  summary: 'publish the rows that a gate has withheld, or that an undo has taken back',
  description:
    'Brings what is kept aside of windows into their datasets as the backfill would have: merged, or in the place of what is there ' +
    'where it was forced. Each window in one transaction; those that fell short of a threshold stay flagged.',
  arguments: { run: backfillArgument },
  options: {
    chunk: option(
      '--chunk <n>',
      'only this window, by its number in dwh backfill status',
      positiveInteger.optional(),
    ),
    jobs: option('--jobs <n>', 'connections that build indexes', positiveInteger.max(64).default(2)),
    dryRun: shared.dryRun,
    yes: shared.yes,
    timeout: shared.timeout,
    json: shared.json,
  },
  examples: ['dwh backfill accept 12 --dry-run', 'dwh backfill accept 12 --chunk 345 --yes'],
  async run(context, { run, chunk, jobs, dryRun, yes, timeout, json }) {
    const plan = await look(context, run, chunk)
    requireAsLoaded(
      context.warehouse(),
      plan.chunks.map(({ chunk }) => chunk),
    )
    if (dryRun && json) return context.printJson(planJson(plan))
    if (dryRun) return context.print(lines(plan))
    context.say(lines(plan).trimEnd())
    if (plan.chunks.length === 0) {
      context.say('nothing to do')
      return json ? context.printJson([]) : undefined
    }
    if (!(await context.confirm(`Publish ${plural(plan.chunks.length, 'window')}?`, yes)))
      return context.say('nothing was changed')
    const datasets = [...new Set(plan.chunks.map(({ chunk }) => chunk.dataset))]
    const done = await recorded(
      context,
      datasets,
      ({ session, work, run }) => accept(session, work, context.warehouse(), plan, run, jobs),
      timeout,
    )
    if (json) context.printJson(done)
    else for (const { name, rows } of done) context.say(`${name}: ${plural(rows, 'row')} published`)
  },
})

async function look(context: Context, run: number, chunk: number | undefined): Promise<AcceptPlan> {
  await using session = await context.openReadOnly()
  await requireBackfills(session)
  return await planAccept(session, context.warehouse(), run, chunk)
}

function lines({ chunks, others }: AcceptPlan): string {
  const each = chunks.map(({ name, withheld, why }) => {
    const rows = withheld.reduce((sum, generation) => sum + generation.rows, 0)
    return `${name}: ${count(rows)} rows${why.length > 0 ? `; ${why.join('; ')}` : ''}`
  })
  return [...each, ...stayingLines(others), ''].join('\n')
}

function planJson({ chunks, others }: AcceptPlan) {
  return {
    chunks: chunks.map(({ chunk, name, withheld, replaces, why }) => ({
      chunk: chunk.chunk,
      name,
      rows: withheld.reduce((sum, generation) => sum + generation.rows, 0),
      replaces,
      why,
    })),
    others: others.map(({ chunk, name, why }) => ({ chunk: chunk.chunk, name, why })),
  }
}
