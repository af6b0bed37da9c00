import { z } from 'zod'
import { type BackfillDocument, backfillDocument, requireBackfills, sumText } from '../../cli/backfill.ts'
import { command, flag, option, shared } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { count, duration, plural, printable } from '../../cli/format.ts'
import { type GridColumn, gridText } from '../../cli/grid.ts'
import { backfillArgument } from './flags.ts'
import { nextSteps, reasons, type Stretch, stretches, type Window } from './windows.ts'

const states = [
  'planned',
  'waiting',
  'running',
  'died',
  'done',
  'flagged',
  'quarantined',
  'failed',
  'cancelled',
  'superseded',
  'undone',
] as const satisfies Window['state'][]

export const backfillStatus = command({
  name: 'status',
  summary: 'show the windows of a backfill: what became of each, why, and what to type next',
  description:
    'Windows that follow one another in the same state are one line, unless --each is given. Chunk is the number that the ' +
    '--chunk of accept and undo takes. Records are what the source gave, rows what came into the table or was there already.',
  arguments: { run: backfillArgument },
  options: {
    state: option(
      '--state <state...>',
      `only windows in these states: ${states.join(', ')}`,
      z.array(z.enum(states)).default([]),
    ),
    each: flag('--each', 'every window on a line of its own'),
    json: shared.json,
  },
  examples: [
    'dwh backfill status 12',
    'dwh backfill status 12 --state failed quarantined',
    'dwh backfill status 12 --json',
  ],
  async run(context, { run, state, each, json }) {
    await using session = await context.openReadOnly()
    await requireBackfills(session)
    const document = await backfillDocument(session, run)
    const windows = document.windows.filter((one) => state.length === 0 || state.some((s) => s === one.state))
    if (json) return context.printJson({ ...document, windows })
    context.print(`backfill ${run}: ${document.state}; ${sumText(document)}`)
    if (windows.length === 0) return context.say(`no window is ${state.join(' or ')}`)
    show(context, document, windows, each)
  },
})

/** So many reasons are told, each with its windows. */
const mostReasons = 12

function show(context: Context, document: BackfillDocument, windows: Window[], each: boolean): void {
  const { out } = context.streams
  context.print(gridText(out, columns, stretches(windows, each)))
  const told = reasons(windows)
  if (told.length > 0) context.print(out.paint.bold('why'))
  for (const { state, names, text, hint } of told.slice(0, mostReasons)) {
    const [first = ''] = names
    const others = names.length > 1 ? ` and ${plural(names.length - 1, 'other')}` : ''
    context.print(`${state}: ${printable(first)}${others}\n  ${printable(text)}`)
    if (hint !== undefined) context.print(`  ${out.paint.dim('hint')}  ${printable(hint)}`)
  }
  if (told.length > mostReasons) context.print(`… and ${plural(told.length - mostReasons, 'other reason')}`)
  const steps = nextSteps(document)
  if (steps.length > 0) context.print(out.paint.bold('what to type next'))
  for (const { type, what } of steps) context.print(`  ${out.paint.cyan(type)}  ${what}`)
}

const columns: GridColumn<Stretch>[] = [
  { title: 'chunk', value: ({ chunk }) => String(chunk ?? ''), align: 'right', spare: 2 },
  { title: 'dataset/source', value: ({ name }) => name, least: 14 },
  { title: 'from', value: ({ from }) => from ?? '' },
  { title: 'to', value: ({ to }) => to ?? '' },
  { title: 'windows', value: ({ windows }) => count(windows), align: 'right', spare: 1 },
  { title: 'state', value: ({ state }) => state },
  { title: 'records', value: ({ records }) => number(records), align: 'right' },
  { title: 'rows', value: ({ rows }) => number(rows), align: 'right', spare: 3 },
  { title: 'rejects', value: ({ rejects }) => number(rejects), align: 'right', spare: 4 },
  { title: 'tries', value: ({ tries }) => (tries > 1 ? count(tries) : ''), align: 'right', spare: 6 },
  {
    title: 'took',
    value: ({ seconds }) => (seconds === null ? '' : duration(seconds)),
    align: 'right',
    spare: 5,
  },
]

const number = (value: number | null) => (value === null ? '' : count(value))
