import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { headline, type Message } from './message.ts'

const patience = 30_000

/**
 * Runs a program, without a shell, with the message as JSON on its standard input and its headline in DWH_ALERT.
 *
 * @throws Error where it cannot be started, ends with an error, or takes longer than half a minute
 */
export async function tellCommand(words: string[], message: Message, signal: AbortSignal): Promise<void> {
  const [program = '', ...rest] = words
  const child = spawn(program, rest, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, DWH_ALERT: headline(message) },
    signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
    killSignal: 'SIGKILL',
  })
  // One that does not read is none the worse.
  child.stdin.on('error', () => {}).end(`${JSON.stringify(message)}\n`)
  const [[code, ended], said] = await Promise.all([once(child, 'close'), text(child.stderr)])
  if (code === 0) return
  const why = said.trim().slice(-300)
  throw new Error(`${program} ended with ${code ?? ended}${why === '' ? '' : `: ${why}`}`)
}
