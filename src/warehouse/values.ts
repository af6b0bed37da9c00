import { Temporal } from 'temporal-polyfill'
import { z } from 'zod'
import { parseRelation, type RelationName } from '../postgres/identifiers.ts'
import { splitWords } from './command-line.ts'
import { parseCron } from './cron.ts'

// Every message begins with `expected`: what was found instead is put before it where mistakes are told. The same words
// are the title of the schema, which docs/warehouse-file.md shows.

/** `expected a date` → `a date` */
const titled = (expected: string) => ({ title: expected.replace(/^expected /, '') })

/** A text of one pattern, and one message for whatever is not. */
const pattern = (regex: RegExp, expected: string) =>
  z.string(expected).regex(regex, expected).meta(titled(expected))

/** A name of our own (dataset, source, job, warehouse): it appears in the ledger and in file names. */
export const ownName = pattern(
  /^[a-z][a-z0-9_]{0,39}$/,
  'expected a name in lower case: letters, digits and _, at most 40, a letter first',
)

const catalogueNameExpected = 'expected a PostgreSQL name of at most 63 bytes'

/** A column or schema name as it stands in the catalogue, without quotes. */
export const catalogueName = z
  .string(catalogueNameExpected)
  .refine(
    (name) => name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63,
    catalogueNameExpected,
  )
  .meta({ title: 'a PostgreSQL name' })

const relationExpected = 'expected a table name like schema.table'

/** A stanza of pgBackRest: a section of its configuration and a folder of its repository. */
export const stanzaName = pattern(
  /^(?!global$)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/,
  'expected a name of letters, digits, _, . and -, other than global',
)

/** `schema.table`, quoted as in SQL where needed. */
export const relationName = z
  .string(relationExpected)
  .transform((text, context): RelationName => {
    try {
      return parseRelation(text)
    } catch {
      context.addIssue({ code: 'custom', message: relationExpected })
      return z.NEVER
    }
  })
  .meta(titled(relationExpected))

/**
 * Entries under names that must fit `name`. Unlike `z.record(name, value)` it looks at the value of a name that does not
 * fit too, so that its mistakes are told in the same breath.
 */
export function named<V extends z.ZodType>(name: z.ZodType<string>, value: V) {
  return z.record(z.string(), value).superRefine((entries, context) => {
    for (const key of Object.keys(entries)) {
      const issues = name.safeParse(key).error?.issues
      if (issues) context.addIssue({ code: 'invalid_key', origin: 'record', issues, path: [key], input: key })
    }
  }, whenRight())
}

/** Lets a rule that joins fields run when each of them is right by itself, whatever else is wrong beside them. */
export function whenRight(...fields: string[]) {
  return {
    when: ({ issues }: z.core.ParsePayload) =>
      !issues.some(({ code, path = [] }) =>
        path.length === 0 ? code === 'invalid_type' : fields.includes(String(path[0])),
      ),
  }
}

const dateExpected = 'expected a date like 2020-01-01, 2020-01 or 2020'

/** `2020-01-01`; a year or a month alone stand for their first day. */
export const calendarDate = z
  .union([z.string(), z.int().transform(String)], dateExpected)
  .transform((text, context): Temporal.PlainDate => {
    const [, year, month = '01', day = '01'] = /^(\d{4,6})(?:-(\d\d)(?:-(\d\d))?)?$/.exec(text) ?? []
    try {
      if (year === undefined) throw new RangeError('not a date')
      return Temporal.PlainDate.from({ year: +year, month: +month, day: +day }, { overflow: 'reject' })
    } catch {
      context.addIssue({ code: 'custom', message: dateExpected })
      return z.NEVER
    }
  })
  .meta(titled(dateExpected))

const instantExpected = 'expected a time with its zone like 2026-11-22T03:15:00+01:00 or 2026-11-22 02:15Z'

/** A time that is one time everywhere: without a zone, nobody knows at night whose clock was meant. */
export const instant = z
  .string(instantExpected)
  .transform((text, context): Temporal.Instant => {
    try {
      return Temporal.Instant.from(text.trim())
    } catch {
      context.addIssue({ code: 'custom', message: instantExpected })
      return z.NEVER
    }
  })
  .meta(titled(instantExpected))

const zoneExpected = 'expected an IANA time zone like Europe/Paris'

/** An offset such as +02:00 is refused: PostgreSQL reads its sign the other way round, as POSIX does. */
export const timeZone = z.string(zoneExpected).refine(isTimeZone, zoneExpected).meta(titled(zoneExpected))

