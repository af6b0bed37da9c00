import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { packageRoot } from '../../src/package.ts'
import type { CliOptions, CliResult } from './cli.ts'
import type { Order } from './warm-program.ts'

interface Warm {
  child: ChildProcess & { stdout: Readable; stderr: Readable }
  busy: boolean
}

/** One for each process of vitest, which ends when that does. */
let warm: Warm | undefined

/**
 * Runs `dwh WORDS` to its end in a process that has its code loaded and serves one command after another; undefined where
 * the command needs a process of its own: it is given input, a user or a signal at an event, or another runs at the same
 * time.
 */
export async function runWarm(words: string[], options: CliOptions): Promise<CliResult | undefined> {
  const { cwd = process.cwd(), env = {}, input, uid, gid, killAt, stopAt, interruptAt } = options
  const isOwn = [input, uid, gid, killAt, stopAt, interruptAt].some((one) => one !== undefined)
  if (isOwn || words.includes('-') || env.NODE_OPTIONS || warm?.busy) return undefined
  warm ??= start()
  const { child } = warm
  warm.busy = true
  const end = `\0${randomUUID()}\0`
  const output = [readUntil(child.stdout, end), readUntil(child.stderr, end)] as const
  const variables = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined)
  const order: Order = { words, cwd, env: Object.fromEntries(variables) as Record<string, string>, end }
  const code = outcome(child)
  child.send(order)
  const [ended, stdout, stderr] = await Promise.all([code, ...output])
  // As `process.exit` or an error that nobody caught ends it; the next command starts another.
  if (ended.isOver) warm = undefined
  else warm.busy = false
  return { code: ended.code, signal: ended.signal, stdout, stderr }
}

/** How a command ends: told by the process, or with it. */
async function outcome(child: ChildProcess) {
  const done = new AbortController()
  const { signal } = done
  const told = once(child, 'message', { signal }).then(([code]) => ({ isOver: false, code, signal: null }))
  const over = once(child, 'close', { signal }).then(([code, signal]) => ({ isOver: true, code, signal }))
  over.catch(() => {})
  told.catch(() => {})
  try {
    return await Promise.race([told, over])
  } finally {
    done.abort()
  }
}

function start(): Warm {
  const child = spawn(process.execPath, [join(packageRoot, 'test', 'support', 'warm-program.ts')], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  }) as Warm['child']
  process.on('exit', () => child.kill('SIGKILL'))
  return { child, busy: false }
}

/** What a stream says up to the end mark, or to its own end. */
function readUntil(stream: Readable, end: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const chunks: Buffer[] = []
  const whole = () => Buffer.concat(chunks).toString()
  const take = (chunk: Buffer) => {
    chunks.push(chunk)
    if (chunk.length < end.length ? whole().endsWith(end) : chunk.subarray(-end.length).toString() === end)
      finish(whole().slice(0, -end.length))
  }
  const over = () => finish(whole())
  const finish = (text: string) => {
    stream.off('data', take).off('end', over)
    resolve(text)
  }
  stream.on('data', take).on('end', over)
  return promise
}
