import { relation } from '../../postgres/identifiers.ts'
import type { CaredTable } from '../tables.ts'
import { plainCount } from '../words.ts'
import type { Advice } from './advice.ts'

/** Above so many rows a fifth of them, the default, is more than autovacuum should wait for. */
const manyRows = 1_000_000
/** Autovacuum shall come after about so many changed rows. */
const changes = 200_000

/**
 * How autovacuum should look after large leaves that are written: by a number of changed rows, and not by a part of all.
 *
 * @param closed oids of leaves whose dates are over, which nobody writes any more
 * @param parameters by oid
 */
export function adviseTables(
  tables: CaredTable[],
  closed: ReadonlySet<number>,
  parameters: ReadonlyMap<number, ReadonlyMap<string, string>>,
): Advice[] {
  return tables.flatMap((table): Advice[] => {
    if (table.is_parent || closed.has(table.oid) || table.row_count < manyRows) return []
    const scale = Math.max(0.001, Math.round((changes / table.row_count) * 1000) / 1000)
    const wanted = {
      autovacuum_vacuum_scale_factor: scale,
      autovacuum_vacuum_insert_scale_factor: scale,
      autovacuum_analyze_scale_factor: scale,
    }
    const own = parameters.get(table.oid)
    const missing = Object.entries(wanted).filter(([name, value]) => {
      const now = own?.get(name)
      return now === undefined || Number(now) > 2 * value
    })
    if (missing.length === 0) return []
    const list = missing.map(([name, value]) => `${name} = ${value}`).join(', ')
    return [
      {
        area: 'autovacuum',
        statement: `ALTER TABLE ${relation(table)} SET (${list})`,
        why: `of ${plainCount(table.row_count, 'row')} a fifth would have to change before autovacuum comes`,
        needs_restart: false,
      },
    ]
  })
}
