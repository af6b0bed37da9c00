import type { PlannedChunk } from '../../backfill/plan.ts'
import { takenOf } from '../../cli/backfill.ts'
import { bytes, count, duration, plural, printable } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import { parametersText } from '../../sources/window.ts'
import type { Prepared } from './prepare.ts'

/** Windows that follow one another and share their fate, as one line. */
interface Stretch {
  name: string
  from: string
  to: string
  windows: number
  taken: boolean
  why: string
}

/** The plan for people: what is taken and what is left out, why, and what it will take. */
export function renderPlan(stream: Stream, prepared: Prepared): string {
  const { paint } = stream
  const { plan, estimate, checks, parallel, settings, backup } = prepared
  const lines = table<Stretch>(
    stream,
    [
      { title: '', value: ({ taken }) => (taken ? '+' : '') },
      { title: 'dataset/source', value: ({ name }) => name },
      { title: 'from', value: ({ from }) => from },
      { title: 'to', value: ({ to }) => to },
      { title: 'windows', value: ({ windows }) => count(windows), align: 'right' },
      { title: 'why', value: ({ why }) => why },
    ],
    stretches(plan.chunks),
  )
  const mark = {
    yes: paint.green('✓'),
    warning: paint.yellow('!'),
    no: paint.red('✗'),
    unknown: paint.dim('?'),
  }
  const how = [
    `${parallel} at the same time`,
    `${plan.request.order} first`,
    ...(settings.force ? ['former rows are replaced and kept for dwh backfill undo'] : []),
    ...(settings.hours === null ? [] : [`begun only ${settings.hours}`]),
    ...(settings.delay === null ? [] : [`${settings.delay} s between two requests`]),
    ...(settings.stop_on_error ? ['until one fails'] : []),
    ...(backup ? ['after a backup of the datasets'] : []),
  ]
  return `${[
    lines.trimEnd(),
    `${paint.bold(plural(takenOf(plan), 'window'))} of ${count(plan.chunks.length)}: ${how.join(', ')}`,
    estimateText(estimate),
    ...checks.map(({ state, what, finding, hint }) => {
      const advice = hint && (state === 'no' || state === 'warning') ? `; ${hint}` : ''
      return `${mark[state]} ${what}: ${printable(finding + advice)}`
    }),
  ].join('\n')}\n`
}

function estimateText({ rows, bytes: disk, seconds, by }: Prepared['estimate']): string {
  if (rows === undefined || disk === undefined || seconds === undefined)
    return 'rows, disk and time are not known before something was loaded'
  return `about ${plural(rows, 'row')}, ${bytes(disk)} of disk, ${duration(seconds)} (by ${by})`
}

function stretches(chunks: PlannedChunk[]): Stretch[] {
  const found = new Map<string, Stretch>()
  const all: Stretch[] = []
  for (const { chunk, taken, why } of chunks) {
    const name = `${chunk.dataset}/${chunk.source} ${parametersText(chunk.parameters)}`.trimEnd()
    const last = found.get(name)
    const [from, to] = [chunk.window_from ?? '', chunk.window_to ?? '']
    if (last && last.taken === taken && last.why === why) {
      last.windows += 1
      if (from < last.from) last.from = from
      if (to > last.to) last.to = to
      continue
    }
    const stretch = { name: printable(name), from, to, windows: 1, taken, why: printable(why) }
    found.set(name, stretch)
    all.push(stretch)
  }
  return all.toSorted((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1))
}

export function planJson({ plan, estimate, checks, parallel, settings, backup }: Prepared) {
  return {
    parallel,
    settings,
    backup,
    order: plan.request.order,
    windows: plan.chunks.map(({ chunk, standing, taken, why }) => ({
      dataset: chunk.dataset,
      source: chunk.source,
      from: chunk.window_from,
      to: chunk.window_to,
      zone: chunk.zone,
      parameters: chunk.parameters,
      taken,
      standing,
      why,
    })),
    estimate: {
      rows: estimate.rows ?? null,
      bytes: estimate.bytes ?? null,
      seconds: estimate.seconds ?? null,
      by: estimate.by,
    },
    checks,
  }
}
