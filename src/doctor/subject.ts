import { type RowSurvey, surveyRows } from '../convert/rows.ts'
import { DwhError } from '../errors.ts'
import { isPartitioned, type PartitionedDataset } from '../partitions/create.ts'
import { inspectTarget, type Leaf, type Target } from '../partitions/tree.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Dataset } from '../warehouse/load.ts'

/** From where on something is called a fault. Tests set their own, so that they need not wait for one. */
export interface Limits {
  /** Seconds that a transaction, prepared or not, may be open. */
  transactionSeconds: number
  /** Transactions that others have begun since the oldest snapshot was taken. */
  horizonTransactions: number
  /** Bytes of WAL that an unused replication slot may keep. */
  slotBytes: number
  /** Transactions since a table was frozen; undefined: as far as autovacuum's own settings let it come. */
  wraparoundTransactions: number | undefined
  /** Days that statistics must have been gathered before an index is called unused, and its size in bytes. */
  unusedDays: number
  unusedBytes: number
  /** Dead rows, and their part of all rows. */
  deadRows: number
  deadShare: number
  /** Queries over all leaves of one table that must find room in the lock table at the same time. */
  unprunedQueries: number
  /** Days that the plain table of a conversion is kept. */
  keptDays: number
  /** Seconds that reading the rows of one table may take. */
  readingSeconds: number
}

export const usualLimits: Limits = {
  transactionSeconds: 300,
  horizonTransactions: 1_000_000,
  slotBytes: 1024 ** 3,
  wraparoundTransactions: undefined,
  unusedDays: 30,
  unusedBytes: 1024 ** 2,
  deadRows: 10_000,
  deadShare: 0.25,
  unprunedQueries: 10,
  keptDays: 30,
  readingSeconds: 30,
}

export interface ServerFacts {
  version: string
  encoding: string
  in_recovery: boolean
  data_directory: string | null
  shared_buffers: number
  max_parallel_workers: number
  max_worker_processes: number
  max_connections: number
  max_prepared_transactions: number
  max_locks_per_transaction: number
  autovacuum: boolean
  track_counts: boolean
  role: string
  database: string
  may_create: boolean
  /** May see what the sessions of other roles do. */
  may_see_sessions: boolean
  /** The server runs on this machine, so that its disk and memory can be looked at. */
  local: boolean
}

/** The table of a dataset. */
export interface TableFacts {
  schema: string
  name: string
  relkind: string
  bytes: number
  /** The folder of its tablespace; null is the data directory. */
  location: string | null
  owner: string
  is_owner: boolean
  may_create: boolean
}

/** A dataset with a policy, and what stands behind it; `unfit` says why it cannot be what the policy wants. */
export interface Tree {
  dataset: PartitionedDataset
  target: Target | undefined
  unfit: DwhError | undefined
}

export interface SubjectOptions {
  /** Rows are read for as long as it takes. */
  deep?: boolean
  limits?: Partial<Limits>
  /** Where the backups lie; undefined without a warehouse file. */
  backups?: BackupPlace | undefined
  /** The name of the warehouse; undefined without a warehouse file. */
  warehouse?: string | undefined
}

export interface BackupPlace {
  /** Absolute. */
  folder: string
  /** Days after which a drill is too long ago. */
  drillDays: number
}

/** What the questions are asked of. Everything is read, at most once, when the first question needs it. */
export class Subject {
  readonly session: Session
  readonly datasets: Dataset[]
  readonly limits: Limits
  readonly deep: boolean
  readonly backups: BackupPlace | undefined
  readonly warehouse: string | undefined
  readonly #surveys = new Map<string, Promise<RowSurvey | undefined>>()
  readonly server = once(() => this.session.one<ServerFacts>(sql('doctor/server')))
  readonly tables = once(() => this.#readTables())
  readonly trees = once(() => this.#readTrees())

  constructor(
    session: Session,
    datasets: Dataset[],
    { deep = false, limits, backups, warehouse }: SubjectOptions = {},
  ) {
    this.backups = backups
    this.warehouse = warehouse
    this.session = session
    this.datasets = datasets
    this.deep = deep
    this.limits = { ...usualLimits, ...limits }
  }

  /**
   * Reads rows of a user's table, for a bounded time unless `deep`.
   *
   * @throws DwhError with the SQLSTATE query_canceled where the time is over
   */
  async reading<T>(read: () => Promise<T>): Promise<T> {
    const milliseconds = this.deep ? 0 : this.limits.readingSeconds * 1000
    return inTransaction(
      this.session,
      async () => {
        await this.session.run(`SET LOCAL statement_timeout = ${milliseconds}`)
        return read()
      },
      'READ ONLY',
    )
  }

  /**
   * Where the rows lie that a policy may have no leaf for: those of a plain table, or of the unknown leaf of a partitioned
   * one; undefined where there is no such table.
   */
  survey({ dataset, target }: Tree): Promise<RowSurvey | undefined> {
    const known = this.#surveys.get(dataset.name)
    if (known) return known
    const table = target?.kind === 'partitioned' ? unknownLeaf(target) : dataset.target
    const reads = table && target && target.kind !== 'missing'
    const survey = reads
      ? this.reading(() => surveyRows(this.session, table, dataset.partition))
      : Promise.resolve(undefined)
    this.#surveys.set(dataset.name, survey)
    return survey
  }

  async #readTables(): Promise<TableFacts[]> {
    return this.session.rows<TableFacts>(sql('doctor/tables'), [
      this.datasets.map(({ target }) => target.schema),
      this.datasets.map(({ target }) => target.name),
    ])
  }

  async #readTrees(): Promise<Tree[]> {
    const trees: Tree[] = []
    for (const dataset of this.datasets.filter(isPartitioned)) {
      try {
        const target = await inspectTarget(this.session, dataset.target, dataset.partition)
        trees.push({ dataset, target, unfit: undefined })
      } catch (error) {
        if (!(error instanceof DwhError && error.code === 'TARGET_UNFIT')) throw error
        trees.push({ dataset, target: undefined, unfit: error })
      }
    }
    return trees
  }
}

/** The DEFAULT partition. */
export function unknownLeaf({ leaves }: Extract<Target, { kind: 'partitioned' }>): Leaf | undefined {
  return leaves.find(({ range }) => range === undefined)
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let promise: Promise<T> | undefined
  return () => (promise ??= read())
}
