import { bytes, count, duration, milliseconds, plural, printable } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { table } from '../../cli/table.ts'
import type { ConversionPlan } from '../../convert/plan.ts'
import { asideName } from '../../dedup/aside.ts'
import { shown } from '../../postgres/identifiers.ts'
import { estimate, type SetupPlan } from '../../setup/plan.ts'
import type { Gain, SetupOptions } from '../../setup/run.ts'

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

/** What the conversion brought, measured. */
export function renderGains(stream: Stream, gains: Gain[]): string {
  const lines = gains.flatMap(({ table, before, after }) => [
    { table, what: 'rows', before: count(before.rows), after: count(after.rows), change: '' },
    {
      table,
      what: 'size',
      before: bytes(before.bytes),
      after: bytes(after.bytes),
      change: percent(before.bytes, after.bytes),
    },
    {
      table,
      what: `busiest ${before.period}, warm`,
      before: milliseconds(before.milliseconds),
      after: milliseconds(after.milliseconds),
      change: `${(before.milliseconds / after.milliseconds).toFixed(1)}× as fast`,
    },
    {
      table,
      what: 'leaves read',
      before: '1 table',
      after: `${after.tables_read} of ${after.tables}`,
      change: `${after.tables - after.tables_read} pruned`,
    },
  ])
  const queries = gains.map(({ before }) => `${stream.paint.dim(printable(before.query))}\n`)
  return (
    table(
      stream,
      [
        { title: 'table', value: ({ table }) => table },
        { title: 'measure', value: ({ what }) => what },
        { title: 'before', value: ({ before }) => before, align: 'right' },
        { title: 'after', value: ({ after }) => after, align: 'right' },
        { title: '', value: ({ change }) => change },
      ],
      lines,
    ) + queries.join('')
  )
}

function percent(before: number, after: number): string {
  const change = Math.round((after / before - 1) * 100)
  return `${change > 0 ? '+' : ''}${change} %`
}
