import type { Session } from '../postgres/session.ts'

/**
 * A connection that is open before it is needed: whoever opened one while it holds the lock of a job would keep the others from it
 * for so long.
 */
export class Spare implements AsyncDisposable {
  #open: Session | undefined

  /** Sees to it that there is one. */
  async fill(beside: Session, application: string): Promise<void> {
    this.#open ??= await beside.sibling(application)
  }

  /** It is the caller's from now on. */
  take(): Session | undefined {
    const session = this.#open
    this.#open = undefined
    return session
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.take()?.[Symbol.asyncDispose]()
  }
}
