import { DwhError } from '../../errors.ts'
import type { Work } from '../../events.ts'
import {
  type Alert,
  type Finding,
  listAlerts,
  noteTold,
  openAlerts,
  resolveAlerts,
  type Told,
} from '../../ledger/alerts.ts'
import { Lease } from '../../ledger/lease.ts'
import { storable } from '../../ledger/storable.ts'
import { Session } from '../../postgres/session.ts'
import type { Target } from '../../postgres/target.ts'
import type { Warehouse } from '../../warehouse/load.ts'
import { type Channel, channelsOf } from './channels.ts'
import { looks } from './conditions.ts'
import type { Message } from './message.ts'

export interface PassOptions {
  target: Target
  warehouse: Warehouse
  run: number
  work: Work
}

/** Milliseconds between tries of a channel that does not take a message: more and more, to an hour. */
const pause = (tries: number) => Math.min(60_000 * 2 ** (tries - 1), 3_600_000)

/**
 * Looks at every condition, and tells people: once when something begins, once when it is over. One at a time does so, whoever that
 * is; where it dies between the telling and the writing down, the message comes twice.
 */
export async function alertPass({ target, warehouse, run, work }: PassOptions): Promise<void> {
  await using session = await Session.open(target, `dwh schedule ${run} alerts`, quietly(work))
  let lease: Lease
  try {
    lease = await Lease.take(session, quietly(work), `alerts ${warehouse.name}`, run)
  } catch (error) {
    if (error instanceof DwhError && error.code === 'LOCK_HELD') return
    throw error
  }
  await using _ = lease
  await look(session, warehouse, work)
  await tellAll(session, warehouse, work)
}

/** A look every minute is not worth a log. */
const quietly = ({ emit, signal }: Work): Work => ({
  emit: (event) => {
    if (event.type !== 'statement') emit(event)
  },
  signal,
})

async function look(session: Session, warehouse: Warehouse, { emit }: Work): Promise<void> {
  const found: Finding[] = []
  const looked: string[] = []
  for (const condition of warehouse.alerts.on) {
    try {
      const findings = await looks[condition](session, warehouse)
      if (!findings) continue
      looked.push(condition)
      found.push(...findings.map((finding) => ({ ...finding, message: storable(finding.message) })))
    } catch (error) {
      // One that cannot be looked at hides no other; what is open of it stays open.
      emit({ type: 'warning', message: `alerts: ${condition}: ${(error as Error).message}` })
    }
  }
  await openAlerts(session, warehouse.name, found)
  await resolveAlerts(session, warehouse.name, looked, found)
}

async function tellAll(session: Session, warehouse: Warehouse, work: Work): Promise<void> {
  const channels = channelsOf(warehouse)
  const names = channels.map(({ name }) => name)
  for (const alert of await listAlerts(session, warehouse.name, names))
    for (const channel of channels) await tellOne(session, alert, channel, work)
}

async function tellOne(session: Session, alert: Alert, channel: Channel, work: Work): Promise<void> {
  const told = alert.told[channel.name] ?? {}
  const word = alert.resolved_at ? 'resolved_at' : 'opened_at'
  // What came and went untold is not told any more.
  if (told[word] || (alert.resolved_at && !told.opened_at)) return
  const now = new Date()
  if (told.next_try_at && new Date(told.next_try_at) > now) return
  let news: Told = { [word]: now.toISOString(), tries: 0, next_try_at: '', error: '' }
  try {
    await channel.tell(messageOf(alert), work.signal)
  } catch (error) {
    const tries = (told.tries ?? 0) + 1
    const { message } = error as Error
    news = {
      tries,
      next_try_at: new Date(now.getTime() + pause(tries)).toISOString(),
      error: storable(message),
    }
    work.emit({ type: 'warning', message: `alerts: ${channel.name} to ${channel.to}: ${message}` })
  }
  await noteTold(session, alert.alert, channel.name, news)
}

function messageOf({ warehouse, condition, subject, message, hint, opened_at, resolved_at }: Alert): Message {
  return {
    ...{ warehouse, condition, subject, message, hint },
    state: resolved_at ? 'resolved' : 'open',
    opened_at: opened_at.toISOString(),
    resolved_at: resolved_at?.toISOString() ?? null,
  }
}

/** What became of a message that was only a try. */
export interface Trial {
  channel: string
  to: string
  /** Null where it got through. */
  error: string | null
}

/** Sends a message through every channel that says of itself that it is a test. */
export async function tryChannels(warehouse: Warehouse, signal: AbortSignal): Promise<Trial[]> {
  const message: Message = {
    warehouse: warehouse.name,
    state: 'test',
    ...{ condition: 'test', subject: '', message: 'this is a test: nothing is the matter', hint: null },
    opened_at: new Date().toISOString(),
    resolved_at: null,
  }
  const trials: Trial[] = []
  for (const { name, to, tell } of channelsOf(warehouse)) {
    const error = await tell(message, signal).then(
      () => null,
      (problem: Error) => problem.message,
    )
    trials.push({ channel: name, to, error })
  }
  return trials
}
