import { appendFileSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { DwhEvent } from '../events.ts'
import { makePrivate } from '../postgres/server/folder.ts'

/**
 * The log of one run: a file of one line an event, every statement included, whatever was shown. It is kept on the
 * machine of the run, beside the embedded servers; the ledger knows the path.
 */
export class RunLog {
  readonly path: string

  constructor(database: string, run: number) {
    const folder = makePrivate('logs', database.replace(/[^\w.-]/g, '_'))
    this.path = join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}-run-${run}.log`)
  }

  /** Written at once: a killed run has its log to the last event. */
  write(event: DwhEvent | { type: 'run'; message: string }): void {
    // Every row of progress would drown the rest.
    if (event.type === 'progress') return
    appendFileSync(this.path, `${new Date().toISOString()} ${describe(event)}\n`, { mode: 0o600 })
  }
}

function describe(event: Exclude<DwhEvent, { type: 'progress' }> | { type: 'run'; message: string }): string {
  switch (event.type) {
    case 'step': {
      const took = event.seconds === undefined ? '' : ` in ${event.seconds.toFixed(3)} s`
      return `step ${event.state}: ${event.of === undefined ? '' : `${event.of}: `}${event.step}${took}${event.detail ? `: ${event.detail}` : ''}`
    }
    case 'statement':
      return `sql ${event.milliseconds.toFixed(1)} ms: ${event.sql
        .replace(/^--.*\n/gm, '')
        .replace(/\s+/g, ' ')
        .trim()}`
    case 'request': {
      const { status, url, milliseconds, attempt, problem } = event
      const why = problem === undefined ? '' : `: ${problem}`
      return `request ${status ?? '-'} ${milliseconds.toFixed(0)} ms, ${event.bytes} bytes, try ${attempt}: ${url}${why}`
    }
    case 'wait':
      return `wait ${event.seconds.toFixed(1)} s for ${event.host}: ${event.reason}`
    default:
      return `${event.type}: ${event.message}`
  }
}

/** Deletes the logs of runs that the ledger has forgotten, as far as they lie on this machine. */
export function removeLogs(runs: { host: string; log_path: string | null }[]): void {
  for (const { host, log_path } of runs)
    if (log_path && host === hostname()) rmSync(log_path, { force: true })
}
