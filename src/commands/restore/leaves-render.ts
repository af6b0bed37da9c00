import {
  asideName,
  keptName,
  type LeavesPlan,
  type PlannedRestore,
} from '../../backup/restore/leaves/plan.ts'
import type { LeavesResult } from '../../backup/restore/leaves/run.ts'
import { bytes, count, duration, moment, plural, printable } from '../../cli/format.ts'
import type { Stream } from '../../cli/streams.ts'
import { shown } from '../../postgres/identifiers.ts'

/** The plan for people: which leaves, what becomes of what is there, what goes with it. */
export function renderLeavesPlan({ paint }: Stream, plan: LeavesPlan): string {
  const { wishes, parent, leaves, loadedSince, leftovers } = plan
  const { backup, beside, anew } = wishes
  const age = (Date.now() - Date.parse(backup.manifest.snapshot.at)) / 1000
  const rows = leaves.reduce((sum, { table }) => sum + (table.rows ?? 0), 0)
  const disk = leaves.reduce((sum, { table }) => sum + table.bytes, 0)
  const since = loadedSince.map(({ load, input }) => `${load} (${input})`).join(', ')
  const more = leaves.filter(({ isMore }) => isMore)
  return `${[
    paint.bold('Plan'),
    `  backup    ${backup.name}, taken ${moment(new Date(backup.manifest.snapshot.at))} (${duration(age)} ago)`,
    `  restore   ${plural(leaves.length, 'leaf', 'leaves')} of ${shown(parent)} beside it, ${plural(rows, 'row')}, ${bytes(disk)} at most; their files are verified`,
    ...leaves.map((leaf) => `    ${leafLine(plan, leaf)}`),
    beside
      ? '  then      stop there: no leaf is touched'
      : '  exchange  in one transaction, once they are proved; the table is not touched before',
    ...leftovers.map(
      ({ aside_name, backup: other }) =>
        `  ${anew ? 'drop' : 'left'}      ${aside_name}, of an attempt with ${other}${anew ? '' : ' (--anew drops it)'}`,
    ),
    ...(more.length > 0
      ? [
          `${paint.yellow('!')} leaves are restored whole: ${more.map(({ name, dates }) => `${name} is all of ${dates?.from} to ${dates?.until}`).join('; ')}`,
        ]
      : []),
    ...(since
      ? [
          `${paint.yellow('!')} loaded into them since, and gone with them: load ${since}; --again loads a file once more`,
        ]
      : []),
  ]
    .map(printable)
    .join('\n')}\n`
}

function leafLine(plan: LeavesPlan, { name, twin, table, resumed }: PlannedRestore): string {
  const what = `${name}  ${table.rows === null ? 'rows not counted' : plural(table.rows, 'row')}`
  const done = resumed ? `, resumed: it is ${resumed.state}` : ''
  if (plan.wishes.beside) return `${what}${done}; as ${asideName(plan, name)}`
  return twin
    ? `${what}${done}; what is there is kept as ${keptName(plan, name)}`
    : `${what}${done}; it is missing, and is attached`
}

/** `dwh restore BACKUP DATASET --dry-run --json` */
export function leavesPlanJson(plan: LeavesPlan) {
  const { wishes, parent, leaves, loadedSince, leftovers } = plan
  return {
    backup: wishes.backup.name,
    taken_at: wishes.backup.manifest.snapshot.at,
    dataset: wishes.dataset.name,
    table: shown(parent),
    exchanges: !wishes.beside,
    leaves: leaves.map(({ name, twin, table, bound, isMore, resumed }) => ({
      leaf: name,
      bound,
      rows: table.rows,
      exists: twin !== undefined,
      kept: twin && !wishes.beside ? keptName(plan, name) : null,
      more_than_asked: isMore,
      resumes: resumed?.state ?? null,
    })),
    loaded_since: loadedSince.map(({ load, input }) => ({ load, input })),
    leftovers: leftovers.map(({ aside_name, backup }) => ({ table: aside_name, backup })),
  }
}

export function renderLeavesResult(_: Stream, result: LeavesResult): string {
  const { table, backup, leaves, exchanged, dataset, seconds } = result
  const rows = leaves.reduce((sum, leaf) => sum + leaf.rows, 0)
  const done = `${plural(leaves.length, 'leaf', 'leaves')} of ${table} from ${backup}: ${count(rows)} rows, compared, in ${duration(seconds)}`
  const kept = leaves.some((leaf) => leaf.kept !== null)
  const lines = exchanged
    ? [
        done,
        ...(kept ? [`what was there is kept: ${leaves.flatMap((leaf) => leaf.kept ?? []).join(', ')}`] : []),
        `dwh restore --undo ${dataset} exchanges back, dwh restore --finish ${dataset} drops what is kept`,
      ]
    : [
        `${done}; no leaf was touched. Compare:`,
        ...leaves.map(({ leaf, beside }) => `  TABLE ${beside}  with  TABLE ${leaf}`),
        'the same command without --beside exchanges them; --finish drops them',
      ]
  return `${lines.map(printable).join('\n')}\n`
}
