import { differenceText } from '../../backfill/difference-text.ts'
import { requireAsLoaded } from '../../backfill/edited.ts'
import { openGenerations } from '../../backfill/generations.ts'
import { letGoOf, planUndo, requireUnchanged, type UndoPlan, undo } from '../../backfill/undo.ts'
import { requireBackfills, stayingLines } from '../../cli/backfill.ts'
import { command, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { count, plural } from '../../cli/format.ts'
import { recorded } from '../../cli/recorded.ts'
import type { Generation } from '../../ledger/generations.ts'
import { backfillArgument } from './flags.ts'

export const backfillUndo = command({
  name: 'undo',
  summary: 'put back the rows that a forced backfill has replaced, or let go of them',
  description:
    'Exchanges the rows of scope and window of each window for those that were there before, the newest window first, each in one ' +
    'transaction. What the backfill had brought is kept aside: dwh backfill accept brings it back. --finish lets go of all that ' +
    'is kept aside of the backfill, and nothing of it can be undone or accepted afterwards.',
  arguments: { run: backfillArgument },
  options: {
    chunk: option(
      '--chunk <n>',
      'only this window, by its number in dwh backfill status',
      positiveInteger.optional(),
    ),
    force: flag('--force', 'also where rows have changed since'),
    finish: flag('--finish', 'drop the rows that are kept aside instead'),
    jobs: option('--jobs <n>', 'connections that build indexes', positiveInteger.max(64).default(2)),
    dryRun: shared.dryRun,
    yes: shared.yes,
    timeout: shared.timeout,
    json: shared.json,
  },
  exits: { 1: 'rows have changed since, or the table is not what it was; nothing was changed' },
  examples: [
    'dwh backfill undo 12 --dry-run',
    'dwh backfill undo 12 --yes',
    'dwh backfill undo 12 --finish --yes',
  ],
  async run(context, input) {
    const plan = await look(context, input.run, input.chunk)
    if (input.finish) return finish(context, plan, input)
    requireAsLoaded(
      context.warehouse(),
      plan.chunks.map(({ chunk }) => chunk),
    )
    const { dryRun, yes, json, jobs, timeout } = input
    const talk = (text: string) => (dryRun && !json ? context.print(text) : context.say(text.trimEnd()))
    talk(lines(plan))
    if (dryRun) return json ? context.printJson(planJson(plan)) : undefined
    if (plan.chunks.length === 0) {
      context.say('nothing to do')
      return json ? context.printJson([]) : undefined
    }
    requireUnchanged(plan, input.force)
    if (!(await context.confirm(`Put back ${plural(plan.chunks.length, 'window')}?`, yes)))
      return context.say('nothing was changed')
    const datasets = [...new Set(plan.chunks.map(({ chunk }) => chunk.dataset))]
    const done = await recorded(
      context,
      datasets,
      ({ session, work, run }) => undo(session, work, context.warehouse(), plan, run, jobs),
      timeout,
    )
    if (json) context.printJson(done)
    else for (const { name, rows } of done) context.say(`${name}: ${plural(rows, 'row')} put back`)
  },
})

async function look(context: Context, run: number, chunk: number | undefined): Promise<UndoPlan> {
  await using session = await context.openReadOnly()
  await requireBackfills(session)
  return await planUndo(session, context.warehouse(), run, chunk)
}

interface Finishing {
  dryRun: boolean
  yes: boolean
  json: boolean
}

async function finish(context: Context, plan: UndoPlan, { dryRun, yes, json }: Finishing): Promise<void> {
  const all = [...plan.chunks, ...plan.others].map(({ chunk }) => chunk)
  const numbers = all.map(({ chunk }) => chunk)
  const kept = await keptOf(context, numbers)
  const rows = kept.reduce((sum, generation) => sum + generation.rows, 0)
  context.say(`${plural(rows, 'row')} are kept aside in ${plural(kept.length, 'table')}`)
  if (dryRun || kept.length === 0) return json ? context.printJson(kept.map(generationJson)) : undefined
  if (!(await context.confirm('Let go of them? They cannot be brought back', yes)))
    return context.say('nothing was changed')
  const datasets = [...new Set(all.map(({ dataset }) => dataset))]
  const gone = await recorded(context, datasets, async ({ session }) =>
    (await letGoOf(session, numbers)).map(generationJson),
  )
  if (json) context.printJson(gone)
  else context.say(`${plural(gone.length, 'table')} dropped`)
}

async function keptOf(context: Context, chunks: number[]): Promise<Generation[]> {
  await using session = await context.openReadOnly()
  return await openGenerations(session, chunks)
}

const generationJson = ({ chunk, kind, table_name, rows }: Generation) => ({
  chunk,
  kind,
  table: table_name,
  rows,
})

function lines({ chunks, others }: UndoPlan): string {
  const each = chunks.flatMap(({ name, former, since }) => {
    const rows = former.reduce((sum, generation) => sum + generation.rows, 0)
    const difference = former.find((one) => one.difference)?.difference
    return [
      `${name}: ${count(rows)} former rows come back${difference ? `; ${differenceText(difference)} by it` : ''}`,
      ...since.map((text) => `  changed since: ${text}`),
    ]
  })
  return [...each, ...stayingLines(others), ''].join('\n')
}

function planJson({ chunks, others }: UndoPlan) {
  return {
    chunks: chunks.map(({ chunk, name, former, since }) => ({
      chunk: chunk.chunk,
      name,
      former: former.map(generationJson),
      difference: former.find((one) => one.difference)?.difference ?? null,
      since,
    })),
    others: others.map(({ chunk, name, why }) => ({ chunk: chunk.chunk, name, why })),
  }
}
