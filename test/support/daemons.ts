import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { CliOptions } from './cli.ts'
import { startDwh } from './cli.ts'

/** A `dwh schedule run`, held with `await using`: ended with whatever it has started. */
export interface TestDaemon extends AsyncDisposable {
  child: ChildProcess
  /** What it has said so far. */
  said(): string
  /** Waits until it has said something. */
  says(pattern: RegExp): Promise<void>
  /** @returns its exit code, or the signal that ended it */
  ended: Promise<number | string>
}

export function startDaemon(options: CliOptions, ...words: string[]): TestDaemon {
  const child = startDwh(['schedule', 'run', ...words], options)
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text += more
      child.emit('said')
    })
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  let isOver = false
  ended.then(() => {
    isOver = true
    child.emit('said')
  })
  return {
    child,
    ended,
    said: () => text,
    async says(pattern) {
      while (!pattern.test(text)) {
        if (isOver) throw new Error(`it ended without a word of ${pattern}:\n${text}`)
        await once(child, 'said')
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await ended
    },
  }
}
