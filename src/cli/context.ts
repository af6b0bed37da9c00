import type { Work } from '../events.ts'
import { runningTarget } from '../postgres/server/running.ts'
import { Session } from '../postgres/session.ts'
import { type ResolvedConnection, resolveConnection } from '../warehouse/connection.ts'
import { findWarehouse, locateWarehouse } from '../warehouse/find.ts'
import { loadWarehouse, type Warehouse } from '../warehouse/load.ts'
import { confirm } from './confirm.ts'
import type { Streams } from './streams.ts'

/** The flags that every command takes. */
export interface Globals {
  warehouse?: string
  host?: string
  port?: string
  database?: string
  user?: string
  verbose: boolean
  debug: boolean
  color: boolean
}

/** What a command can reach, each made when it is first asked for. */
export class Context {
  readonly streams: Streams
  readonly globals: Globals
  readonly work: Work
  /** The words of the command, such as `migrate up`. */
  readonly command: string
  /** As typed, for the ledger. */
  readonly words: string[]
  readonly #hasDryRun: boolean
  #warehouse: Warehouse | undefined

  constructor(
    streams: Streams,
    globals: Globals,
    work: Work,
    command: string,
    words: string[],
    hasDryRun = false,
  ) {
    this.streams = streams
    this.globals = globals
    this.work = work
    this.command = command
    this.words = words
    this.#hasDryRun = hasDryRun
  }

  /**
   * The warehouse file of -w, or the dwh.yaml found upwards from the current folder.
   *
   * @throws DwhError CONFIG_MISSING, CONFIG_INVALID
   */
  warehouse(): Warehouse {
    this.#warehouse ??= loadWarehouse(findWarehouse(this.globals.warehouse))
    return this.#warehouse
  }

  /** As `warehouse`, for what works without a file too: undefined where none is named and none is found. */
  warehouseIfAny(): Warehouse | undefined {
    return locateWarehouse(this.globals.warehouse) ? this.warehouse() : undefined
  }

  /** Where the database is, with the origin of every setting; the warehouse file counts where there is one. */
  connection(): ResolvedConnection {
    const { host, port, database, user } = this.globals
    const embedded = () => runningTarget(process.cwd())
    return resolveConnection({
      flags: { host, port, database, user },
      warehouse: this.warehouseIfAny(),
      embedded,
    })
  }

  /** Opens a connection to the warehouse's database. */
  async open(application = `dwh ${this.command}`): Promise<Session> {
    return Session.open(this.connection().target, application, this.work)
  }

  /** Opens a connection that cannot write, for everything that only looks: plans, lists, checks. */
  async openReadOnly(): Promise<Session> {
    const session = await this.open()
    await session.run('SET default_transaction_read_only = on')
    return session
  }

  /** Asks before data is changed; see cli/confirm.ts. */
  async confirm(question: string, yes: boolean): Promise<boolean> {
    return confirm(this.streams, question, yes, this.work.signal, this.#hasDryRun)
  }

  /** Data for stdout, a line or a document. */
  print(text: string): void {
    this.streams.out.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** One JSON document on stdout. */
  printJson(document: unknown): void {
    this.print(JSON.stringify(document, null, 2))
  }

  /** SQL that would be executed; as a document where --json asks for one. */
  printSql(text: string, json: boolean): void {
    if (json) this.printJson({ sql: text })
    else if (text !== '') this.print(text)
  }

  /** Talk for stderr. */
  say(text: string): void {
    this.streams.err.write(text.endsWith('\n') ? text : `${text}\n`)
  }
}
