import type { FileResult, PlannedFile } from '../load/files.ts'
import { shown } from '../postgres/identifiers.ts'
import { bytes, count, duration, plural, printable } from './format.ts'
import type { Stream } from './streams.ts'

export function renderPlan({ paint }: Stream, { input, target, plan, earlier }: PlannedFile): string {
  const name = paint.bold(printable(input.name))
  if (!plan) {
    const run = earlier?.run ? ` by run ${earlier.run}` : ''
    return `${name}  was loaded already${run} (load ${earlier?.load}): it is left out\n`
  }
  const { strategy, why, rows, touched, missing, sampled, scope } = plan
  const { ignored, missing: unfilled } = target.plan
  const names = (list: string[]) => printable(list.join(', '))
  const lines = [
    `${name}  about ${plural(rows, 'row')} (${bytes(input.bytes)}) to ${shown(target.dataset.target)} by ${paint.cyan(strategy)}: ${why}`,
    ...(touched.length > 0
      ? [`  leaves: ${several(touched)}${missing.length > 0 ? `; to be created: ${several(missing)}` : ''}`]
      : []),
    ...(ignored.length > 0 ? [paint.yellow(`  columns that go nowhere: ${names(ignored)}`)] : []),
    ...(unfilled.length > 0
      ? [`  columns that the file does not have: ${names(unfilled.map(({ name }) => name))}`]
      : []),
    ...(scope !== undefined ? [`  ${replacedRows(target, scope)} are replaced`] : []),
    ...(sampled.refused > 0
      ? [
          paint.yellow(
            `  of ${plural(sampled.records, 'record')} looked at ${count(sampled.refused)} would be refused`,
          ),
        ]
      : []),
  ]
  return `${lines.join('\n')}\n`
}

/** Where the target has no leaves, no days are told apart. */
function replacedRows({ leaves, dataset }: PlannedFile['target'], scope: string): string {
  const which = scope === 'true' ? '' : printable(scope)
  if (!leaves) return which ? `rows of ${which}` : `all rows of ${shown(dataset.target)}`
  return `rows of ${which ? `${which} and ` : ''}its days`
}

function several(names: string[]): string {
  if (names.length <= 3) return names.join(', ')
  return `${names[0]} … ${names.at(-1)} (${names.length})`
}

export function renderResult({ paint }: Stream, result: FileResult): string {
  const name = paint.bold(printable(result.file))
  if (result.state === 'already loaded') return `${name}  was loaded already (load ${result.load}): left out`
  if (result.state === 'failed') return `${paint.red('✗')} ${name}  ${result.error.message}`
  const { loaded, seconds } = result
  const parts = [
    `${count(loaded.inserted)} inserted`,
    ...(['updated', 'moved', 'unchanged', 'replaced'] as const).flatMap((key) =>
      loaded[key] > 0 ? [`${count(loaded[key])} ${key}`] : [],
    ),
    ...(loaded.duplicates > 0 ? [`${count(loaded.duplicates)} duplicates`] : []),
    ...(loaded.rejected > 0 ? [paint.yellow(`${count(loaded.rejected)} rejects`)] : []),
  ]
  const rate = seconds > 0 ? `, ${count(Math.round(loaded.records / seconds))} rows/s` : ''
  const rejects = loaded.rejected > 0 ? `\n  why: dwh rejects list --load ${loaded.load}` : ''
  return `${paint.green('✓')} ${name}  ${plural(loaded.records, 'record')} in ${duration(seconds)}${rate}: ${parts.join(', ')}${rejects}`
}
