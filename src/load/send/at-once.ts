import { ident, identList, relation } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import type { Batch } from '../../sources/file/reader.ts'
import { placeColumn, type TableColumn } from '../columns.ts'
import type { Landing } from '../landing.ts'
import type { LoadTarget } from '../target.ts'
import { arrivedTable, isMissing, withoutMissing } from './arrivals.ts'
import type { StraightBytes } from './bytes.ts'
import type { Carrier } from './carrier.ts'
import { copyStatement } from './encode.ts'
import { copiedColumns, writeBatch } from './lines.ts'
import type { Outcome, Refused } from './refused.ts'
import { neededInputs, textsTable, valuesOfTexts } from './texts.ts'

/** Refuses the whole statement that comes to call it. */
const refusal = 'pg_temp.dwh_refuse()'

export async function openRefusal(session: Session): Promise<void> {
  await session.run(`CREATE OR REPLACE FUNCTION ${refusal} RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN RAISE 'a row is refused' USING ERRCODE = 'check_violation'; END $$`)
}

/** What a batch is copied into before its rows are made of it. */
interface Stage {
  table: string
  /** Columns of the file, by index, and what they are called in the stage. */
  inputs: number[]
  names: string[]
  /** The same where the bytes of the file are sent as they stand. */
  rawNames: string[] | undefined
}

/**
 * Brings rows that are computed, or that other tables must know, by one COPY of what they are made of and one INSERT of all of them.
 * Where one of them cannot be loaded none is: the landing refuses most of that by itself, and the INSERT what only the warehouse file
 * says.
 */
export class AtOnce {
  readonly #target: LoadTarget
  readonly #landing: Landing
  readonly #stage: Stage

  private constructor(target: LoadTarget, landing: Landing, stage: Stage) {
    this.#target = target
    this.#landing = landing
    this.#stage = stage
  }

  /** @returns undefined where rows are copied, or where values would be compared before they have the limits of their columns */
  static of(target: LoadTarget, landing: Landing, straight: StraightBytes | undefined): AtOnce | undefined {
    const { plan, references } = target
    if (!plan.derived)
      return references.length > 0 ? new AtOnce(target, landing, typedStage(target, straight)) : undefined
    const compared = new Set([
      ...references.flatMap(({ columns }) => columns),
      ...(landing.kind === 'target' ? (landing.policy?.key ?? []) : []),
    ])
    const isLimited = ({ type, unlimited_type, is_domain }: TableColumn) =>
      is_domain || type !== unlimited_type
    if (plan.filled.some(({ column }) => compared.has(column.name) && isLimited(column))) return undefined
    const inputs = neededInputs(plan)
    const names = inputs.map((index) => plan.names[index] as string)
    return new AtOnce(target, landing, { table: textsTable, inputs, names, rawNames: plan.names })
  }

  async bring(carrier: Carrier, batch: Batch, raw: Buffer | undefined): Promise<Outcome> {
    const { session } = carrier
    await session.run(`TRUNCATE ${this.#stage.table}`)
    const refused = await this.#copy(carrier, batch, raw)
    const expected = batch.count - refused.length
    if (expected === 0) return { landed: 0, refused }
    return { landed: carrier.prove(await session.run(this.#insert()), expected), refused }
  }

  async #copy(carrier: Carrier, batch: Batch, raw: Buffer | undefined): Promise<Refused[]> {
    const { session, dialect, scratch } = carrier
    const { table, inputs, names, rawNames } = this.#stage
    const { isPlaced } = this.#landing
    const place = isPlaced ? [placeColumn] : []
    scratch.clear()
    if (raw && rawNames) {
      if (isPlaced) scratch.numbered(raw, 0, raw.length, batch.firstRecord, dialect.delimiter)
      const statement = copyStatement(table, [...place, ...rawNames], dialect)
      await session.copyIn(statement, isPlaced ? scratch.filled : raw)
      return []
    }
    const refused = writeBatch(batch, inputs, isPlaced, scratch)
    if (refused.length < batch.count)
      await session.copyIn(copyStatement(table, [...place, ...names]), scratch.filled)
    return refused
  }

  #insert(): string {
    const { plan, references } = this.#target
    const place = this.#landing.isPlaced ? [placeColumn] : []
    const columns = plan.filled.map(({ column: { name } }) => name)
    const into = `INSERT INTO ${relation(this.#landing.name)} (${identList([...place, ...columns])}) OVERRIDING SYSTEM VALUE`
    const computed = `SELECT ${[...place, ...valuesOfTexts(plan)].join(', ')} FROM ${textsTable}`
    const guards = this.#guards()
    if (plan.derived && guards.length === 0 && references.length === 0) return `${into} ${computed}`
    // OFFSET keeps the server from computing an expression for each mention of its column.
    const rows = plan.derived ? `(${computed} OFFSET 0)` : arrivedTable
    const guard =
      guards.length > 0
        ? ` WHERE CASE WHEN ${guards.map((one) => `(${one})`).join(' OR ')} THEN ${refusal} ELSE true END`
        : ''
    return `${into} SELECT ${[...place, ...withoutMissing(this.#target)].join(', ')} FROM ${rows} AS a${guard}`
  }

  /** Conditions on a row `a` that cannot be loaded and that the landing does not refuse. */
  #guards(): string[] {
    const { plan, references } = this.#target
    const missing = references.filter(({ onMissing }) => onMissing === 'reject').map(isMissing)
    if (this.#landing.kind !== 'target') return missing
    // The unknown leaf of somebody's own would take rows that are to have another.
    const { policy, leaves } = this.#landing
    const mayStray = policy && leaves.some(({ range }) => range === undefined)
    const conditions = mayStray ? Object.values(this.#landing.conditions(policy)) : []
    const empty = plan.filled.flatMap(({ column }) =>
      !column.not_null && this.#target.mustHaveValue(column) ? [`${ident(column.name)} IS NULL`] : [],
    )
    return [...conditions, ...empty, ...missing]
  }
}

/** Rows as they will be: only other tables have to be asked. */
function typedStage(target: LoadTarget, straight: StraightBytes | undefined): Stage {
  return { table: arrivedTable, ...copiedColumns(target), rawNames: straight?.columns }
}
