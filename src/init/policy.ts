import { Temporal } from 'temporal-polyfill'
import type { PlainTable } from '../convert/table.ts'
import { periodOf, periodStart } from '../partitions/periods.ts'
import { serverToday } from '../partitions/tree.ts'
import type { Session } from '../postgres/session.ts'
import type { Grain } from '../warehouse/schema.ts'
import { timeZone } from '../warehouse/values.ts'
import { type Core, chooseGrain, type Occupied } from './grain.ts'
import type { Candidate } from './partition-key.ts'
import type { KeySurvey } from './survey.ts'

/** One line of the warehouse file, and in plain words why it says so. */
export interface Field {
  name: string
  value: string | number | boolean | string[]
  reason: string | undefined
}

type Date = Temporal.PlainDate

const { compare } = Temporal.PlainDate
const count = (rows: number) => rows.toLocaleString('en')

/** Leaves that are made ahead: a policy that is looked at once a month must not run dry. */
const ahead: Record<Grain, number> = { day: 62, week: 9, month: 3, quarter: 2, year: 2 }

/** The policy that fits where the rows of a table lie, field by field. */
export async function proposePolicy(
  session: Session,
  table: PlainTable,
  candidate: Candidate,
  zone: string | undefined,
  survey: KeySurvey,
  core: Core,
): Promise<Field[]> {
  const { key, kind } = candidate
  const grains: Grain[] =
    kind === 'year_quarter' ? ['year', 'quarter'] : ['year', 'quarter', 'month', 'week', 'day']
  const rowBytes = table.heap_bytes / Math.max(1, survey.rows)
  const { grain, leaves, busiest } = chooseGrain(core.occupied, rowBytes, grains)
  const fields: Field[] = []
  const add = (name: string, value: Field['value'], reason?: string) =>
    void fields.push({ name, value, reason })
  add('key', key.length === 1 ? (key[0] as string) : key, candidate.reasons.join('; '))
  add('kind', kind)
  add(
    'grain',
    grain,
    `${leaves} ${leaves === 1 ? 'leaf' : 'leaves'} with rows so far, of at most ${count(busiest)} rows`,
  )
  if (zone) add('zone', zone, "the database's own TimeZone, in which its sessions cut days")
  addSpan(add, core, grain, await serverToday(session, zone ?? 'UTC'))
  addStrays(add, survey, core)
  return fields
}

type Add = (name: string, value: Field['value'], reason?: string) => void

/** From when to when, and whether the calendar goes on to make leaves. */
function addSpan(add: Add, core: Core, grain: Grain, today: Date): void {
  const [first, last] = [core.occupied[0], core.occupied.at(-1)]
  if (!first || !last) return
  const from = periodStart(first.start, grain)
  add('from', written(from, grain), `the first rows are of ${label(first)}`)
  if (compare(last.end, today.subtract({ years: 1 })) < 0) {
    const { end } = periodOf(last.end.subtract({ days: 1 }), grain)
    add('until', written(end, grain), `excluded: the last rows are of ${label(last)}`)
    add('premake', 0, 'nothing came for a year: history, for which the calendar makes no leaves')
  } else {
    add('premake', ahead[grain], 'leaves beyond the current one')
  }
}

/** Rows that get no leaf by their date. */
function addStrays(
  add: Add,
  { exact, rows, nulls, outside, examples }: KeySurvey,
  { early, late }: Core,
): void {
  const sum = (periods: Occupied[]) => periods.reduce((total, period) => total + period.rows, 0)
  const [tooLate] = late
  if (tooLate) {
    const year = tooLate.start.year
    add('ceiling', year, `${count(sum(late))} rows are of ${label(tooLate)} or later, years after all others`)
  }
  const some = examples.length > 0 ? `, such as ${examples.slice(0, 3).join('; ')}` : ''
  const strays = [
    ...(nulls > 0 ? [`${count(nulls)} rows have no date`] : []),
    ...(outside > 0 ? [`${count(outside)} lie outside of 1900 to 2100${nulls > 0 ? '' : some}`] : []),
    ...(early.length > 0 ? [`${count(sum(early))} lie years before all others`] : []),
    ...(late.length > 0 ? [`${count(sum(late))} lie years after all others`] : []),
    ...(exact ? [] : ['not every row could be looked at in the time: one without a date may be among them']),
  ]
  if (strays.length > 0) add('unknown', true, `a leaf for the rest: ${strays.join(', ')}`)
  else
    add(
      'unknown',
      false,
      `every one of the ${count(rows)} rows has a date; \`true\` would take rows without one`,
    )
}

/** The zone that days are cut in; undefined for UTC, for keys without one, and where it has no name of the IANA. */
export async function zoneFor(session: Session, { kind }: Candidate): Promise<string | undefined> {
  if (kind !== 'timestamptz') return undefined
  const { zone } = await session.one<{ zone: string }>(
    "SELECT reset_val AS zone FROM pg_settings WHERE name = 'TimeZone'",
  )
  const isUtc = /^(Etc\/)?(UTC|GMT|UCT|Zulu|Universal|Greenwich)$/i.test(zone)
  return isUtc || !timeZone.safeParse(zone).success ? undefined : zone
}

/** `2020`, `2020-05` or `2020-05-17`, as short as the grain allows. */
function written(date: Date, grain: Grain): string | number {
  if (grain === 'year') return date.year
  return grain === 'week' || grain === 'day' ? date.toString() : date.toString().slice(0, 7)
}

function label({ start }: Occupied): string {
  return start.toString().slice(0, 7)
}
