import { bytes, count, duration, plural, printable } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import type { ConversionPlan } from '../../convert/plan.ts'
import { asideName } from '../../dedup/aside.ts'
import { shown } from '../../postgres/identifiers.ts'
import { estimate, type SetupPlan } from '../../setup/plan.ts'
import type { SetupOptions } from '../../setup/run.ts'

/** The plan for people: checks, what is created, converted, locked, how long and how much disk. */
export function renderPlan(stream: Stream, plan: SetupPlan, { backupFolder, jobs }: SetupOptions): string {
  const { paint } = stream
  const lines: string[] = []
  for (const { question, answer, finding, mend } of plan.answers) {
    const mark = { yes: paint.green('✓'), unknown: paint.dim('?') }[answer as string] ?? paint.yellow('!')
    const way = mend ? paint.dim(` → ${printable(mend.text.replaceAll('\n', ' '))}`) : ''
    lines.push(`${mark} ${question} ${paint.dim(printable(finding))}${way}`)
  }
  lines.push('', paint.bold('Plan'))
  if (plan.migrations.length > 0) {
    lines.push(
      `  apply ${plural(plan.migrations.length, 'migration')}: ${plan.migrations.map(({ file }) => file.name).join(', ')}`,
    )
  }
  for (const { dataset, leaves } of plan.newTables) {
    lines.push(
      `  create ${shown(dataset.target)} with ${plural(leaves.length, 'leaf', 'leaves')} by ${dataset.partition.grain}`,
    )
  }
  for (const { dataset, leaves } of plan.leaves) {
    if (leaves.length > 0)
      lines.push(`  create ${plural(leaves.length, 'leaf', 'leaves')} of ${shown(dataset.target)}`)
  }
  for (const conversion of plan.conversions) lines.push(...conversionLines(conversion))
  for (const { schema_name, table_name } of plan.unmeasured)
    lines.push(`  measure ${schema_name}.${table_name}, converted by an earlier run`)
  if (plan.conversions.length > 0) {
    const { seconds, bytes: needed } = estimate(plan)
    lines.push(
      backupFolder
        ? `  before it, a backup of these tables by pg_dump in ${printable(backupFolder)}`
        : '  without a backup',
      `  about ${duration(Math.max(1, seconds))} on ${plural(jobs, 'connection')}, and about ${bytes(needed)} of disk until --finish`,
      '  locks: writers of a table wait while it is converted; readers wait twice for a moment, when the swap is rehearsed and when it is made',
    )
  }
  return `${lines.join('\n')}\n`
}

function conversionLines({
  table,
  dataset,
  rows,
  leaves,
  indexes,
  losses,
  notes,
  duplicates,
  before,
  resumes,
}: ConversionPlan): string[] {
  const outside = rows.nulls + rows.outside
  const first = leaves.find(({ range }) => range)?.range?.from.join(', ')
  const last = leaves.findLast(({ range }) => range)?.range?.to.join(', ')
  return [
    `  convert ${shown(table)}: ${count(rows.rows)} rows, ${bytes(table.total_bytes)}, into ` +
      `${plural(leaves.length, 'leaf', 'leaves')} by ${dataset.partition.grain} [${first}, ${last})` +
      `${resumes ? ', resuming an interrupted run' : ''}`,
    ...(outside > 0
      ? [
          `    to the unknown leaf: ${plural(outside, 'row')} without a date, or beyond the limits, such as ${rows.examples.join('; ')}`,
        ]
      : []),
    ...(duplicates.rows > 0
      ? [
          `    set aside ${count(duplicates.rows)} rows, such as ${duplicates.example}, into ${shown(asideName(table))}: of ` +
            `${plural(duplicates.keys, 'key')} (${dataset.key?.join(', ')}) the newest row by ${dataset.recency} stays` +
            `${duplicates.ties > 0 ? `; ${count(duplicates.ties)} have several, of which the one stored last stays` : ''}`,
        ]
      : []),
    `    ${plural(indexes.length, 'index', 'indexes')} on each leaf: ${indexes.map(({ name, columns }) => `${name} (${columns.join(', ')})`).join(', ')}`,
    ...notes.map((note) => `    note: ${note}`),
    ...losses.map((loss) => `    cannot be kept: ${loss}`),
    `    the plain table is kept as ${shown(before)}`,
  ].map(printable)
}
