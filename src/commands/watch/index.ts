import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { argument, command, flag, option, positiveInteger } from '../../cli/command.ts'
import type { Context } from '../../cli/context.ts'
import { printable } from '../../cli/format.ts'
import { Screen } from '../../cli/screen.ts'
import { DwhError, toDwhError } from '../../errors.ts'
import { hasEnded } from '../../monitor/watch/derive.ts'
import type { WatchDocument } from '../../monitor/watch/document.ts'
import { Watching } from '../../monitor/watch/watching.ts'
import { Session } from '../../postgres/session.ts'
import { plainLine, render } from './render.ts'
import { clock } from './words.ts'

/** Milliseconds after which a plain line is printed though nothing has changed. */
const plainAfter = 30_000

const year = z.coerce.number<string>('expected a year such as 2024').int().min(1000).max(9999)

export const watch = command({
  name: 'watch',
  summary: 'watch backfills at work, live, from any terminal',
  description:
    'Shows how far backfills are, how fast, how long they still take, what fails, and why one stands still: its cause is told ' +
    'after 30 seconds without progress. It reads the ledger, the catalogue and estimates; no fact table is counted. Without a ' +
    'terminal it prints a line a backfill when something has changed, or every 30 seconds. It ends when all that it watches has ' +
    'ended; quitting it leaves the work alone.',
  arguments: {
    runs: argument(
      '[run...]',
      'numbers of backfills; all with a worker alive unless named, else the last one',
      z.array(positiveInteger).default([]),
    ),
  },
  options: {
    interval: option(
      '--interval <seconds>',
      'between two looks',
      z.coerce.number<string>().min(0.5).max(3600).default(3),
    ),
    years: option('--years <year...>', 'show the periods of these years only', z.array(year).default([])),
    once: flag('--once', 'look once and end'),
    json: flag('--json', 'print one JSON document on stdout: look once and end'),
  },
  exits: {
    0: 'all that was watched is done; or --once',
    5: 'something of it failed, was withheld or cancelled',
  },
  examples: [
    'dwh watch',
    'dwh watch 12 --interval 1',
    'dwh watch --years 2024 2023',
    'dwh watch --once --json',
  ],
  async run(context, { runs, interval, years, once, json }) {
    const watching = new Watching(runs, years)
    const connection: Connection = { session: await openQuietly(context, watching) }
    try {
      const first = await watching.look(connection.session as Session)
      if (json) return context.printJson(first ?? null)
      if (!first) return context.say('no backfill was planned here yet; plan one with: dwh backfill plan')
      const { out } = context.streams
      if (once) return context.print(render(first, out).join('\n'))
      const isOver = hasEnded(first) && out.live
      const last = isOver
        ? first
        : await (out.live ? watchScreen : watchPlain)(context, watching, connection, first, interval * 1000)
      if (hasEnded(last)) conclude(context, last, out.live)
    } finally {
      await connection.session?.[Symbol.asyncDispose]()
    }
  },
})

/** The session that looks; undefined after it was lost. */
interface Connection {
  session: Session | undefined
}

async function openQuietly(context: Context, watching: Watching): Promise<Session> {
  // Nothing of it may be told beside the screen, not even with --verbose.
  const session = await Session.open(context.connection().target, 'dwh watch', {
    emit: () => {},
    signal: context.work.signal,
  })
  await watching.prepare(session)
  return session
}

/** @returns the last look */
async function watchScreen(
  context: Context,
  watching: Watching,
  connection: Connection,
  first: WatchDocument,
  interval: number,
): Promise<WatchDocument> {
  const { paint } = context.streams.out
  const quit = new AbortController()
  using screen = new Screen(() => quit.abort())
  let shown = first
  let note: string | undefined
  while (true) {
    screen.draw(() => render(shown, { ...screen.size, paint }, note))
    if (hasEnded(shown) || quit.signal.aborted) return shown
    await pause(context, interval, quit.signal)
    const next = await lookAgain(context, watching, connection)
    note = typeof next === 'string' ? next : undefined
    if (typeof next !== 'string') shown = next
  }
}

async function watchPlain(
  context: Context,
  watching: Watching,
  connection: Connection,
  first: WatchDocument,
  interval: number,
): Promise<WatchDocument> {
  let shown: WatchDocument = first
  let told = ''
  let toldAt = 0
  while (true) {
    const time = clock(shown.at)
    const lines = shown.backfills.map((backfill) => `${time} ${printable(plainLine(backfill))}`)
    // Rates and times left differ from look to look without anything having happened.
    const change = shown.backfills
      .map(({ state, records, chunks }) => JSON.stringify([state, records, chunks]))
      .join()
    if (change !== told || Date.now() - toldAt >= plainAfter) {
      context.print(lines.join('\n'))
      told = change
      toldAt = Date.now()
    }
    if (hasEnded(shown)) return shown
    await pause(context, interval)
    const next = await lookAgain(context, watching, connection)
    if (typeof next === 'string') context.say(next)
    else shown = next
  }
}

/** A server that is away for a while does not end the watching: somebody wants to see when it is back. */
async function lookAgain(
  context: Context,
  watching: Watching,
  connection: Connection,
): Promise<WatchDocument | string> {
  try {
    connection.session ??= await openQuietly(context, watching)
    return (await watching.look(connection.session)) ?? 'no backfill is left in the ledger'
  } catch (error) {
    requireWatching(context)
    const { code, message } = toDwhError(error)
    if (code !== 'SQL_FAILED') {
      await connection.session?.[Symbol.asyncDispose]()
      connection.session = undefined
    }
    return `no look since then: ${message}`
  }
}

/** @throws DwhError INTERRUPTED on Ctrl-C: nothing is rolled back, since nothing was done */
async function pause(context: Context, milliseconds: number, quit?: AbortSignal): Promise<void> {
  const signals = [context.work.signal, ...(quit ? [quit] : [])]
  await sleep(milliseconds, undefined, { signal: AbortSignal.any(signals) }).catch(() => {})
  requireWatching(context)
}

function requireWatching({ work }: Context): void {
  if (work.signal.aborted)
    throw new DwhError('INTERRUPTED', 'no longer watched; what was watched goes on', {
      hint: 'see it again: dwh watch',
    })
}

/** @throws DwhError PARTLY_DONE */
function conclude(context: Context, last: WatchDocument, wasScreen: boolean): void {
  // What the screen showed is gone with it, and whoever comes back in the morning wants to read it.
  if (wasScreen) context.print(render(last, context.streams.out).join('\n'))
  const short = last.backfills.filter(
    ({ state }) => state === 'partly' || state === 'failed' || state === 'cancelled',
  )
  if (short.length === 0) return
  const [first] = short
  throw new DwhError(
    'PARTLY_DONE',
    `${short.map(({ backfill, state }) => `backfill ${backfill} ended ${state}`).join('; ')}`,
    {
      hint: `take up what is missing with: dwh backfill retry ${first?.backfill}`,
    },
  )
}
