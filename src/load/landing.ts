import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { recordLanding } from '../ledger/loads.ts'
import { datesOf, limits, type Range, rangeOf } from '../partitions/bounds.ts'
import { furnitureOfLeaf, readFurniture } from '../partitions/create.ts'
import { createLeafStatements, type Furniture } from '../partitions/leaf-sql.ts'
import { periodLabel, periodOf } from '../partitions/periods.ts'
import type { Leaf } from '../partitions/tree.ts'
import { fitName, ident, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Policy } from '../warehouse/schema.ts'
import type { TableColumn } from './columns.ts'
import { coverageConditions } from './coverage.ts'
import { describeParent, requiredName } from './landing-parent.ts'

/** One table of a landing, or of the target. */
export interface LandingLeaf extends RelationName {
  /** Undefined for the unknown leaf, and for the only table of a landing that is not partitioned. */
  range: Range | undefined
  /** The dates of its rows, [from, until); undefined as the range. */
  from: Temporal.PlainDate | undefined
  until: Temporal.PlainDate | undefined
  /** The leaf of the target that has the same rows; undefined where there is none yet. */
  twin: Leaf | undefined
}

type Unnamed = Omit<LandingLeaf, keyof RelationName>
type Dated = Unnamed & { from: Temporal.PlainDate; until: Temporal.PlainDate }

/** In which transaction the statements of one leaf are run. */
type Enclose = (create: () => Promise<void>) => Promise<void>

/**
 * The tables in which the rows of one load arrive. But for the kind `target` they are out of sight of all readers: the
 * target's columns, CHECKs and NOT NULLs, and a leaf for each of its own and for those to come.
 *
 * - `leaves` are made to become leaves of the target: logged, without indexes yet.
 * - `staging` is unlogged and has one column more, the place of each row in the file.
 * - `target` is the target itself, written in one transaction.
 */
export class Landing {
  readonly name: RelationName
  readonly kind: 'leaves' | 'staging' | 'target'
  readonly leaves: LandingLeaf[] = []
  /** Its rows have come from another table in one piece. */
  isPiped = false
  /** Columns that must have a value here, and need not in the target. */
  readonly required: string[] = []
  /** Columns that have a default here that they do not have in the target. */
  readonly defaults: string[] = []
  readonly #load: number
  readonly #dataset: Dataset
  readonly #furniture: Furniture
  readonly #targetLeaves: Leaf[]
  readonly #isPlain: boolean
  /** Periods that no leaf can be made for. */
  readonly #roomless: Dated[] = []
  #reaching: Promise<number> = Promise.resolve(0)

  private constructor(
    name: RelationName,
    load: number,
    dataset: Dataset,
    kind: Landing['kind'],
    furniture: Furniture,
    targetLeaves: Leaf[] | undefined,
  ) {
    this.name = name
    this.kind = kind
    this.#load = load
    this.#dataset = dataset
    this.#furniture = furniture
    this.#targetLeaves = targetLeaves ?? []
    this.#isPlain = targetLeaves === undefined
  }

  /** One table without leaves. */
  get isPlain(): boolean {
    return this.#isPlain
  }

  get policy(): Policy | undefined {
    return this.#dataset.partition
  }

  /** Its rows know their place in the file. */
  get isPlaced(): boolean {
    return this.kind === 'staging'
  }

  /** The target as a landing: to be written in one transaction. */
  static async onTarget(
    session: Session,
    dataset: Dataset,
    target: { oid: number; leaves: Leaf[] | undefined },
  ): Promise<Landing> {
    const furniture = await readFurniture(session, target.oid, dataset)
    const landing = new Landing(dataset.target, 0, dataset, 'target', furniture, target.leaves)
    const { partition: policy } = dataset
    for (const twin of target.leaves ?? []) {
      const dates = policy && twin.range ? datesOf(policy, twin.range) : undefined
      const { schema, name, range } = twin
      landing.leaves.push({ schema, name, range, from: dates?.from, until: dates?.until, twin })
    }
    return landing
  }

