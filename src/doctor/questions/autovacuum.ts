import { type RelationName, relation, shown } from '../../postgres/identifiers.ts'
import { sql } from '../../postgres/sql-files.ts'
import { bySql, named, no, yes } from '../answer.ts'
import type { Question } from '../question.ts'
import type { Subject } from '../subject.ts'

interface Upkeep extends RelationName {
  disabled: boolean
  toast_disabled: boolean
  /** Has rows, and the planner knows nothing of them. */
  unanalyzed: boolean
  dead_rows: number
  dead_share: number
}

async function readUpkeep({ session, limits }: Subject): Promise<Upkeep[]> {
  return session.rows<Upkeep>(sql('doctor/upkeep'), [limits.deadRows, limits.deadShare])
}

export const autovacuum: Question = {
  id: 'autovacuum',
  ask: 'Does autovacuum look after every table?',
  async answer(subject) {
    const server = await subject.server()
    const off = (['autovacuum', 'track_counts'] as const).filter((name) => !server[name])
    const tables = (await readUpkeep(subject)).filter((table) => table.disabled || table.toast_disabled)
    if (off.length + tables.length === 0) return yes()
    const parameters = ({ disabled, toast_disabled }: Upkeep) => [
      ...(disabled ? ['autovacuum_enabled'] : []),
      ...(toast_disabled ? ['toast.autovacuum_enabled'] : []),
    ]
    return no(
      named([...off.map((name) => `${name} is off`), ...tables.map((table) => `not after ${shown(table)}`)]),
      bySql(
        ...off.map((name) => `ALTER SYSTEM SET ${name} = on`),
        ...(off.length > 0 ? ['SELECT pg_reload_conf()'] : []),
        ...tables.map((table) => `ALTER TABLE ${relation(table)} RESET (${parameters(table).join(', ')})`),
      ),
    )
  },
}

/** Autovacuum never analyzes a partitioned parent. */
export const analyzed: Question = {
  id: 'analyzed',
  ask: 'Does the planner know every table?',
  async answer(subject) {
    const tables = (await readUpkeep(subject)).filter(({ unanalyzed }) => unanalyzed)
    if (tables.length === 0) return yes()
    return no(
      `never analyzed: ${named(tables.map(shown))}`,
      bySql(...tables.map((table) => `ANALYZE ${relation(table)}`)),
    )
  },
}

export const deadRows: Question = {
  id: 'dead_rows',
  ask: 'Is no table full of dead rows?',
  async answer(subject) {
    const { deadRows: most, deadShare } = subject.limits
    const tables = (await readUpkeep(subject)).filter(
      ({ dead_rows, dead_share }) => dead_rows >= most && dead_share >= deadShare,
    )
    if (tables.length === 0) return yes('none is')
    const each = tables.map(
      (table) => `${shown(table)}: ${table.dead_rows} (${Math.round(100 * table.dead_share)} %)`,
    )
    return no(named(each), bySql(...tables.map((table) => `VACUUM (ANALYZE) ${relation(table)}`)))
  },
}
