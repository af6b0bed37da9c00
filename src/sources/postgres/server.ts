import { DwhError, toDwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import { literal } from '../../postgres/identifiers.ts'
import { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { hasState, hasStateClass, sqlstate } from '../../postgres/sqlstate.ts'
import { describeTarget, type Target } from '../../postgres/target.ts'

const application = 'dwh source'

/** A moment of a database, which lasts as long as the session that keeps it. */
interface Moment extends AsyncDisposable {
  /** As pg_export_snapshot names it. */
  name: string
  /** What it sees: the transactions that had ended. */
  marker: string
}

/** What a source needs to be read as of one moment. */
export interface SnapshotOptions {
  /** One moment for everything that is read from this server while it is held. */
  shared: boolean
  /** Of dates and times that are read. */
  zone: string
  /** Seconds that a statement may take; undefined for as long as it takes. */
  timeout: number | undefined
}

/**
 * Another PostgreSQL that is only read, held with `await using` for as long as a worker works. Whatever asks for a shared
 * snapshot sees one moment, however many sessions read it: the one at which the first of them asked.
 */
export class SourceServer implements AsyncDisposable {
  readonly #target: Target
  #kept: Promise<Moment> | undefined
  readonly #idle: Session[] = []

  constructor(target: Target) {
    this.#target = target
  }

  /** `user@host:port/database` */
  get name(): string {
    return describeTarget(this.#target)
  }

  /** @throws DwhError SOURCE_FAILED where nobody answers now; LOGIN_REFUSED and others of a connection that is wrong */
  async snapshot(work: Work, options: SnapshotOptions): Promise<Snapshot> {
    if (!options.shared) return new Snapshot(this.#target, await this.#keep(options), options)
    const kept = this.#kept ?? this.#keep(options)
    this.#kept = kept
    kept.catch(() => {
      if (this.#kept === kept) this.#kept = undefined
    })
    const snapshot = new Snapshot(this.#target, await kept, options, this.#idle)
    try {
      await snapshot.session(work)
      return snapshot
    } catch (error) {
      await snapshot[Symbol.asyncDispose]()
      if (!isGone(error)) throw error
      // Whoever kept it was ended, or its server was started anew.
      if (this.#kept === kept) {
        this.#kept = undefined
        await (await kept)[Symbol.asyncDispose]()
        const message = `${this.name}: the session that kept its state was ended; from here on rows are read as of a later moment`
        work.emit({ type: 'warning', message })
      }
      return await this.snapshot(work, options)
    }
  }

  /** A session that sees this moment, which nobody else needs. */
  async glance(work: Work, { zone, timeout }: Omit<SnapshotOptions, 'shared'>): Promise<Session> {
    work.signal.throwIfAborted()
    return explained(this.name, async () => {
      const session = await Session.open(this.#target, application, work)
      try {
        await begin(session, zone, timeout)
        return session
      } catch (error) {
        await session[Symbol.asyncDispose]()
        throw error
      }
    })
  }

  async #keep({ zone }: SnapshotOptions): Promise<Moment> {
    return explained(this.name, async () => {
      // It outlives the window that it was made for.
      const session = await Session.open(this.#target, `${application} snapshot`, nobody())
      try {
        await begin(session, zone, undefined)
        const { name, marker } = await session.one<{ name: string; marker: string }>(
          sql('sources/export_snapshot'),
        )
        return { name, marker, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() }
      } catch (error) {
        await session[Symbol.asyncDispose]()
        throw error
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const kept = await this.#kept?.catch(() => undefined)
    this.#kept = undefined
    await kept?.[Symbol.asyncDispose]()
    await Promise.all(this.#idle.splice(0).map((session) => session[Symbol.asyncDispose]()))
  }
}

/** Sessions that see one moment, one after the other: a COPY that is not read to its end ends its session. */
export class Snapshot implements AsyncDisposable {
  readonly #target: Target
  readonly #moment: Moment
  readonly #options: SnapshotOptions
  readonly #idle: Session[] | undefined
  #session: Session | undefined
  #isBusy = false

  /** @param idle sessions without a transaction, where others come to see the same moment; nobody else does where there are none */
  constructor(target: Target, moment: Moment, options: SnapshotOptions, idle?: Session[]) {
    this.#target = target
    this.#moment = moment
    this.#options = options
    this.#idle = idle
  }

  get marker(): string {
    return this.#moment.marker
  }

  /** A session in a transaction that sees the moment. */
  async session(work: Work): Promise<Session> {
    if (this.#isBusy) await this.leave()
    work.signal.throwIfAborted()
    if (this.#session) return this.#session
    return explained(describeTarget(this.#target), async () => {
      this.#session = (await this.#takeIdle(work)) ?? (await this.#open(work))
      return this.#session
    })
  }

  /** Connecting, and learning about the tables, takes as long as some thousand rows. */
  async #takeIdle(work: Work): Promise<Session | undefined> {
    const session = this.#idle?.pop()
    if (!session) return undefined
    session.serve(work)
    try {
      await this.#begin(session)
      return session
    } catch (error) {
      await session[Symbol.asyncDispose]()
      // Somebody may have ended it while nobody needed it.
      if (isLost(error)) return this.#takeIdle(work)
      throw error
    }
  }

  async #open(work: Work): Promise<Session> {
    const session = await Session.open(this.#target, application, work)
    try {
      await this.#begin(session)
      return session
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    }
  }

  async #begin(session: Session): Promise<void> {
    const { zone, timeout } = this.#options
    await begin(session, zone, timeout, this.#moment.name)
  }

  /**
   * A session for a COPY, which is to say when it has been read to its end: until then the session can be used for nothing
   * else, and another one takes its place.
   */
  async sessionForCopy(work: Work): Promise<{ session: Session; finished(): void }> {
    if (this.#isBusy) await this.leave()
    const session = await this.session(work)
    this.#isBusy = true
    const finished = () => {
      if (this.#session === session) this.#isBusy = false
    }
    return { session, finished }
  }

  /** The next session is another one, or this one in another transaction: no table shall be locked while nothing is read. */
  async leave(): Promise<void> {
    const session = this.#session
    const isBusy = this.#isBusy
    this.#session = undefined
    this.#isBusy = false
    if (!session) return
    if (!this.#idle || isBusy || !(await isEnded(session))) return session[Symbol.asyncDispose]()
    session.serve(nobody())
    this.#idle.push(session)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
    if (!this.#idle) await this.#moment[Symbol.asyncDispose]()
  }
}

/** Hears nothing, and stops nothing. */
const nobody = (): Work => ({ emit: () => {}, signal: new AbortController().signal })

/** Ends the transaction, where the connection is good still. */
async function isEnded(session: Session): Promise<boolean> {
  try {
    await session.run('COMMIT')
    return true
  } catch {
    return false
  }
}

/** A read-only transaction. The order of a sequential scan is the same each time, so that records keep their numbers. */
async function begin(
  session: Session,
  zone: string,
  timeout: number | undefined,
  snapshot?: string,
): Promise<void> {
  await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY')
  if (snapshot !== undefined) await session.run(`SET TRANSACTION SNAPSHOT ${literal(snapshot)}`)
  await session.run(
    [
      `SET LOCAL TimeZone = ${literal(zone)}`,
      'SET LOCAL synchronize_seqscans = off',
      `SET LOCAL statement_timeout = ${literal(`${timeout ?? 0}s`)}`,
      ...(session.serverVersion >= 170_000 ? ['SET LOCAL transaction_timeout = 0'] : []),
    ].join('; '),
  )
}

function isLost(error: unknown): boolean {
  return ['SERVER_WENT_AWAY', 'SERVER_UNREACHABLE'].includes(toDwhError(error).code)
}

/** A snapshot that nobody keeps any more: the three ways in which PostgreSQL says so. */
function isGone(error: unknown): boolean {
  return hasState(error, '22023', sqlstate.undefinedObject, sqlstate.notInPrerequisiteState)
}

/** Codes of what may be better at the next try; a wrong password will not. */
const passing = ['SERVER_UNREACHABLE', 'SERVER_WENT_AWAY', 'DISK_FULL', 'LOCK_HELD']

/**
 * Connections; rollbacks of the server, such as of a standby that has to go on; out of memory or of disk; cancelled or shut
 * down; a snapshot too old.
 */
const passingClasses = ['08', '40', '53', '57', '58', '72']

/** Does something on a source, whose errors are told as its own. */
export async function explained<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw sourceError(name, thrown)
  }
}

/**
 * What failed on a source: SOURCE_FAILED for what may be better at the next try, for its disk and its locks are not ours.
 *
 * @param name of the server, for people
 */
export function sourceError(name: string, thrown: unknown): DwhError {
  const error = toDwhError(thrown)
  if (error.code === 'INTERRUPTED' || error.code === 'SOURCE_FAILED') return error
  const message = error.message.includes(name) ? error.message : `${name}: ${error.message}`
  const cause = error.cause ?? error
  if (passing.includes(error.code) || hasStateClass(error, ...passingClasses)) {
    const hint = 'nothing of it was loaded; run the same command again when that server is well'
    return new DwhError('SOURCE_FAILED', message, { cause, hint })
  }
  return new DwhError(error.code, message, { cause, ...(error.hint ? { hint: error.hint } : {}) })
}
