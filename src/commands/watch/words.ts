import type { ChalkInstance } from 'chalk'
import { count } from '../../cli/format.ts'
import type { BackfillState, PeriodState } from '../../monitor/watch/document.ts'

type State = BackfillState | PeriodState | 'alive' | 'silent' | 'dead' | 'flagged' | 'waiting' | 'died'

/** Colours say nothing that words do not: green goes well, yellow wants patience, red wants somebody. */
export function paintOf(paint: ChalkInstance, state: State): ChalkInstance {
  switch (state) {
    case 'running':
    case 'done':
    case 'alive':
      return paint.green
    case 'slow':
    case 'pausing':
    case 'paused':
    case 'cancelling':
    case 'flagged':
    case 'waiting':
      return paint.yellow
    case 'stalled':
    case 'failed':
    case 'partly':
    case 'quarantined':
    case 'silent':
    case 'dead':
    case 'died':
      return paint.red
    default:
      return paint.dim
  }
}

/** `45 s`, `14 min`, `3 h 20 min`, `4 days`: as exact as a guess deserves. */
export function roughly(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.round(minutes / 1440)} days`
}

/** Rows a second: `0.4`, `45.3`, `1,234`. */
export function pace(rate: number | null): string {
  if (rate === null) return ''
  return rate < 100 ? (Math.round(rate * 10) / 10).toString() : count(Math.round(rate))
}

/** `99.9 %`; what is not all never looks like all. */
export function percent(part: number | null): string {
  if (part === null) return ''
  const tenths = Math.floor(part * 1000) / 10
  return `${part === 1 ? '100' : tenths.toFixed(1)} %`
}

/** `14:23:05Z` */
export function clock(date: Date): string {
  return `${date.toISOString().slice(11, 19)}Z`
}
