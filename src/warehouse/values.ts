import { CronTime } from 'cron'
import { Temporal } from 'temporal-polyfill'
import { z } from 'zod'
import { parseRelation, type RelationName } from '../postgres/identifiers.ts'

/** A name of our own (dataset, source, job, warehouse): it appears in the ledger and in file names. */
export const ownName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, 'a name in lower case: letters, digits and _, at most 40, a letter first')

/** A column or schema name as it stands in the catalogue, without quotes. */
export const catalogueName = z
  .string()
  .min(1)
  .refine(
    (name) => !name.includes('\0') && Buffer.byteLength(name) <= 63,
    'a PostgreSQL name of at most 63 bytes',
  )

/** `schema.table`, quoted as in SQL where needed. */
export const relationName = z.string().transform((text, context): RelationName => {
  try {
    return parseRelation(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'expected a table name like schema.table' })
    return z.NEVER
  }
})

/** `2020-01-01`; a year or a month alone stand for their first day. */
export const calendarDate = z
  .union([z.string(), z.int().transform(String)])
  .transform((text, context): Temporal.PlainDate => {
    const [, year, month = '01', day = '01'] = /^(\d{4,6})(?:-(\d\d)(?:-(\d\d))?)?$/.exec(text) ?? []
    try {
      if (year === undefined) throw new RangeError('not a date')
      return Temporal.PlainDate.from({ year: +year, month: +month, day: +day }, { overflow: 'reject' })
    } catch {
      context.addIssue({ code: 'custom', message: `expected a date like 2020-01-01, 2020-01 or 2020` })
      return z.NEVER
    }
  })

export const timeZone = z.string().refine((zone) => {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }))
  } catch {
    return false
  }
}, 'expected an IANA time zone like Europe/Paris')

const spanPattern = /^(\d+)\s*(second|minute|hour|day|week|month|year)s?$/

export interface Span {
  amount: number
  unit: 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'
}

/** `90 days`, `10 years`, `30 seconds` */
export const span = z.string().transform((text, context): Span => {
  const [, amount, unit] = spanPattern.exec(text.trim()) ?? []
  if (!amount) {
    context.addIssue({
      code: 'custom',
      message: 'expected a length of time like 90 days, 10 years or 30 seconds',
    })
    return z.NEVER
  }
  return { amount: Number(amount), unit: unit as Span['unit'] }
})

/** `95%` or `0.95`, as a number from 0 to 1. */
export const share = z.union([z.number(), z.string()]).transform((written, context): number => {
  const [, percent] = typeof written === 'string' ? (/^(\d+(?:\.\d+)?)\s*%$/.exec(written.trim()) ?? []) : []
  const value = typeof written === 'number' ? written : Number(percent ?? Number.NaN) / 100
  if (!(value >= 0 && value <= 1)) {
    context.addIssue({ code: 'custom', message: 'expected a share like 95% or 0.95' })
    return z.NEVER
  }
  return value
})

/** Five fields, parsed by the `cron` package; dates that never come, such as 31 February, are refused. */
export const cronExpression = z.string().refine((expression) => {
  if (expression.trim().split(/\s+/).length !== 5) return false
  try {
    new CronTime(expression, 'UTC').sendAt()
    return true
  } catch {
    return false
  }
}, 'expected five cron fields that name a day that exists, like 0 2 * * 1')

/** `Mon 02:00-05:00 Europe/Paris`, `Mon-Fri 20:00-06:00 Europe/Paris`, `02:00-05:00` (every day, UTC) */
export const timeWindow = z
  .string()
  .regex(
    /^((Mon|Tue|Wed|Thu|Fri|Sat|Sun)([-–,](Mon|Tue|Wed|Thu|Fri|Sat|Sun))*\s+)?\d\d:\d\d[-–]\d\d:\d\d(\s+\S+)?$/,
    'expected a window like Mon 02:00-05:00 Europe/Paris',
  )
