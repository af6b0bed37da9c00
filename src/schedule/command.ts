import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

/** How a command was ended by us. */
export type Stop = 'timeout' | 'cancelled' | 'lost' | 'handed over'

export interface CommandEnd {
  code: number
  /** The line of its error, where it told one. */
  error: string | undefined
}

/** Milliseconds that a command has to finish or roll back its step after SIGTERM; one that lost its slot has nothing to finish. */
const grace: Record<Stop, number> = { timeout: 20_000, cancelled: 20_000, 'handed over': 20_000, lost: 2000 }

/** Milliseconds that the output of a command may take to arrive when it has ended. */
const lastWords = 2000

/** Signs of the output of a command that are passed on, and those of a line. */
const [mostTold, longestLine] = [1_000_000, 10_000]

/** Lines as they come; of one that is longer its beginning only, so that no output fills the memory. */
function eachLine(stream: Readable, tell: (line: string) => void): void {
  let rest = ''
  stream
    .setEncoding('utf8')
    .on('data', (text: string) => {
      const lines = (rest + text).split(/\r?\n/)
      rest = (lines.pop() ?? '').slice(0, longestLine)
      for (const line of lines) tell(line.slice(0, longestLine))
    })
    .on('end', () => rest !== '' && tell(rest))
}

/**
 * One command of a slot as a process of its own, at the head of a process group: what it starts ends with it. It hears when its
 * daemon dies by the channel between them, and its crash is not the daemon's.
 */
export class SlotCommand {
  readonly #child: ChildProcess
  readonly #ended: Promise<CommandEnd>
  #error: string | undefined

  /**
   * @param program the words before those of the command
   * @param slot told to the command, so that its run names the slot and its sessions end with the lease
   * @param tell gets every line that the command says
   */
  constructor(
    program: string[],
    words: string[],
    slot: { slot: number; epoch: number },
    tell: (line: string) => void,
  ) {
    const [executable = process.execPath, ...before] = program
    this.#child = spawn(executable, [...before, ...words], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NO_COLOR: '1', DWH_SLOT: `${slot.slot}/${slot.epoch}` },
    })
    let left = mostTold
    for (const stream of [this.#child.stdout, this.#child.stderr])
      eachLine(stream as Readable, (line) => {
        if (line.startsWith('error ')) this.#error = line.slice(6)
        if (left > 0) tell(line)
        if (left > 0 && left <= line.length) tell('… and more, which its own log has')
        left -= line.length
      })
    this.#ended = this.#end()
  }

  get ended(): Promise<CommandEnd> {
    return this.#ended
  }

  /** Ends the whole group: asks first, and insists after a while. */
  async stop(how: Stop): Promise<void> {
    this.#signal('SIGTERM')
    const ended = this.#ended.then(() => true)
    const patience = new AbortController()
    const waited = sleep(grace[how], false, { signal: patience.signal }).catch(() => false)
    const isOver = await Promise.race([ended, waited])
    patience.abort()
    // What it started may have outlived it.
    this.#signal('SIGKILL')
    if (!isOver) await this.#ended
  }

  async #end(): Promise<CommandEnd> {
    try {
      const closed = once(this.#child, 'close')
      // It is reported below, from the wait for the exit.
      closed.catch(() => {})
      const [code, signal] = await once(this.#child, 'exit')
      await this.#endOthers(closed)
      return { code: code ?? 1, error: this.#error ?? (signal ? `ended by ${signal}` : undefined) }
    } catch (error) {
      return { code: 1, error: (error as Error).message }
    }
  }

  /** What it started may have outlived it, and hold its output open: that must not hold the slot. */
  async #endOthers(closed: Promise<unknown>): Promise<void> {
    const isClosed = () => {
      const patience = new AbortController()
      const waited = sleep(lastWords, false, { signal: patience.signal }).catch(() => false)
      return Promise.race([closed.then(() => true), waited]).finally(() => patience.abort())
    }
    const isQuiet = await isClosed()
    this.#signal('SIGKILL')
    if (isQuiet || (await isClosed())) return
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      // A group is named by the negative number of its head.
      if (this.#child.pid) process.kill(-this.#child.pid, signal)
    } catch {
      // It is gone.
    }
  }
}
