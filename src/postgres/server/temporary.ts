import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Work } from '../../events.ts'
import type { Target } from '../target.ts'
import { deleteFolder } from './folder.ts'
import { socketTarget } from './running.ts'
import { type StartOptions, startServer, stopServer } from './server.ts'

/** Faster than durable: for servers whose data nobody wants back. */
export const throwAway = { fsync: false, synchronous_commit: 'off', full_page_writes: false } as const

/** A server in a temporary folder, held with `await using`: stopped and deleted when the block is left. */
export class TemporaryServer implements AsyncDisposable {
  readonly folder: string
  readonly target: Target
  readonly #temporary: string
  readonly #work: Work

  private constructor(temporary: string, folder: string, target: Target, work: Work) {
    this.#temporary = temporary
    this.folder = folder
    this.target = target
    this.#work = work
  }

  /** @throws as startServer */
  static async start(work: Work, options: StartOptions = {}): Promise<TemporaryServer> {
    const temporary = mkdtempSync(join(tmpdir(), 'dwh-server-'))
    // For the server's user, where we are root.
    chmodSync(temporary, 0o711)
    const folder = join(temporary, 'server')
    try {
      const settings = { ...throwAway, ...options.settings }
      const { port } = await startServer(folder, work, { ...options, settings })
      return new TemporaryServer(temporary, folder, socketTarget(folder, port), work)
    } catch (error) {
      await deleteFolder(temporary)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Stopped even when the work was interrupted.
    await stopServer(this.folder, { ...this.#work, signal: new AbortController().signal }, 'immediate')
    await deleteFolder(this.#temporary)
  }
}