  /**
   * Creates the landing without leaves and writes it into the ledger, in one transaction.
   *
   * Locks: ACCESS SHARE on the target.
   *
   * @param suffix for a second landing of one load
   */
  static async create(
    session: Session,
    load: number,
    dataset: Dataset,
    target: { oid: number; leaves: Leaf[] | undefined },
    columns: TableColumn[],
    kind: 'leaves' | 'staging',
    suffix = '',
  ): Promise<Landing> {
    const furniture = await readFurniture(session, target.oid, dataset)
    const name = { schema: dataset.target.schema, name: `dwh_load_${load}${suffix}` }
    const landing = new Landing(name, load, dataset, kind, furniture, target.leaves)
    const isPartitioned = target.leaves !== undefined
    const parent = describeParent(name, dataset, furniture, columns, { kind, isPartitioned })
    landing.required.push(...parent.required)
    landing.defaults.push(...parent.defaults)
    await inTransaction(session, async () => {
      for (const statement of parent.statements) await session.run(statement)
      await recordLanding(session, load, [landing.name])
    })
    if (target.leaves === undefined)
      landing.leaves.push({
        ...landing.name,
        range: undefined,
        from: undefined,
        until: undefined,
        twin: undefined,
      })
    const unknown = target.leaves?.find(({ range }) => range === undefined)
    if (unknown) await landing.#addUnknown(session, unknown)
    return landing
  }

  /** For rows of the target itself, which may lack what rows of a file must have; before any leaf is made. */
  async allowMissing(session: Session): Promise<void> {
    for (const column of this.required.splice(0))
      await session.run(`ALTER TABLE ${relation(this.name)} DROP CONSTRAINT ${ident(requiredName(column))}`)
  }

  /**
   * Makes the leaves that hold some dates, where there are none yet: those of the target, and others that the policy wants.
   *
   * @returns how many are known now to be made, or not to have room
   */
  async reach(session: Session, dates: Temporal.PlainDate[]): Promise<number> {
    const enclose: Enclose = (create) => (this.kind === 'target' ? create() : inTransaction(session, create))
    // Several connections may miss the same leaf at the same moment.
    const made = this.#reaching.then(() => this.#reach(session, dates, enclose))
    this.#reaching = made.catch(() => 0)
    return made
  }

  /**
   * The same in a transaction that is open: rows can come into a leaf that is as new as they are without a trace of it for
   * vacuum to remove. Nobody else may reach for leaves meanwhile.
   *
   * @returns the leaves that were made
   */
  async reachWithin(session: Session, dates: Temporal.PlainDate[]): Promise<LandingLeaf[]> {
    const before = this.leaves.length
    await this.#reach(session, dates, (create) => create())
    return this.leaves.slice(before)
  }

  /** The transaction that made them was rolled back. */
  forget(leaves: LandingLeaf[]): void {
    for (const leaf of leaves) this.leaves.splice(this.leaves.indexOf(leaf), 1)
  }

