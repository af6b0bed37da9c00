import { DwhError } from '../../errors.ts'
import { type Wish, windowText } from '../window.ts'
import type { Each } from './each.ts'
import type { HttpRequest } from './exchange.ts'
import { type Reading, readPage, TooDeep } from './read-page.ts'
import { Refused } from './trouble.ts'

/** Times that a window is read whose pages do not fit together: its rows may have changed while they were read. */
const mostReadings = 3

/** Pages that do not fit together; the message says how, with both numbers. */
class Unsteady extends Error {}

/**
 * Reads all rows of a wish into the spool. What has more rows than the API gives of one question is split until it has not:
 * where a parameter stands for a list of values by those, then the window in halves.
 *
 * @returns how many rows the API says there are, where it does
 * @throws DwhError SOURCE_FAILED for pages that do not fit together however often they are read, CONFIG_INVALID for a day that
 *   is too deep
 */
export async function readWish(reading: Reading, wish: Wish): Promise<number | undefined> {
  const { spool } = reading
  const mark = spool.mark()
  try {
    return await readSteadily(reading, wish)
  } catch (error) {
    if (error instanceof TooDeep) {
      await spool.rewind(mark)
      return await readSplit(reading, wish, error.count)
    }
    if (!(error instanceof Refused) || !reading.each) throw error
    await spool.rewind(mark)
    return await readUnrefused(reading, reading.each, wish, error)
  }
}

async function readSplit(
  reading: Reading,
  wish: Wish,
  count: number | undefined,
): Promise<number | undefined> {
  const parts = (await reading.each?.parts(wish, reading.work)) ?? halvesOf(wish)
  if (!parts) throw tooDeep(reading, wish, count)
  const whole = questionText(reading, wish)
  const rows = count === undefined ? 'more rows than' : `${count} rows, more than`
  const how = parts.length === 2 ? 'halves' : `${parts.length} parts`
  const message = `${whole} has ${rows} the API gives of one question: it is asked in ${how}`
  reading.work.emit({ type: 'note', message })
  const received = await readParts(reading, parts)
  const isOfDays = parts[0]?.window !== wish.window
  if (count !== undefined && received < count)
    throw new DwhError(
      'SOURCE_FAILED',
      `the ${how} of ${whole} hold ${received} rows, but the API announced ${count} for the whole; nothing of it was loaded`,
      {
        hint: isOfDays
          ? 'where the API leaves the last day out, ask with {to} instead of {last}'
          : 'rows whose value `for_each` does not give come only with the whole: complete its values, or try again later where rows were deleted meanwhile',
      },
    )
  if (count !== undefined && received > count) overlap(reading, { whole, how, isOfDays }, received - count)
  return received
}

/** @returns the rows that came */
async function readParts(reading: Reading, parts: Wish[]): Promise<number> {
  const before = reading.spool.records
  for (const part of parts) await readWish(reading, part)
  return reading.spool.records - before
}

/** Some values may be too many for an address, or one of them be unknown: it is asked with fewer, down to the one that is wrong. */
async function readUnrefused(
  reading: Reading,
  each: Each,
  wish: Wish,
  refusal: Refused,
): Promise<number | undefined> {
  const { status, body, code, message } = refusal
  if (code === 'LOGIN_REFUSED' || each.size(wish) === 0) throw refusal
  if (each.size(wish) < 2) throw new Refused(status, body, `${each.name(wish)}: ${message}`)
  const parts = (await each.parts(wish, reading.work)) ?? []
  reading.work.emit({
    type: 'note',
    message: `${each.name(wish)}: ${message}; asked in ${parts.length} parts`,
  })
  return await readParts(reading, parts)
}

/** An API that gives the first moment of the day after, too, gives it in both halves. */
function overlap(
  { protocol, work }: Reading,
  { whole, how, isOfDays }: { whole: string; how: string; isOfDays: boolean },
  rows: number,
): void {
  const message = `${rows} rows of ${whole} came in ${how === 'halves' ? 'both' : 'several'} ${how} of it`
  const hint = isOfDays
    ? 'ask with {last} instead of {to}, so that no row lies in two windows'
    : 'leave values out of `for_each` that bring rows of others, such as a site beside its stations'
  if (protocol.keyless) throw new DwhError('CONFIG_INVALID', `${message}; nothing of it was loaded`, { hint })
  work.emit({ type: 'note', message: `${message}: the key leaves the second ones out` })
}

