import { asideName, asideStatements } from '../dedup/aside.ts'
import { type KeyRule, supersededSelect } from '../dedup/rule.ts'
import { type Conversion, recordDuplicates } from '../ledger/conversions.ts'
import { ident, identList, type RelationName, relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { inTransaction } from '../postgres/transaction.ts'
import type { ProofColumn } from '../proof/columns.ts'
import { proofAlgorithm, proveRelation } from '../proof/hash.ts'
import { placesName } from './duplicates.ts'
import type { ConversionPlan } from './plan.ts'

/** The superseded rows of a plain table while it is converted: who they are, and where they go. */
export interface Superseded {
  /** Their places in the plain table, which hold while writers are kept out. */
  places: RelationName
  /** The column of `places`; no column of the plain table has its name. */
  place: string
  aside: RelationName
  rows: number
}

/** The statements that note the places of superseded rows and copy those rows aside. */
export function supersededStatements(plan: ConversionPlan, rule: KeyRule) {
  const { table } = plan
  const names = namesOf(plan)
  const { places, place, aside } = names
  const columns = identList(table.columns.map(({ name }) => name))
  const plain = `ONLY ${relation(table)}`
  return {
    names,
    // A crash may empty it: it is made anew by every run.
    note: [
      `CREATE UNLOGGED TABLE ${relation(places)} AS ` +
        `SELECT place AS ${ident(place)} FROM (${supersededSelect(plain, rule)}) AS superseded`,
      `ANALYZE ${relation(places)}`,
    ],
    setAside: [
      ...asideStatements(aside, table, table.furniture),
      `INSERT INTO ${relation(aside)} (${columns}) SELECT ${columns} FROM ${plain} AS source ` +
        `JOIN ${relation(places)} AS places ON places.${ident(place)} = source.ctid`,
    ],
  }
}

/**
 * Finds the superseded rows and copies them aside, in one transaction with their ledger row. What an earlier run has set
 * aside is thrown away first: rows may have changed since.
 *
 * @returns undefined when there are none
 */
export async function setSupersededAside(
  session: Session,
  plan: ConversionPlan,
  rule: KeyRule,
  conversion: number,
  columns: ProofColumn[],
): Promise<Superseded | undefined> {
  const { names, note, setAside } = supersededStatements(plan, rule)
  const { places, aside } = names
  return inTransaction(session, async () => {
    await session.run(`DROP TABLE IF EXISTS ${relation(places)}`)
    if (plan.resumes?.duplicates) await session.run(`DROP TABLE IF EXISTS ${relation(aside)}`)
    for (const statement of note) await session.run(statement)
    const { rows } = await session.one<{ rows: number }>(`SELECT count(*) AS rows FROM ${relation(places)}`)
    if (rows === 0) {
      await session.run(`DROP TABLE ${relation(places)}`)
      await recordDuplicates(session, conversion, null)
      return undefined
    }
    for (const statement of setAside) await session.run(statement)
    const { hash1, hash2 } = await proveRelation(session, columns, relation(aside))
    await recordDuplicates(session, conversion, {
      name: aside.name,
      rows,
      hash_1: String(hash1),
      hash_2: String(hash2),
      algorithm: proofAlgorithm,
    })
    return { ...names, rows }
  })
}

/** Drops what the conversion of a table has set aside, and the places it noted: the plain table has those rows. */
export async function dropSuperseded(session: Session, conversion: Conversion): Promise<void> {
  const { schema_name: schema, table_name: name, duplicates } = conversion
  await session.run(`DROP TABLE IF EXISTS ${relation(placesName({ schema, name }))}`)
  if (duplicates) await session.run(`DROP TABLE IF EXISTS ${relation({ schema, name: duplicates.name })}`)
}

function namesOf({ table }: ConversionPlan): Omit<Superseded, 'rows'> {
  let place = 'place'
  while (table.columns.some(({ name }) => name === place)) place += '_'
  return { places: placesName(table), place, aside: asideName(table) }
}
