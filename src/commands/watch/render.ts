import { cut, fitLine, type Span } from '../../cli/fit.ts'
import { bytes, count, plural, printable } from '../../cli/format.ts'
import type { ScreenSize } from '../../cli/screen.ts'
import type { WatchDocument, WatchedBackfill } from '../../monitor/watch/document.ts'
import { textWidth } from '../../text-width.ts'
import type { Look, Section } from './section.ts'
import { doneOf, sections, shortfall } from './sections.ts'
import { clock, pace, paintOf, percent, roughly } from './words.ts'

/** A look as lines that fit on a screen: the state of each backfill first, then what explains it, as far as there is room. */
export function render(document: WatchDocument, look: Look & Partial<ScreenSize>, note?: string): string[] {
  const { columns, paint, rows = Infinity } = look
  const top = [
    // A frame of a screen has an end; what is printed has none.
    titleLine(document, look, look.rows !== undefined),
    ...(note === undefined ? [] : [fitLine([{ text: `! ${note}`, paint: paint.red }], columns)]),
    ...document.backfills.flatMap((backfill) => head(backfill, look, document.backfills.length <= 2)),
  ]
  return [...top, ...layOut(sections(document, look), rows - top.length)].slice(0, rows)
}

function titleLine(
  { database, at, disk_left: left }: WatchDocument,
  { columns, paint }: Look,
  isLive: boolean,
): string {
  const disk = left === null ? '' : `  ${bytes(left)} of disk left`
  const text = `${clock(at)}  database ${database}${disk}${isLive ? '  q quits' : ''}`
  return fitLine([{ text, paint: paint.dim }], columns)
}

/** What somebody on call must see: state, progress, time left, and why it does not go on. */
function head(backfill: WatchedBackfill, { columns, paint }: Look, withBar: boolean): string[] {
  const { state, chunks, cause, stalled_since: since, ended_at: ended, rate, eta } = backfill
  const ink = paintOf(paint, state)
  const facts = [
    `${count(doneOf(chunks))} of ${plural(chunks.total, 'window')}`,
    ...(rate === null ? [] : [`${pace(rate)} rows/s`]),
    ...(eta === null ? [] : [`about ${roughly(eta)} left`]),
    ...(ended === null ? [] : [`ended ${clock(ended)}`]),
  ]
  const short = shortfall(chunks)
  const lines: Span[][] = [
    [
      { text: `backfill ${backfill.backfill}`, paint: paint.bold },
      ` ${backfill.warehouse}  `,
      { text: since ? `${state} since ${clock(since)}` : state, paint: (text) => ink.bold(text) },
      `  ${facts.join('  ')}`,
    ],
    ...(withBar ? [bar(backfill, columns, ink, paint.red)] : []),
    [
      ...(short.length > 0 ? [{ text: short.join(', '), paint: paint.red }, '  '] : []),
      `${count(backfill.records)} records`,
      ...(backfill.rejected > 0
        ? [`, ${count(backfill.rejected)} rejects (${percent(backfill.success)} accepted)`]
        : []),
      ...(chunks.running > 0
        ? [`, ${plural(chunks.running, 'window')} at work of ${backfill.parallel} at most`]
        : []),
    ],
  ]
  if (cause) {
    const alarm = state === 'stalled' ? paint.red : paint.yellow
    // The end of a long one is who stands in the way, or what an error said.
    const [first = '', ...more] = folded(printable(cause.text), columns - 2, 2)
    lines.push(
      [{ text: `! ${first}`, paint: alarm }],
      ...more.map((text) => [{ text: `  ${text}`, paint: alarm }]),
    )
    if (cause.advice) lines.push([{ text: `  ${cause.advice}`, paint: paint.cyan }])
  }
  return lines.map((line) => fitLine(line, columns))
}

/** A text in at most so many lines, cut where there is a space; the last one may be too long. */
function folded(text: string, columns: number, most: number): string[] {
  if (most <= 1 || textWidth(text) <= columns) return [text]
  const at = cut(text, columns).lastIndexOf(' ')
  return at <= 0 ? [text] : [text.slice(0, at), ...folded(text.slice(at + 1), columns, most - 1)]
}

/** `███████▓▓▒▒▒░░░░  57 %`: windows that are done, those that came to another end, those at work, those that are left. */
function bar(
  { chunks }: WatchedBackfill,
  columns: number,
  ink: (text: string) => string,
  alarm: (text: string) => string,
): Span[] {
  const { total, running, failed, quarantined, cancelled } = chunks
  const share = total === 0 ? 1 : doneOf(chunks) / total
  const room = Math.max(10, Math.min(columns, 100) - 7)
  const part = (of: number) => Math.ceil((of / Math.max(1, total)) * room)
  const full = Math.floor(share * room)
  const short = Math.min(room - full, part(failed + quarantined + cancelled))
  const atWork = Math.min(room - full - short, part(running))
  return [
    { text: '█'.repeat(full), paint: ink },
    { text: '▓'.repeat(short), paint: alarm },
    { text: '▒'.repeat(atWork), paint: ink },
    '░'.repeat(room - full - short - atWork),
    ` ${String(Math.floor(share * 100)).padStart(3)} %`,
  ]
}

/** Gives each section its least lines by priority, then shares out what is left; a blank line stands before each. */
function layOut(all: Section[], rows: number): string[] {
  const byPriority = all.toSorted((a, b) => a.priority - b.priority)
  const room = new Map<Section, number>()
  let left = rows
  for (const section of byPriority) {
    if (section.least + 1 > left) continue
    room.set(section, section.least)
    left -= section.least + 1
  }
  for (const section of byPriority) {
    const given = room.get(section)
    if (given === undefined) continue
    const more = Math.min(left, section.full - given)
    room.set(section, given + more)
    left -= more
  }
  return all.flatMap((section) => {
    const given = room.get(section)
    return given === undefined ? [] : ['', ...section.draw(given)]
  })
}

/** One line a backfill, for where nothing can be redrawn. */
export function plainLine(backfill: WatchedBackfill): string {
  const { chunks, cause, state, rate, eta } = backfill
  return [
    `backfill ${backfill.backfill} ${state}${backfill.stalled_since ? ` since ${clock(backfill.stalled_since)}` : ''}`,
    `${count(doneOf(chunks))} of ${plural(chunks.total, 'window')}`,
    ...(chunks.running > 0 ? [`${count(chunks.running)} running`] : []),
    ...shortfall(chunks),
    `${count(backfill.records)} records`,
    ...(rate === null ? [] : [`${pace(rate)} rows/s`]),
    ...(backfill.rejected > 0 ? [`${count(backfill.rejected)} rejects`] : []),
    ...(eta === null ? [] : [`about ${roughly(eta)} left`]),
    ...(cause ? [cause.text] : []),
  ].join(', ')
}
