import { conversionScript } from '../convert/script.ts'
import { migrationScript } from '../migrate/script.ts'
import { leafScript } from '../partitions/script.ts'
import { comment } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import { proofColumns } from '../proof/columns.ts'
import type { SetupPlan } from './plan.ts'

/** The whole plan as SQL for psql; see `conversionScript` for what it leaves out. */
export async function setupScript(session: Session, plan: SetupPlan): Promise<string> {
  const { has_lz4 } = await session.one<{ has_lz4: boolean }>(sql('postgres/has_lz4'))
  const parts = [
    '\\set ON_ERROR_STOP on\n',
    await migrationScript(session, plan.migrations),
    "SET search_path = pg_catalog, pg_temp;\nSET DateStyle = 'ISO, YMD';\nSET TimeZone = 'UTC';\n",
  ]
  for (const leaves of plan.leaves) parts.push(await leafScript(session, leaves))
  for (const { dataset, leaves } of plan.newTables) {
    parts.push(
      `${comment(`${dataset.name}: its ${leaves.length} leaves come by: dwh partitions create ${dataset.name}`)}\n`,
    )
  }
  for (const conversion of plan.conversions) {
    parts.push(conversionScript(conversion, await proofColumns(session, conversion.table.oid), has_lz4))
  }
  return parts.join('\n')
}
