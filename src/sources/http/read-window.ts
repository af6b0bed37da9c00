import { DwhError } from '../../errors.ts'
import { type Window, type Wish, windowText } from '../window.ts'
import type { HttpRequest } from './exchange.ts'
import type { Protocol } from './protocol.ts'
import { type Reading, readPage, TooDeep } from './read-page.ts'

/** Times that a window is read whose pages do not fit together: its rows may have changed while they were read. */
const mostReadings = 3

/** Pages that do not fit together; the message says how, with both numbers. */
class Unsteady extends Error {}

/**
 * Reads all rows of a wish into the spool. What has more rows than the API gives of one question is split in halves until it
 * has not.
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
    if (!(error instanceof TooDeep)) throw error
    await spool.rewind(mark)
    return await readHalves(reading, wish, error.count)
  }
}

async function readHalves(
  reading: Reading,
  wish: Wish,
  count: number | undefined,
): Promise<number | undefined> {
  const before = reading.spool.records
  const { window } = wish
  const halves = window && halvesOf(window)
  if (!window || !halves) throw tooDeep(reading.protocol, window, count)
  const whole = windowText(window)
  const rows = count === undefined ? 'more rows than' : `${count} rows, more than`
  const message = `${whole} has ${rows} the API gives of one question: it is asked in halves`
  reading.work.emit({ type: 'note', message })
  for (const half of halves) await readWish(reading, { ...wish, window: half })
  const received = reading.spool.records - before
  if (count !== undefined && received < count)
    throw new DwhError(
      'SOURCE_FAILED',
      `the halves of ${whole} hold ${received} rows, but the API announced ${count} for the whole; nothing of it was loaded`,
      { hint: 'where the API leaves the last day out, ask with {to} instead of {last}' },
    )
  if (count !== undefined && received > count) overlap(reading, whole, received - count)
  return received
}

/** An API that gives the first moment of the day after, too, gives it in both halves. */
function overlap({ protocol, work }: Reading, whole: string, rows: number): void {
  const message = `${rows} rows of ${whole} came in both halves of it`
  const hint = 'ask with {last} instead of {to}, so that no row lies in two windows'
  if (protocol.keyless) throw new DwhError('CONFIG_INVALID', `${message}; nothing of it was loaded`, { hint })
  work.emit({ type: 'note', message: `${message}: the key leaves the second ones out` })
}

function halvesOf({ from, to, zone }: Window): [Window, Window] | undefined {
  const { days } = from.until(to, { largestUnit: 'day' })
  if (days < 2) return undefined
  const middle = from.add({ days: Math.floor(days / 2) })
  return [
    { from, to: middle, zone },
    { from: middle, to, zone },
  ]
}

function tooDeep({ mostRows }: Protocol, window: Window | undefined, count: number | undefined): DwhError {
  const what = window ? windowText(window) : 'a dataset without windows'
  const rows = count === undefined ? 'more rows' : `${count} rows, more`
  const most = mostRows === undefined ? '' : ` (${mostRows})`
  return new DwhError(
    'CONFIG_INVALID',
    `${what} has ${rows} than the API gives of one question${most}, and cannot be split further; nothing of it was loaded`,
    {
      hint: 'ask for less at a time by a parameter of the query, such as a station or a region: --param NAME=…',
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