/** `2024-01-01 to 2024-02-01 of 50 values of code_bss` */
function questionText({ each }: Reading, wish: Wish): string {
  const days = wish.window ? windowText(wish.window) : 'a dataset without windows'
  return each && each.size(wish) > 0 ? `${days} of ${each.name(wish)}` : days
}

function halvesOf({ window, ...rest }: Wish): Wish[] | undefined {
  if (!window) return undefined
  const { from, to, zone } = window
  const { days } = from.until(to, { largestUnit: 'day' })
  if (days < 2) return undefined
  const middle = from.add({ days: Math.floor(days / 2) })
  return [
    { ...rest, window: { from, to: middle, zone } },
    { ...rest, window: { from: middle, to, zone } },
  ]
}

function tooDeep(reading: Reading, wish: Wish, count: number | undefined): DwhError {
  const { mostRows } = reading.protocol
  const rows = count === undefined ? 'more rows' : `${count} rows, more`
  const most = mostRows === undefined ? '' : ` (${mostRows})`
  return new DwhError(
    'CONFIG_INVALID',
    `${questionText(reading, wish)} has ${rows} than the API gives of one question${most}, and cannot be split further; nothing of it was loaded`,
    {
      hint: 'ask for less at a time by a parameter of the query, such as a station or a region: --param NAME=…, or `for_each` of the source',
    },
  )
}

/** Reads again what does not fit together. */
async function readSteadily(reading: Reading, wish: Wish): Promise<number | undefined> {
  const { spool, work } = reading
  const mark = spool.mark()
  for (let time = 1; ; time++) {
    try {
      return await readPages(reading, wish)
    } catch (error) {
      if (!(error instanceof Unsteady)) throw error
      if (time === mostReadings)
        throw new DwhError(
          'SOURCE_FAILED',
          `${error.message}; read ${time} times, and nothing of it was loaded`,
          {
            hint: 'the rows change while they are read, or the API miscounts: try again later, or with smaller windows',
          },
        )
      work.emit({ type: 'note', message: `${error.message}: read again` })
      await spool.rewind(mark)
    }
  }
}

async function readPages(reading: Reading, wish: Wish): Promise<number | undefined> {
  const { protocol, spool, client } = reading
  const before = spool.records
  const asked = new Set<string>()
  let announced: number | undefined
  let request: HttpRequest | undefined = protocol.first(wish)
  for (let number = 0; request; number++) {
    const shown = client.secrets.maskUrl(request.url)
    const identity = `${request.url} ${request.body}`
    if (asked.has(identity)) throw new Unsteady(`${shown} is named as the next page for the second time`)
    asked.add(identity)
    const { envelope, records } = await readPage(reading, request, number === 0)
    const count = protocol.count(envelope)
    if (number > 0 && count !== announced)
      throw new Unsteady(`${shown} announces ${count} rows, and ${announced} were announced before`)
    announced = count
    const received = spool.records - before
    if (await leavesWindow(reading, wish, records)) return undefined
    request = protocol.next({ envelope, records, received, number }, request)
    if (request && records === 0 && received !== announced)
      throw new Unsteady(
        `${shown} has no rows though it names a next page; ${received} rows came of ${announced ?? 'unknown many'}`,
      )
    // What an API has beside what it announced is its next page for ever.
    if (records === 0) break
  }
  const received = spool.records - before
  if (announced !== undefined && received !== announced)
    throw new Unsteady(
      `${client.secrets.maskUrl([...asked][0] ?? '')} announced ${announced} rows, and ${received} came`,
    )
  return announced
}

async function leavesWindow(
  { protocol, spool }: Reading,
  { window }: Wish,
  records: number,
): Promise<boolean> {
  if (!protocol.isBeyond || !window || records === 0) return false
  const last = await spool.lastRecord()
  return last !== undefined && protocol.isBeyond(last, window)
}
