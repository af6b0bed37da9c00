import { Temporal } from 'temporal-polyfill'
import { DwhError } from '../errors.ts'
import { recordLanding } from '../ledger/loads.ts'
import { datesOf, limits, positionOf, positionSql, type Range, rangeOf } from '../partitions/bounds.ts'
import { readFurniture } from '../partitions/create.ts'
import { createLeafStatements, type Furniture, furnishStatements } from '../partitions/leaf-sql.ts'
import { type Period, periodLabel, periodOf } from '../partitions/periods.ts'
import type { Leaf } from '../partitions/tree.ts'
import { fitName, ident, identList, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { Dataset } from '../warehouse/load.ts'
import type { Policy } from '../warehouse/schema.ts'
import { declaredDefault, type TableColumn } from './columns.ts'

/** The column that says where in the file a row stood, in a landing that is no part of the target later. */
export const placeColumn = 'dwh_place'

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
  /** Columns that must have a value here, and need not in the target. */
  readonly required: string[] = []
  /** Columns that have a default here that they do not have in the target. */
  readonly defaults: string[] = []
  readonly #load: number
  readonly #dataset: Dataset
  readonly #furniture: Furniture
  readonly #targetLeaves: Leaf[]
  readonly #isPlain: boolean
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
    await inTransaction(session, async () => {
      for (const statement of landing.#parentStatements(columns, target.leaves !== undefined))
        await session.run(statement)
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
    if (unknown)
      await landing.#add(
        session,
        { range: undefined, from: undefined, until: undefined, twin: unknown },
        'unknown',
      )
    return landing
  }

  #parentStatements(columns: TableColumn[], partitioned: boolean): string[] {
    const { target, partition, columns: declared, key, nulls_equal } = this.#dataset
    const name = relation(this.name)
    const unlogged = this.kind === 'staging' && !partitioned ? 'UNLOGGED ' : ''
    const required = columns.filter(({ name, not_null, generated }) => {
      const isKey = key?.includes(name) && !nulls_equal
      return !not_null && !generated && (declared[name]?.required || isKey)
    })
    const defaults = columns.flatMap(({ name, identity, sequence, has_default }) => {
      const fallback = declaredDefault(this.#dataset, name)
      if (identity && sequence) return [[name, `nextval(${quoteText(sequence)}::regclass)`]]
      return fallback !== undefined && !has_default ? [[name, fallback]] : []
    })
    this.required.push(...required.map(({ name }) => name))
    this.defaults.push(...defaults.map(([column]) => column as string))
    const alterations = [
      // A CHECK and no NOT NULL, for it has to go again when a leaf is attached.
      ...required.map(
        ({ name }) => `ADD CONSTRAINT ${ident(requiredName(name))} CHECK (${ident(name)} IS NOT NULL)`,
      ),
      ...defaults.map(([column, value]) => `ALTER COLUMN ${ident(column as string)} SET DEFAULT ${value}`),
      ...(this.isPlaced ? [`ADD COLUMN ${placeColumn} bigint`] : []),
    ]
    return [
      `CREATE ${unlogged}TABLE ${name} (LIKE ${relation(target)} INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS EXCLUDING IDENTITY)` +
        (partitioned && partition ? ` PARTITION BY RANGE (${identList(partition.key)})` : ''),
      ...(alterations.length > 0 ? [`ALTER TABLE ${name} ${alterations.join(', ')}`] : []),
      ...furnishStatements(this.name, {
        ...this.#furniture,
        grants: null,
        column_grants: null,
        comment: null,
      }),
    ]
  }

  /**
   * Makes the leaves for the periods of some dates, where there are none yet and the policy wants any.
   *
   * @returns how many were made
   */
  async reach(session: Session, dates: Temporal.PlainDate[]): Promise<number> {
    // Several connections may miss the same leaf at the same moment.
    const made = this.#reaching.then(() => this.#reach(session, dates))
    this.#reaching = made.catch(() => 0)
    return made
  }

  async #reach(session: Session, dates: Temporal.PlainDate[]): Promise<number> {
    const { policy } = this
    if (!policy || this.#isPlain) return 0
    const { compare } = Temporal.PlainDate
    const { floor, ceiling } = limits(policy)
    let made = 0
    for (const date of dates.toSorted(compare)) {
      if (compare(date, floor) < 0 || compare(date, ceiling) >= 0) continue
      if (
        this.leaves.some(
          ({ from, until }) => from && until && compare(from, date) <= 0 && compare(date, until) < 0,
        )
      )
        continue
      const [leaf, label] = this.#leafAt(policy, date)
      if (this.#overlaps(policy, leaf)) continue
      await this.#add(session, leaf, label)
      made++
    }
    return made
  }

  /** The leaf of the target that holds a date decides on the range; else the policy. */
  #leafAt(policy: Policy, date: Temporal.PlainDate): [Omit<LandingLeaf, keyof RelationName>, string] {
    const { compare } = Temporal.PlainDate
    for (const twin of this.#targetLeaves) {
      if (!twin.range) continue
      const { from, until } = datesOf(policy, twin.range)
      if (compare(from, date) <= 0 && compare(date, until) < 0)
        return [
          { range: twin.range, from, until, twin },
          periodLabel({ start: from, end: until }, policy.grain),
        ]
    }
    const period: Period = periodOf(date, policy.grain)
    return [
      { range: rangeOf(policy, period), from: period.start, until: period.end, twin: undefined },
      periodLabel(period, policy.grain),
    ]
  }

  /** Beside leaves with bounds of somebody's own a period may have no room. */
  #overlaps(policy: Policy, { from, until, twin }: Omit<LandingLeaf, keyof RelationName>): boolean {
    if (twin || !from || !until) return false
    const { compare } = Temporal.PlainDate
    const taken = this.#targetLeaves.flatMap(({ range }) => (range ? [datesOf(policy, range)] : []))
    return taken.some((other) => compare(other.from, until) < 0 && compare(from, other.until) < 0)
  }

  async #add(session: Session, leaf: Omit<LandingLeaf, keyof RelationName>, label: string): Promise<void> {
    const { policy } = this
    if (!policy) return
    if (this.leaves.length >= policy.most) throw tooMany(this.#dataset, policy)
    const { schema, name } = this.name
    const named = { schema, name: fitName(name, `_${label}`), ...leaf }
    // Who takes a leaf's place has its owner, grants and storage.
    const furniture =
      this.kind === 'leaves' && leaf.twin
        ? await readFurniture(session, leaf.twin.oid, this.#dataset)
        : this.#furniture
    const statements = createLeafStatements(this.name, policy, named, furniture, {
      unlogged: this.kind === 'staging',
      keepCheck: this.kind === 'leaves',
    })
    const create = async () => {
      for (const statement of statements) await session.run(statement)
      if (this.kind !== 'target') await recordLanding(session, this.#load, [named])
    }
    await (this.kind === 'target' ? create() : inTransaction(session, create))
    this.leaves.push(named)
  }

  /** SQL conditions on a row, for a landing with a policy. */
  conditions(policy: Policy): {
    /** The policy may have a leaf for it, but none has been made. */
    wanting: string
    /** There is no leaf for it, and it cannot go to the unknown leaf either. */
    homeless: string
  } {
    const position = positionSql(policy)
    const between = (from: Temporal.PlainDate, until: Temporal.PlainDate) =>
      `(${position} >= ${positionOf(policy, from)} AND ${position} < ${positionOf(policy, until)})`
    const { floor, ceiling } = limits(policy)
    const covered = this.#spans().map(({ from, until }) => between(from, until))
    const uncovered = covered.length === 0 ? 'true' : `(${covered.join(' OR ')}) IS NOT TRUE`
    const wanting = `${uncovered} AND ${between(floor, ceiling)}`
    const hasUnknown = this.leaves.some(({ range, twin }) => range === undefined && twin)
    return { wanting, homeless: hasUnknown ? wanting : uncovered }
  }

  /** Neighbouring leaves joined. */
  #spans(): { from: Temporal.PlainDate; until: Temporal.PlainDate }[] {
    const { compare } = Temporal.PlainDate
    const spans: { from: Temporal.PlainDate; until: Temporal.PlainDate }[] = []
    const ranges = this.leaves.flatMap(({ from, until }) => (from && until ? [{ from, until }] : []))
    for (const span of ranges.toSorted((a, b) => compare(a.from, b.from))) {
      const last = spans.at(-1)
      if (last && compare(last.until, span.from) === 0) last.until = span.until
      else spans.push({ ...span })
    }
    return spans
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

const quoteText = (text: string) => `'${text.replaceAll("'", "''")}'`

/** The name of the CHECK by which a landing refuses what the warehouse file, and not the table, says must have a value. */
export const requiredName = (column: string) => fitName(column, '_dwh_required')

function tooMany({ name }: Dataset, policy: Policy): DwhError {
  return new DwhError(
    'ROWS_UNFIT',
    `the dates of the file would make more than ${policy.most} leaves of ${name}; nothing was changed`,
    { hint: 'a wrong date may be behind it; else raise `most` in the policy' },
  )
}
