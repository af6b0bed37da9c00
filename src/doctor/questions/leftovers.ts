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
