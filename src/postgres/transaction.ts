import type { Session } from './session.ts'

/** A transaction held with `await using`: what is not committed is rolled back when the block is left. */
export class Transaction implements AsyncDisposable {
  readonly session: Session
  #open = true

  private constructor(session: Session) {
    this.session = session
  }

  /** @param mode such as `READ ONLY` or `ISOLATION LEVEL REPEATABLE READ, READ ONLY` */
  static async begin(session: Session, mode = ''): Promise<Transaction> {
    await session.run(`BEGIN ${mode}`)
    return new Transaction(session)
  }

  async commit(): Promise<void> {
    this.#open = false
    await this.session.run('COMMIT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // On a broken connection the server has rolled back by itself.
    if (this.#open) await this.session.client.query('ROLLBACK').catch(() => {})
  }
}

/** Runs `work` in one transaction and commits it. */
export async function inTransaction<T>(session: Session, work: () => Promise<T>, mode = ''): Promise<T> {
  await using transaction = await Transaction.begin(session, mode)
  const result = await work()
  await transaction.commit()
  return result
}
