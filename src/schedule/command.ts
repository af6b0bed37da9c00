import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
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
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream as Readable }).on('line', (line) => {
        if (line.startsWith('error ')) this.#error = line.slice(6)
        tell(line)
      })
    }
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
      const [code, signal] = await once(this.#child, 'close')
      return { code: code ?? 1, error: this.#error ?? (signal ? `ended by ${signal}` : undefined) }
    } catch (error) {
      return { code: 1, error: (error as Error).message }
    }
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
