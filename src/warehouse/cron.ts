import { CronTime } from 'cron'

/** The five fields of a cron expression as sets of numbers; weekdays from 0, which is Sunday, to 6. */
export interface CronFields {
  minutes: number[]
  hours: number[]
  days: ReadonlySet<number>
  months: ReadonlySet<number>
  weekdays: ReadonlySet<number>
  /** The hours are `*` or a step of it: the job follows the clock of the world and not that on the wall. */
  everyHour: boolean
}

/**
 * Reads an expression with the parser of `cron`. Its walk over the calendar is not used: it ends eight years after today, fires
 * twice where a clock is put back by half an hour, and finds out only then that a day never comes.
 *
 * @returns undefined where it cannot be read, has not five fields, or names no day that exists
 */
export function parseCron(expression: string): CronFields | undefined {
  const written = expression.trim().split(/\s+/)
  if (written.length !== 5) return undefined
  const sets = readSets(expression)
  if (!sets) return undefined
  const [minutes, hours, days, months, weekdays] = sets
  const isEverDue = weekdays.length < 7 || months.some((month) => days.some((day) => day <= longest(month)))
  if (!isEverDue) return undefined
  return {
    ...{ minutes, hours },
    days: new Set(days),
    months: new Set(months),
    weekdays: new Set(weekdays),
    everyHour: written[1]?.startsWith('*') ?? false,
  }
}

type Sets = [minutes: number[], hours: number[], days: number[], months: number[], weekdays: number[]]

/** `toJSON` of the parser says `*` for every field that lacks its greatest value only, so that its own sets are read. */
function readSets(expression: string): Sets | undefined {
  try {
    const time = new CronTime(expression, 'UTC') as unknown as Record<string, Record<string, true>>
    return ['minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek'].map((name) =>
      Object.keys(time[name] ?? {})
        .map(Number)
        .toSorted((a, b) => a - b),
    ) as Sets
  } catch {
    return undefined
  }
}

const longest = (month: number) => (month === 2 ? 29 : [4, 6, 9, 11].includes(month) ? 30 : 31)

/**
 * Whether a day fits: where both its day of the month and its weekday are restricted one of them is enough, as in any cron.
 *
 * @param day midnight of the day in UTC
 */
export function fitsDay({ days, months, weekdays }: CronFields, day: Date): boolean {
  if (!months.has(day.getUTCMonth() + 1)) return false
  const fitsMonth = days.has(day.getUTCDate())
  const fitsWeek = weekdays.has(day.getUTCDay())
  return days.size < 31 && weekdays.size < 7 ? fitsMonth || fitsWeek : fitsMonth && fitsWeek
}