function isTimeZone(zone: string): boolean {
  try {
    return /^[A-Za-z]/.test(zone) && Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }))
  } catch {
    return false
  }
}

export interface Span {
  amount: number
  unit: 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'
}

const spanPattern = /^([1-9]\d{0,5})\s*(?:(second|minute|hour|day|week|month|year)s?|(s|min|h|d))$/
const shortUnits: Record<string, Span['unit']> = { s: 'second', min: 'minute', h: 'hour', d: 'day' }
const spanExpected = 'expected a length of time like 90 days, 10 years or 30 seconds'

/** `90 days`, `10 years`, `30 seconds`; also `30s`, `5min`, `2h`, `90d` */
export const span = z
  .string(spanExpected)
  .transform((text, context): Span => {
    const [, amount, unit, short = ''] = spanPattern.exec(text.trim()) ?? []
    if (!amount) {
      context.addIssue({ code: 'custom', message: spanExpected })
      return z.NEVER
    }
    return { amount: Number(amount), unit: shortUnits[short] ?? (unit as Span['unit']) }
  })
  .meta(titled(spanExpected))

/** The length in seconds; a month counts as 30 days and a year as 365. */
export function spanSeconds({ amount, unit }: Span): number {
  const day = 86_400
  return (
    amount * { second: 1, minute: 60, hour: 3600, day, week: 7 * day, month: 30 * day, year: 365 * day }[unit]
  )
}

/** `90 days`, as it is written in the file. */
export function spanText({ amount, unit }: Span): string {
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}

const shareExpected = 'expected a share like 95% or 0.95'

/** `95%` or `0.95`, as a number from 0 to 1. */
export const share = z
  .union([z.number(), z.string()], shareExpected)
  .transform((written, context): number => {
    const [, percent] =
      typeof written === 'string' ? (/^(\d+(?:\.\d+)?)\s*%$/.exec(written.trim()) ?? []) : []
    const value = typeof written === 'number' ? written : Number(percent ?? Number.NaN) / 100
    if (!(value >= 0 && value <= 1)) {
      context.addIssue({ code: 'custom', message: shareExpected })
      return z.NEVER
    }
    return value
  })
  .meta(titled(shareExpected))

const sizeExpected = 'expected a size like 64 MB or 2 GB'

/** `64 MB`, `2 GB`, in bytes; powers of 1024, as in PostgreSQL. */
export const byteSize = z
  .string(sizeExpected)
  .transform((text, context): number => {
    const [, amount, unit = ''] = /^(\d{1,6})\s*(kB|MB|GB|TB)$/.exec(text.trim()) ?? []
    if (amount === undefined) {
      context.addIssue({ code: 'custom', message: sizeExpected })
      return z.NEVER
    }
    return Number(amount) * 1024 ** (['kB', 'MB', 'GB', 'TB'].indexOf(unit) + 1)
  })
  .meta(titled(sizeExpected))

const cronExpected = 'expected five cron fields that name a day that exists, like 0 2 * * 1'

/** Five fields, parsed by the `cron` package; dates that never come, such as 31 February, are refused. */
export const cronExpression = z
  .string(cronExpected)
  .refine((expression) => parseCron(expression) !== undefined, cronExpected)
  .meta(titled(cronExpected))

const commandLineExpected = 'expected a command as it is typed behind dwh, with every quote closed'

/** `maintain weekly`, `load orders "new files/*.csv"` */
export const commandLine = z
  .string(commandLineExpected)
  .refine((text) => (splitWords(text)?.length ?? 0) > 0, commandLineExpected)
  .meta(titled(commandLineExpected))

const weekday = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const clock = String.raw`(?:[01]\d|2[0-3]):[0-5]\d`
const windowPattern = new RegExp(
  `^(?:${weekday}(?:[-–,]${weekday})*\\s+)?${clock}[-–]${clock}(?:\\s+(?<zone>\\S+))?$`,
)
const windowExpected = 'expected a window like Mon 02:00-05:00 Europe/Paris'

/** `Mon 02:00-05:00 Europe/Paris`, `Mon-Fri 20:00-06:00 Europe/Paris`, `02:00-05:00` (every day, UTC) */
export const timeWindow = z
  .string(windowExpected)
  .refine((text) => {
    const match = windowPattern.exec(text)
    return match !== null && isTimeZone(match.groups?.zone ?? 'UTC')
  }, windowExpected)
  .meta(titled(windowExpected))

/** A host name, an address, or the folder of a Unix socket; one, and no URL. */
export const hostName = pattern(/^(\/.*|[^\s/,@]+)$/, 'expected one host name, address or socket folder')
