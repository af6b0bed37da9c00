import { Temporal } from 'temporal-polyfill'
import { z } from 'zod'
import { quarterStart } from '../../backfill/request.ts'
import { chunkSize } from '../../backfill/windows.ts'
import { argument, choice, flag, option, positiveInteger, shared } from '../../cli/command.ts'
import { timeWindow } from '../../warehouse/values.ts'

export const backfillArgument = argument('<run>', 'number of the run that planned it', positiveInteger)

/** A text that `read` makes something of; what it throws, or `expected` where it gives nothing, is the mistake. */
function reading<T>(read: (text: string) => T | undefined, expected: string) {
  return z.string().transform((text, context): T => {
    try {
      const value = read(text.trim())
      if (value !== undefined) return value
      context.addIssue({ code: 'custom', message: `expected ${expected}, not ${JSON.stringify(text)}` })
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message })
    }
    return z.NEVER
  })
}

/** @throws Error that says why there is no such day */
function date(year: number, month: number, day: number): Temporal.PlainDate {
  const shown = [String(year).padStart(4, '0'), ...[month, day].map((n) => String(n).padStart(2, '0'))].join(
    '-',
  )
  if (month < 1 || month > 12) throw new Error(`there is no month ${shown.slice(0, 7)}: a year has 12 months`)
  const { daysInMonth } = new Temporal.PlainDate(year, month, 1)
  if (day < 1 || day > daysInMonth)
    throw new Error(`there is no day ${shown}: ${shown.slice(0, 7)} has ${daysInMonth} days`)
  return new Temporal.PlainDate(year, month, day)
}

const day = reading((text) => {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []
  return year === undefined ? undefined : date(+year, Number(month), Number(day))
}, 'a day like 2024-03-15')

/** A year or a month alone stand for their first day. */
const bound = reading((text) => {
  const [, year, month = '1', day = '1'] = /^(\d{4})(?:-(\d\d)(?:-(\d\d))?)?$/.exec(text) ?? []
  return year === undefined ? undefined : date(+year, Number(month), Number(day))
}, 'a day like 2024-01-31, 2024-01 or 2024')

const month = reading((text) => {
  const [, year, month] = /^(\d{4})-(\d\d)$/.exec(text) ?? []
  return year === undefined ? undefined : date(+year, Number(month), 1)
}, 'a month like 2024-03')

const quarter = reading((text) => {
  const [, year, number] = /^(\d{4})-?[Qq]([1-4])$/.exec(text) ?? []
  return year === undefined ? undefined : quarterStart(+year, Number(number))
}, 'a quarter like 2023-Q1')

const year = reading((text) => (/^\d{4}$/.test(text) ? date(+text, 1, 1) : undefined), 'a year like 2024')

const size = reading(chunkSize, 'day, week, month, quarter, year, small or a number of days like "10 days"')

const parameters = z.array(z.string()).transform((words, context) => {
  const pairs = words.map((word) => /^([a-z_]\w*)=(.*)$/is.exec(word))
  if (pairs.every((pair) => pair !== null))
    return Object.fromEntries(pairs.map((pair) => [pair[1] as string, pair[2] as string]))
  context.addIssue({ code: 'custom', message: 'expected name=value' })
  return z.NEVER
})

export const parallelOption = option(
  '--parallel <n>',
  'windows at the same time, of all workers together',
  positiveInteger.max(64).optional(),
)

/** Which windows of which datasets, and how they are done. */
export const planFlags = {
  dataset: option('--dataset <name...>', 'datasets; may be repeated', z.array(z.string()).default([])),
  all: flag('--all', 'every dataset that has a source'),
  source: option(
    '--source <name>',
    'only this source of the datasets; all of them unless named',
    z.string().optional(),
  ),
  from: option('--from <date>', 'first day, such as 2024-01-01', bound.optional()),
  to: option('--to <date>', 'day after the last one', bound.optional()),
  year: option('--year <yyyy...>', 'the days of a year; may be repeated', z.array(year).default([])),
  quarter: option(
    '--quarter <yyyy-Qn...>',
    'the days of a quarter; may be repeated: 2022-Q1 2023-Q1 are those two, without the days between',
    z.array(quarter).default([]),
  ),
  month: option('--month <yyyy-mm...>', 'the days of a month; may be repeated', z.array(month).default([])),
  day: option('--day <date...>', 'one day; may be repeated', z.array(day).default([])),
  chunk: option(
    '--chunk <size>',
    'what one window holds: day, week, month, quarter, year, "N days" or small; as the source says unless given',
    size.optional(),
  ),
  parallel: option(
    '--parallel <n>',
    'windows at the same time, of all workers together',
    positiveInteger.max(64).default(2),
  ),
  order: option('--order <order>', 'which windows go first', z.enum(['oldest', 'newest']).default('oldest')),
  param: option(
    '--param <name=value...>',
    'parameters of the source and of the scope, instead of those of the file',
    parameters.optional(),
  ),
  delay: option(
    '--delay <seconds>',
    'between two requests to a host, instead of what the source says',
    z.coerce.number<string>().min(0).max(3600).optional(),
  ),
  retries: option(
    '--retries <n>',
    'tries of a window after the first, where trying again may help',
    z.coerce.number<string>().int().min(0).max(100).default(3),
  ),
  force: flag('--force', 'replace what is there: former rows are kept for dwh backfill undo'),
  stopOnError: flag('--stop-on-error', 'begin no other window after one has failed'),
  missing: flag('--missing', 'only windows that were never loaded'),
  failed: flag('--failed', 'only windows that failed, or whose rows were set apart'),
  stale: flag('--stale', 'only windows whose source or settings have changed since; asks the sources'),
  allWindows: flag('--all-windows', 'windows that are done too'),
  window: option(
    '--window <hours>',
    'begin windows only then, such as "Mon-Fri 20:00-06:00 Europe/Paris"',
    timeWindow.optional(),
  ),
  backup: choice('--backup', 'back up the datasets first; so it is with --force, unless --no-backup says no'),
  timeout: shared.timeout,
}
