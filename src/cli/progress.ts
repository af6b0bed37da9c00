import type { DwhEvent, Emit } from '../events.ts'
import { withoutAddress } from '../sources/http/trouble.ts'
import { bytes, count, duration, printable } from './format.ts'
import type { Stream } from './streams.ts'

/** Milliseconds between two plain lines where nothing can be redrawn. */
const plainInterval = 3000
/** Milliseconds between two redraws. */
const liveInterval = 100

/**
 * Draws events on stderr: a line for each finished step and one live line for the running one; without a terminal a
 * plain line every few seconds.
 */
export async function drawEvents(stream: Stream, verbose: boolean): Promise<{ emit: Emit; end: () => void }> {
  const { paint } = stream
  const live = stream.live ? await liveLine() : undefined
  let running: { name: string; started: number; shown: string } | undefined
  let drawn = 0

  const line = (text: string) => {
    live?.clear()
    stream.write(`${text}\n`)
    if (running) redraw()
  }
  const redraw = () => {
    if (running) live?.(`${paint.cyan('›')} ${running.name} ${paint.dim(running.shown)}`)
  }

  const partLine = ({ of, step, detail, seconds = 0 }: Extract<DwhEvent, { type: 'step' }>) =>
    paint.dim(
      `  ${printable(`${of}: ${step}`)}${detail ? `  ${printable(detail)}` : ''}  ${duration(seconds)}`,
    )

  const emit = (event: DwhEvent) => {
    switch (event.type) {
      case 'step': {
        // Of several pieces of work side by side their ends are told; --verbose tells the steps of each.
        if (event.of !== undefined)
          return verbose && event.state !== 'started' ? line(partLine(event)) : undefined
        if (event.state === 'started') {
          running = { name: printable(event.step), started: Date.now(), shown: '' }
          drawn = Date.now()
          return redraw()
        }
        if (running?.name === printable(event.step)) running = undefined
        live?.clear()
        const mark = event.state === 'done' ? paint.green('✓') : paint.dim('–')
        const took = event.seconds === undefined ? '' : paint.dim(`  ${duration(event.seconds)}`)
        return line(
          `${mark} ${printable(event.step)}${event.detail ? `  ${printable(event.detail)}` : ''}${took}`,
        )
      }
      case 'progress': {
        if (event.of !== undefined) return
        const now = Date.now()
        const due = now - drawn >= (live ? liveInterval : plainInterval)
        if (!due || !running) return
        drawn = now
        running.shown = describeProgress(event, (now - running.started) / 1000)
        return live ? redraw() : line(`  ${running.name}: ${running.shown}`)
      }
      case 'warning':
        return line(`${paint.yellow('!')} ${printable(event.message)}`)
      case 'note':
        return line(`${paint.dim('·')} ${printable(event.message)}`)
      case 'statement':
        if (verbose)
          line(paint.dim(`  ${event.milliseconds.toFixed(0).padStart(5)} ms  ${oneLine(event.sql)}`))
        return
      case 'request':
        if (verbose)
          line(
            paint.dim(
              `  ${event.milliseconds.toFixed(0).padStart(5)} ms  ${event.status ?? '-'} ${printable(event.url)}${event.problem ? `: ${printable(event.problem)}` : ''}`,
            ),
          )
        return
      case 'wait':
        // Whoever watches is told at once why nothing seems to happen.
        if (verbose || event.seconds >= 1)
          line(
            paint.dim(
              `· waits ${duration(event.seconds)} for ${printable(event.host)}: ${printable(withoutAddress(event.reason))}`,
            ),
          )
    }
  }
  return { emit, end: () => live?.clear() }
}

/** Loaded for terminals only. */
async function liveLine() {
  const { createLogUpdate } = await import('log-update')
  return createLogUpdate(process.stderr, { showCursor: true })
}

const singular = {
  rows: 'row',
  leaves: 'leaf',
  indexes: 'index',
  tables: 'table',
  segments: 'segment',
  windows: 'window',
  files: 'file',
  values: 'value',
}

function describeProgress(event: Extract<DwhEvent, { type: 'progress' }>, seconds: number): string {
  const { done, total, rows, rejects, short } = event
  const share = total > 0 ? done / total : 0
  const amount = event.unit === 'bytes' ? bytes : count
  const unit = event.unit === 'bytes' ? '' : ` ${total === 1 ? singular[event.unit] : event.unit}`
  const rate = (value: number) => value / Math.max(seconds, 0.001)
  return [
    `${Math.floor(share * 100)} %  ${amount(done)} of ${amount(total)}${unit}${short === undefined ? '' : ' ended'}`,
    ...(short ? [`${count(short)} failed or quarantined`] : []),
    ...(rows !== undefined && event.unit === 'bytes' ? [`${bytes(rate(done))}/s`] : []),
    ...(rows === undefined ? [] : [`${count(Math.round(rate(rows)))} rows/s`]),
    ...(rejects ? [`${count(rejects)} rejects`] : []),
    ...(share > 0.02 && share < 1 ? [`${duration((seconds / share) * (1 - share))} left`] : []),
  ].join(', ')
}

function oneLine(text: string): string {
  const flat = text
    .replace(/^--.*$/gm, '')
    .replace(/\s+/g, ' ')
    .trim()
  return flat.length > 200 ? `${flat.slice(0, 199)}…` : flat
}
