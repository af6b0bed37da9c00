import { conversionTables } from '../convert/undo.ts'
import { type Conversion, findConversion, listConversions, recordMeasures } from '../ledger/conversions.ts'
import { type RelationName, shown } from '../postgres/identifiers.ts'
import { findOid } from '../postgres/relations.ts'
import type { Session } from '../postgres/session.ts'
import type { Warehouse } from '../warehouse/load.ts'
import { type Disk, type Measures, measure, measureDisk } from './measure.ts'
import type { SetupPlan } from './plan.ts'
import { gainsQueries } from './queries.ts'

/** A table before and after its conversion. */
export interface Gain {
  table: string
  before: Measures
  after: Measures
  /** The rows that were set aside, which still take disk. */
  duplicates: { table: string; rows: number; bytes: number } | null
  saved: Savings
  /** The plain table, kept until `--finish`. */
  kept: string
  backup: string | null
}

/** Bytes that the table takes less than before, taken apart. What is below zero grew. */
export interface Savings {
  bytes: number
  /** Whatever the indexes are: there are others than before, too. */
  indexes: number
  /** Rows that were set aside. */
  duplicates: number
  /** Values stored in fewer bytes, by another compression method or by any. */
  compression: number
  /** Dead rows and free space; by difference with all that `rest` is. */
  bloat: number
  /** Whether bloat was read by pgstattuple, or is what the other parts leave. */
  bloat_by: 'pgstattuple' | 'difference'
  /** Headers and alignment of rows, pages and TOAST chunks; 0 where bloat is what is left. */
  rest: number
}

/** What is kept with a conversion after its swap. */
interface After extends Measures {
  duplicates: { rows: number; disk: Disk } | null
}

/** Measures each plain table once, by its name; what an interrupted run has measured stays with its conversion. */
export async function measureBefore(
  session: Session,
  { conversions }: SetupPlan,
): Promise<Map<string, Measures>> {
  const measures = new Map<string, Measures>()
  for (const conversion of conversions.filter(({ resumes }) => !resumes)) {
    const { table, rows } = conversion
    measures.set(shown(table), await measure(session, table, gainsQueries(conversion), rows.rows))
  }
  return measures
}

/** Measures after: the conversions of this run, and those that an interrupted run had swapped but not measured. */
export async function measureAfter(session: Session, plan: SetupPlan): Promise<void> {
  const converted: Conversion[] = []
  for (const { table } of plan.conversions) {
    const conversion = await findConversion(session, table)
    if (conversion) converted.push(conversion)
  }
  for (const conversion of [...converted, ...plan.unmeasured]) {
    const { table, before: kept } = conversionTables(conversion)
    const { before, row_count } = conversion
    const after: After | object = isMeasured(before)
      ? {
          ...(await measure(
            session,
            table,
            before.queries,
            row_count ?? 0,
            (await findOid(session, kept)) !== undefined,
          )),
          duplicates: await measureDuplicates(session, conversion),
        }
      : {}
    await recordMeasures(session, conversion.conversion, after)
  }
}

async function measureDuplicates(
  session: Session,
  { schema_name: schema, duplicates }: Conversion,
): Promise<After['duplicates']> {
  if (!duplicates) return null
  const table: RelationName = { schema, name: duplicates.name }
  // Whoever has dropped it since does not want it counted.
  if ((await findOid(session, table)) === undefined) return null
  return { rows: duplicates.rows, disk: (await measureDisk(session, table)).disk }
}

/** What the conversions of a warehouse brought, as far as their plain tables are still kept. */
export async function recordedGains(session: Session, warehouse: Warehouse): Promise<Gain[]> {
  const gains: Gain[] = []
  for (const conversion of (await listConversions(session, warehouse.name)).toReversed()) {
    const { before, after, undone_at, finished_at, backup, schema_name: schema } = conversion
    if (undone_at || finished_at || !after || !isMeasured(before) || !isMeasured(after)) continue
    const { table, before: kept } = conversionTables(conversion)
    const { duplicates, ...measures } = after as Measures as After
    gains.push({
      table: shown(table),
      before,
      after: measures,
      duplicates: duplicates && {
        table: shown({ schema, name: conversion.duplicates?.name ?? '' }),
        rows: duplicates.rows,
        bytes: duplicates.disk.bytes,
      },
      saved: savings(before.disk, measures.disk, duplicates?.disk),
      kept: shown(kept),
      backup,
    })
  }
  return gains
}

/** Takes the difference apart. Every part is measured, but bloat where nobody could read it. */
export function savings(before: Disk, after: Disk, aside: Disk | undefined): Savings {
  const bytes = before.bytes - after.bytes
  const indexes = before.index_bytes - after.index_bytes
  const duplicates = aside ? aside.heap_bytes + aside.toast_bytes : 0
  const compression = before.value_bytes - after.value_bytes - (aside?.value_bytes ?? 0)
  const left = bytes - indexes - duplicates - compression
  const parts = { bytes, indexes, duplicates, compression }
  if (before.waste_bytes === null || after.waste_bytes === null)
    return { ...parts, bloat: left, bloat_by: 'difference', rest: 0 }
  const bloat = before.waste_bytes - after.waste_bytes
  return { ...parts, bloat, bloat_by: 'pgstattuple', rest: left - bloat }
}

function isMeasured(measures: object): measures is Measures {
  return 'disk' in measures
}
