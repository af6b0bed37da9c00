import { DwhError } from '../errors.ts'
import type { Work } from '../events.ts'
import { relation } from '../postgres/identifiers.ts'
import { climb } from '../postgres/ladder.ts'
import { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { hasState, sqlstate } from '../postgres/sqlstate.ts'
import type { Target } from '../postgres/target.ts'
import { Transaction } from '../postgres/transaction.ts'
import { listTables, requireReadable, type Scope, type ScopedTable } from './scope.ts'

/** How often the list of tables may change between our looking at it and our holding it. */
const attempts = 3

/**
 * One transaction that keeps a snapshot and all tables in it as they are, held with `await using`. The tables are locked
 * *before* the snapshot is taken (LOCK TABLE takes none): a TRUNCATE or a rewrite that came in between would leave them
 * empty in it, without an error. Under ACCESS SHARE rows are read and written as ever, but nothing is dropped, truncated,
 * detached or rewritten.
 */
export class Snapshot implements AsyncDisposable {
  readonly session: Session
  /** By which other transactions see the same rows. */
  readonly id: string
  readonly at: Date
  /** Where the WAL was. */
  readonly lsn: string | null
  readonly tables: ScopedTable[]
  readonly #transaction: Transaction

  private constructor(transaction: Transaction, tables: ScopedTable[], taken: TakenSnapshot) {
    this.#transaction = transaction
    this.session = transaction.session
    this.tables = tables
    this.id = taken.snapshot
    this.at = taken.at
    this.lsn = taken.lsn
  }

  /** @throws DwhError LOCK_HELD where a table is locked, PRIVILEGE_MISSING where one may not be read */
  static async take(target: Target, work: Work, scope: Scope, application: string): Promise<Snapshot> {
    const session = await Session.open(target, application, work)
    try {
      // An hour in one transaction is what this is for.
      if (session.serverVersion >= 170_000) await session.run('SET transaction_timeout = 0')
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const taken = await Snapshot.#tryOnce(session, work, scope)
        if (taken) return taken
        work.emit({ type: 'note', message: 'tables came or went meanwhile: looking again' })
      }
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    }
    await session[Symbol.asyncDispose]()
    throw new DwhError(
      'LOCK_HELD',
      `tables come and go: ${attempts} times their list changed while they were locked`,
      {
        hint: 'run the same command again when no other one changes the structure',
      },
    )
  }

  /** Undefined where the tables are other ones than those that were locked. */
  static async #tryOnce(session: Session, work: Work, scope: Scope): Promise<Snapshot | undefined> {
    const listed = await listTables(session, scope)
    requireReadable(listed, session.target.user)
    const transaction = await lock(
      session,
      work,
      // Of an extension pg_dump reads what it says; we need no right to the rest.
      listed.filter(({ extension }) => !extension),
    )
    if (!transaction) return undefined
    try {
      const taken = await session.one<TakenSnapshot>(sql('backup/take_snapshot'))
      const tables = await listTables(session, scope)
      if (sameTables(listed, tables)) return new Snapshot(transaction, tables, taken)
    } catch (error) {
      await transaction[Symbol.asyncDispose]()
      throw error
    }
    await transaction[Symbol.asyncDispose]()
    return undefined
  }

  /** @throws DwhError SERVER_WENT_AWAY where the snapshot is held no more: what others have read since is worth nothing */
  async check(): Promise<void> {
    try {
      await this.session.run('SELECT')
    } catch (cause) {
      throw new DwhError('SERVER_WENT_AWAY', 'the connection that held the snapshot has ended', {
        cause,
        hint: 'run the same command again',
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transaction[Symbol.asyncDispose]()
    await this.session[Symbol.asyncDispose]()
  }
}

interface TakenSnapshot {
  snapshot: string
  at: Date
  lsn: string | null
}

/** The transaction that holds all of them; undefined where one has gone since it was listed. */
async function lock(session: Session, work: Work, tables: ScopedTable[]): Promise<Transaction | undefined> {
  const names = tables.map((table) => `ONLY ${relation(table)}`).join(', ')
  return climb(session, work, { relations: tables.slice(0, 1) }, async (timeout) => {
    const transaction = await Transaction.begin(session, 'ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    try {
      await session.run(`SET LOCAL lock_timeout = ${timeout}`)
      if (tables.length > 0) await session.run(`LOCK TABLE ${names} IN ACCESS SHARE MODE`)
      return transaction
    } catch (error) {
      await transaction[Symbol.asyncDispose]()
      if (hasState(error, sqlstate.undefinedTable, sqlstate.undefinedSchema)) return undefined
      throw error
    }
  })
}

function sameTables(one: ScopedTable[], other: ScopedTable[]): boolean {
  const identity = (table: ScopedTable) => `${table.oid} ${relation(table)}`
  const locked = new Set(one.map(identity))
  return one.length === other.length && other.every((table) => locked.has(identity(table)))
}
