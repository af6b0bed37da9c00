import { ledgerPresence } from '../../ledger/migrations.ts'
import { type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import type { Session } from '../../postgres/session.ts'
import { sql } from '../../postgres/sql-files.ts'
import { byCommand, bySql, named, no, warning, yes } from '../answer.ts'
import type { Question } from '../question.ts'

interface Leftover extends RelationName {
  kind: 'shadow' | 'before' | 'after'
  is_view: boolean
  /** The conversion that it belongs to; undefined where the ledger knows of none. */
  conversion: OpenConversion | undefined
}

interface OpenConversion {
  schema_name: string
  shadow_name: string
  before_name: string
  is_swapped: boolean
  /** Since the swap. */
  days: number | null
  /** Some run is alive in this database. */
  is_at_work: boolean
}

async function readLeftovers(session: Session): Promise<Leftover[]> {
  const tables = await session.rows<Omit<Leftover, 'conversion'>>(sql('doctor/leftovers'))
  if (tables.length === 0) return []
  const { has_ledger } = await ledgerPresence(session)
  const open = has_ledger ? await session.rows<OpenConversion>(sql('doctor/open_conversions')) : []
  return tables.map((table) => ({
    ...table,
    conversion: open.find(
      ({ schema_name, shadow_name, before_name }) =>
        schema_name === table.schema && [shadow_name, before_name].includes(table.name),
    ),
  }))
}

const drop = (table: Leftover) => `DROP ${table.is_view ? 'MATERIALIZED VIEW' : 'TABLE'} ${relation(table)}`

export const shadowTables: Question = {
  id: 'shadow_tables',
  ask: 'Has every conversion come to its end?',
  async answer({ session }) {
    const shadows = (await readLeftovers(session)).filter(({ kind }) => kind === 'shadow')
    const orphans = shadows.filter(({ conversion }) => !conversion)
    const interrupted = shadows.filter(({ conversion }) => conversion && !conversion.is_at_work)
    // The views of an interrupted conversion stand under no name that the ledger has, and its end takes them along.
    if (interrupted.length > 0) {
      return no(
        `interrupted: ${named(interrupted.map(shown))}`,
        byCommand('dwh setup goes on; dwh setup --undo gives up'),
      )
    }
    if (orphans.length > 0 && orphans.length === shadows.length)
      return no(`of no conversion: ${named(orphans.map(shown))}`, bySql(...orphans.map(drop)))
    return yes()
  },
}

export const keptTables: Question = {
  id: 'kept_tables',
  ask: 'Is nothing kept that a conversion put aside long ago?',
  async answer({ session, limits }) {
    const kept = (await readLeftovers(session)).filter(({ kind }) => kind !== 'shadow')
    const old = kept.filter(({ conversion }) => (conversion?.days ?? Number.NaN) >= limits.keptDays)
    if (old.length > 0) {
      return warning(
        `${named(old.map(shown))}, for more than ${limits.keptDays} days`,
        byCommand('dwh setup --finish'),
      )
    }
    const unclaimed = kept.filter(({ conversion, is_view }) => !conversion && !is_view)
    if (unclaimed.length === 0) return yes('nothing is')
    return warning(
      `of no open conversion: ${named(unclaimed.map(shown))}`,
      bySql('-- once nobody needs their rows', ...unclaimed.map(drop)),
    )
  },
}

interface KeptRows extends RelationName {
  /** null where the ledger knows of none. */
  backfill: number | null
  kind: 'former' | 'withheld' | null
  days: number | null
  bytes: number
}

export const keptRows: Question = {
  id: 'kept_rows',
  ask: 'Is nothing kept that a backfill put aside long ago?',
  async answer({ session, limits }) {
    const { has_backfills } = await ledgerPresence(session)
    if (!has_backfills) return yes('there is no backfill yet')
    const kept = await session.rows<KeptRows>(sql('doctor/kept_rows'))
    const known = kept.filter(({ backfill }) => backfill !== null)
    const old = known.filter(({ days }) => (days ?? 0) >= limits.keptDays)
    if (old.length > 0)
      return warning(
        `${keptText(old)}, for more than ${limits.keptDays} days`,
        byCommand(
          [...new Set(old.map(({ backfill }) => backfill))]
            .map((backfill) => `dwh backfill undo ${backfill} --finish # lets go of them`)
            .join('\n'),
        ),
      )
    const unclaimed = kept.filter(({ backfill }) => backfill === null)
    if (unclaimed.length > 0)
      return warning(
        `of no backfill that the ledger knows: ${named(unclaimed.map(shown))}`,
        bySql(
          '-- once nobody needs their rows',
          ...unclaimed.map((table) => `DROP TABLE ${relation(table)}`),
        ),
      )
    return yes(
      known.length === 0 ? 'nothing is' : `${keptText(known)}: dwh backfill undo or accept brings them back`,
    )
  },
}

/** `rows that backfill 4 has replaced in 2 tables, 200 kB` */
function keptText(kept: KeptRows[]): string {
  const groups = Map.groupBy(
    kept,
    ({ backfill, kind }) => `${backfill} has ${kind === 'former' ? 'replaced' : 'withheld'}`,
  )
  const each = [...groups].map(([what, tables]) => {
    const size = tables.reduce((sum, { bytes }) => sum + bytes, 0)
    return `rows that backfill ${what}, in ${tables.length === 1 ? '1 table' : `${tables.length} tables`} of ${Math.ceil(size / 1024 ** 2)} MB`
  })
  return named(each)
}

export const deadRuns: Question = {
  id: 'dead_runs',
  ask: 'Has every run that died been made up for?',
  async answer({ session }) {
    const { has_ledger } = await ledgerPresence(session)
    if (!has_ledger) return yes('there is no ledger yet')
    const dead = await session.rows<{ run: number; words: string[]; started_at: Date }>(
      sql('doctor/abandoned_runs'),
    )
    if (dead.length === 0) return yes()
    const each = dead.map(
      ({ run, words, started_at }) => `run ${run} (${words.join(' ')}) of ${started_at.toISOString()}`,
    )
    return no(named(each), byCommand(dead.map(({ words }) => `dwh ${words.join(' ')}`).join('\n')))
  },
}