  async #reach(session: Session, dates: Temporal.PlainDate[], enclose: Enclose): Promise<number> {
    const { policy } = this
    if (!policy || this.#isPlain) return 0
    const { compare } = Temporal.PlainDate
    const { floor, ceiling } = limits(policy)
    const holds = ({ from, until }: Pick<LandingLeaf, 'from' | 'until'>, date: Temporal.PlainDate) =>
      from !== undefined && until !== undefined && compare(from, date) <= 0 && compare(date, until) < 0
    let reached = 0
    for (const date of dates.toSorted(compare)) {
      // A day may be cut in two.
      const twins = this.#twins(policy).filter((leaf) => holds(leaf, date))
      for (const leaf of twins.filter(
        ({ twin }) => !this.leaves.some((one) => one.twin?.oid === twin?.oid),
      )) {
        await this.#add(session, leaf, enclose)
        reached++
      }
      const isBeyond = compare(date, floor) < 0 || compare(date, ceiling) >= 0
      if (isBeyond || [...twins, ...this.leaves, ...this.#roomless].some((leaf) => holds(leaf, date)))
        continue
      const { start: from, end: until } = periodOf(date, policy.grain)
      const leaf = { range: rangeOf(policy, { start: from, end: until }), from, until, twin: undefined }
      if (this.#hasRoom(policy, leaf)) await this.#add(session, leaf, enclose)
      else this.#roomless.push(leaf)
      reached++
    }
    return reached
  }

  /** With those that the unknown leaf must not take rows from: they lie where it is for all others. */
  async #addUnknown(session: Session, unknown: Leaf): Promise<void> {
    const { policy } = this
    if (!policy) return
    const { compare } = Temporal.PlainDate
    const { floor, ceiling } = limits(policy)
    const enclose: Enclose = (create) => inTransaction(session, create)
    for (const leaf of this.#twins(policy))
      if (compare(leaf.from, floor) < 0 || compare(leaf.until, ceiling) > 0)
        await this.#add(session, leaf, enclose)
    const undated = { range: undefined, from: undefined, until: undefined, twin: unknown }
    await this.#add(session, undated, enclose)
  }

  /** The leaves of the target that have bounds, as leaves of the landing. */
  #twins(policy: Policy): Dated[] {
    return this.#targetLeaves.flatMap((twin) =>
      twin.range ? [{ range: twin.range, ...datesOf(policy, twin.range), twin }] : [],
    )
  }

  /** Beside leaves with bounds of somebody's own a period may have none. */
  #hasRoom(policy: Policy, { from, until }: Dated): boolean {
    const { compare } = Temporal.PlainDate
    return !this.#twins(policy).some((twin) => compare(twin.from, until) < 0 && compare(from, twin.until) < 0)
  }

  /** Leaves with bounds of somebody's own may begin in one period. */
  #label(policy: Policy, { from, until }: Dated): string {
    const label = periodLabel({ start: from, end: until }, policy.grain)
    const isTaken = this.leaves.some(({ name }) => name === fitName(this.name.name, `_${label}`))
    return isTaken ? `${label}_${this.leaves.length}` : label
  }

  async #add(session: Session, leaf: Unnamed, enclose: Enclose): Promise<void> {
    const { policy } = this
    if (!policy) return
    if (this.leaves.length >= policy.most) throw tooMany(this.#dataset, policy)
    const { schema, name } = this.name
    const label = leaf.range ? this.#label(policy, leaf as Dated) : 'unknown'
    const named = { schema, name: fitName(name, `_${label}`), ...leaf }
    // Who takes a leaf's place has its owner, grants and storage.
    const own =
      this.kind === 'leaves' && leaf.twin
        ? await furnitureOfLeaf(session, leaf.twin.oid, this.#dataset)
        : undefined
    const furniture = own ?? this.#furniture
    const statements = createLeafStatements(this.name, policy, named, furniture, this.kind === 'staging')
    const create = async () => {
      for (const statement of statements) await session.run(statement)
      if (this.kind !== 'target') await recordLanding(session, this.#load, [named])
    }
    await enclose(create)
    this.leaves.push(named)
  }

  /** SQL conditions on a row, for a landing with a policy. */
  conditions(policy: Policy): ReturnType<typeof coverageConditions> {
    const ranges = (some: { range: Range | undefined }[]) => some.flatMap(({ range }) => range ?? [])
    return coverageConditions(policy, {
      made: ranges(this.leaves),
      there: ranges(this.#targetLeaves),
      roomless: ranges(this.#roomless),
      hasUnknown: this.leaves.some(({ range, twin }) => range === undefined && twin),
    })
  }

  /** What it has made goes. Locks: ACCESS EXCLUSIVE on what nobody else knows. */
  async drop(session: Session): Promise<void> {
    if (this.kind !== 'target') await dropTables(session, [...this.leaves, this.name].map(relation))
  }
}

/** Drops tables of a landing, by their quoted names, those that are still there. */
export async function dropTables(session: Session, tables: string[]): Promise<void> {
  for (const table of tables) await session.run(`DROP TABLE IF EXISTS ${table}`)
}

function tooMany({ name }: Dataset, policy: Policy): DwhError {
  return new DwhError(
    'ROWS_UNFIT',
    `the dates of the file would make more than ${policy.most} leaves of ${name}; nothing was changed`,
    { hint: 'a wrong date may be behind it; else raise `most` in the policy' },
  )
}
