import type pg from 'pg'
import { type CopyStreamQuery, from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { connect } from './connect.ts'
import { CopyFrames, CopySink } from './copy-frames.ts'
import { refuseTransactionPooling } from './pooler.ts'
import { type Statement, sql } from './sql-files.ts'
import { classify } from './sqlstate.ts'
import { describeTarget, type Target } from './target.ts'

/** The oldest server whose catalogue and functions the SQL of this project is written for. */
const oldestServer = 140_000

/** The server takes a message of COPY as a whole before it looks at it: a small one is still in its cache then. */
const messageBytes = 64 * 1024

/** A value that `pg` can send as a parameter. */
export type Parameter =
  | string
  | number
  | boolean
  | bigint
  | Date
  | Buffer
  | null
  | readonly Parameter[]
  | object

/**
 * One connection, held with `await using`. Its settings are pinned (see sql/dwh/postgres/pin_session.sql), its errors
 * are classified, and an abort of `work.signal` cancels the statement that is running.
 */
export class Session implements AsyncDisposable {
  readonly target: Target
  /** As in server_version_num: 150018 for 15.18. */
  readonly serverVersion: number
  readonly #client: pg.Client
  #work: Work
  #pid = 0
  #lost: Error | undefined

  private constructor(target: Target, work: Work, client: pg.Client, serverVersion: number) {
    this.target = target
    this.serverVersion = serverVersion
    this.#work = work
    this.#client = client
  }

  /**
   * Connects and pins the session.
   *
   * @param application shown in pg_stat_activity, such as `dwh setup 12`
   * @throws DwhError SERVER_UNREACHABLE, LOGIN_REFUSED, DATABASE_MISSING, TLS_FAILED or SERVER_TOO_OLD
   */
  static async open(target: Target, application: string, work: Work): Promise<Session> {
    const { client, version } = await connect(target, application)
    if (version < oldestServer) {
      await client.end()
      const shown = `${Math.floor(version / 10_000)}.${version % 10_000}`
      throw new DwhError(
        'SERVER_TOO_OLD',
        `${describeTarget(target)} runs PostgreSQL ${shown}; dwh needs 14 or newer`,
        {
          hint: 'upgrade the server with pg_upgrade; nothing was changed',
        },
      )
    }
    const session = new Session(target, work, client, version)
    client.on('error', (error) => {
      session.#lost = error
    })
    client.on('notice', (notice) => {
      if (notice.severity === 'WARNING' && notice.message)
        session.#work.emit({ type: 'warning', message: notice.message })
    })
    work.signal.addEventListener('abort', session.#cancel)
    try {
      session.#pid = await session.#pin(application)
      return session
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    }
  }

  /** @returns the process id of the backend */
  async #pin(application: string): Promise<number> {
    const pin = sql('postgres/pin_session')
    const client = this.#client
    // What the server named in its BackendKeyData; the typings leave it out.
    const { processID } = client as pg.Client & { processID: number | null }
    const pinned = await this.row<{ pid: number }>(pin, [processID ?? 0])
    if (pinned) return pinned.pid
    const another = async () => (await connect(this.target, application)).client
    const message = await refuseTransactionPooling(this.target, client, another)
    if (message !== undefined) this.#work.emit({ type: 'warning', message })
    return (await this.one<{ pid: number }>(pin, [null])).pid
  }

  /** Of its backend. */
  get pid(): number {
    return this.#pid
  }

  /** From now on it does the work of somebody else: that hears its events, and stops it. */
  serve(work: Work): void {
    this.#work.signal.removeEventListener('abort', this.#cancel)
    this.#work = work
    work.signal.addEventListener('abort', this.#cancel)
  }

  /** A second connection to the same database, for work beside this one. */
  async sibling(application: string): Promise<Session> {
    return Session.open(this.target, application, this.#work)
  }

  /** All rows of a statement. int8 arrives as number, numeric as text, timestamptz as Date. */
  async rows<T = Record<string, unknown>>(
    statement: Statement | string,
    parameters: Parameter[] = [],
  ): Promise<T[]> {
    return (await this.#query(statement, parameters)).rows as T[]
  }

  /** The first row, or undefined. */
  async row<T = Record<string, unknown>>(statement: Statement | string, parameters: Parameter[] = []) {
    return (await this.rows<T>(statement, parameters))[0]
  }

  /** The only row of a statement that always returns one. */
  async one<T = Record<string, unknown>>(
    statement: Statement | string,
    parameters: Parameter[] = [],
  ): Promise<T> {
    const row = await this.row<T>(statement, parameters)
    if (row === undefined)
      throw new DwhError(
        'SQL_FAILED',
        `no row came back from ${withoutComments(asStatement(statement).text)}`,
      )
    return row
  }

  /** Runs a statement (several, separated by semicolons, when there are no parameters) and returns the rows affected. */
  async run(statement: Statement | string, parameters: Parameter[] = []): Promise<number> {
    return (await this.#query(statement, parameters)).rowCount ?? 0
  }

  /** The writable end of a `COPY … FROM STDIN`. Destroying it before its end fails the COPY on the server. */
  copyFrom(statement: string) {
    return this.#client.query(copyFrom(statement))
  }

  /**
   * Sends `data` as the whole input of a `COPY … FROM STDIN`. Where reading it fails the COPY fails on the server too.
   *
   * @returns the rows that arrived
   */
  async copyIn(statement: string, data: Buffer | AsyncIterable<Buffer>): Promise<number> {
    if (this.#lost) throw classify(this.#lost)
    const started = performance.now()
    try {
      const stream = this.copyFrom(statement)
      const failure = new Promise<never>((_, reject) => stream.on('error', reject))
      failure.catch(() => {})
      let refused = false
      stream.once('error', () => {
        refused = true
      })
      try {
        // One after the other: what is still waiting when the server refuses would be written to a connection that is gone.
        for await (const message of messages(data))
          await Promise.race([failure, new Promise<void>((sent) => stream.write(message, () => sent()))])
      } catch (error) {
        if (!refused && !this.#lost) await failedCopy(stream, error)
        throw error
      }
      await Promise.race([failure, new Promise<void>((finished) => stream.end(() => finished()))])
      return stream.rowCount
    } catch (error) {
      this.#work.signal.throwIfAborted()
      throw classify(error, { text: statement })
    } finally {
      this.#work.emit({ type: 'statement', sql: statement, milliseconds: performance.now() - started })
    }
  }

  /** The readable end of a `COPY … TO STDOUT`. */
  copyTo(statement: string) {
    return this.#client.query(copyTo(statement))
  }

  /** The messages of a `COPY … TO STDOUT` as they are, for `copyFramesIn` of a session on another server. */
  copyFrames(statement: string): CopyFrames {
    return this.#client.query(new CopyFrames(statement))
  }

  /**
   * Lets a `COPY … FROM STDIN` take the messages of another server's. Where reading them fails the COPY fails here too.
   *
   * @returns the rows that arrived
   */
  async copyFramesIn(statement: string, frames: AsyncIterable<Buffer>): Promise<number> {
    if (this.#lost) throw classify(this.#lost)
    const started = performance.now()
    try {
      const sink = this.#client.query(new CopySink(statement))
      await sink.take(frames)
      return sink.rows
    } catch (error) {
      this.#work.signal.throwIfAborted()
      throw classify(error, { text: statement })
    } finally {
      this.#work.emit({ type: 'statement', sql: statement, milliseconds: performance.now() - started })
    }
  }

  /** What the columns of a query are called, and the numbers of their types; of a domain those of what it is made of. */
  async describe(query: Statement): Promise<{ name: string; type: number; modifier: number }[]> {
    const { fields } = await this.#query(query, [])
    return fields.map(({ name, dataTypeID: type, dataTypeModifier: modifier }) => ({ name, type, modifier }))
  }

  /** The client itself, for libraries that want one. */
  get client(): pg.Client {
    return this.#client
  }

  async #query(statement: Statement | string, parameters: Parameter[]): Promise<pg.QueryResult> {
    const where = asStatement(statement)
    const { text } = where
    if (this.#lost) throw classify(this.#lost)
    const started = performance.now()
    try {
      return await (parameters.length > 0
        ? this.#client.query(text, parameters as unknown[])
        : this.#client.query(text))
    } catch (error) {
      this.#work.signal.throwIfAborted()
      throw classify(error, where)
    } finally {
      this.#work.emit({ type: 'statement', sql: text, milliseconds: performance.now() - started })
    }
  }

  readonly #cancel = async () => {
    // A backend that is idle ignores the cancel; one that is gone needs none.
    try {
      const { client } = await connect(this.target, 'dwh cancel')
      await client.query(sql('postgres/cancel_backend').text, [this.#pid])
      await client.end()
    } catch {
      this.#client.end().catch(() => {})
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#work.signal.removeEventListener('abort', this.#cancel)
    if (!this.#lost) await this.#client.end().catch(() => {})
  }
}

async function* messages(data: Buffer | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of Buffer.isBuffer(data) ? [data] : data)
    for (let at = 0; at < piece.length; at += messageBytes) yield piece.subarray(at, at + messageBytes)
}

/** Sends CopyFail, and waits until the server has answered: the connection is ready for the next statement then. */
async function failedCopy(stream: CopyStreamQuery, error: unknown): Promise<void> {
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  stream.destroy(error instanceof Error ? error : new Error(String(error)))
  await closed
}

/** A file of SQL begins with what it is for, which tells nobody what was asked. */
const withoutComments = (text: string) => text.replace(/^\s*--.*\n/gm, '')

function asStatement(statement: Statement | string): Statement {
  return typeof statement === 'string' ? { text: statement } : statement
}
