import type { ConversionPlan } from '../../convert/plan.ts'
import { answersJson } from '../../doctor/answer.ts'
import { shown } from '../../postgres/identifiers.ts'
import { estimate, type SetupPlan } from '../../setup/plan.ts'

/** The document of `dwh setup --dry-run --json`; see docs/json.md. */
export function planJson(plan: SetupPlan, backupFolder: string | undefined) {
  const { answers, migrations, leaves, newTables, conversions } = plan
  const { seconds, bytes } = estimate(plan)
  return {
    questions: answersJson(answers),
    migrations: migrations.map(({ folder, file }) => `${folder.label}/${file.name}`),
    leaves: [...leaves, ...newTables].flatMap(({ dataset: { target }, leaves: planned }) =>
      planned.map(({ name }) => shown({ schema: target.schema, name })),
    ),
    conversions: conversions.map(conversionJson),
    backup_folder: conversions.length > 0 ? (backupFolder ?? null) : null,
    seconds,
    bytes,
  }
}

function conversionJson(plan: ConversionPlan) {
  const { dataset, table, before, rows, leaves, indexes, duplicates, notes, losses, resumes } = plan
  return {
    dataset: dataset.name,
    table: shown(table),
    kept: shown(before),
    rows: rows.rows,
    bytes: table.total_bytes,
    unknown_rows: rows.nulls + rows.outside,
    duplicates: duplicates.rows,
    leaves: leaves.map(({ name }) => name),
    indexes: indexes.map(({ name, columns }) => ({ name, columns })),
    notes,
    losses,
    resumes: resumes !== undefined,
  }
}
