import { type AdvisoryKey, slotKey } from '../postgres/advisory.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'

/** When a host may be asked. */
export interface Turn {
  /** Seconds until then. */
  wait: number
  /** Why nobody may ask before, where the host has said so. */
  why: string | undefined
}

/**
 * Reserves a turn behind all others.
 *
 * @param again the one that was reserved before has become void
 */
export async function reserveTurn(
  session: Session,
  host: string,
  delay: number,
  again: boolean,
): Promise<Turn> {
  const { wait, why } = await session.one<{ wait: number; why: string | null }>(
    sql('politeness/reserve_turn'),
    [host, delay, again],
  )
  return { wait, why: why ?? undefined }
}

/** Whether a reserved turn has become void: the host wants to be left alone. */
export async function isHeld(session: Session, host: string): Promise<boolean> {
  return (await session.row<{ held: boolean | null }>(sql('politeness/is_held'), [host]))?.held ?? false
}

export async function holdHost(session: Session, host: string, seconds: number, why: string): Promise<void> {
  await session.run(sql('politeness/hold_host'), [host, seconds, why])
}

/**
 * Takes a slot of a host for the session, where one is free.
 *
 * @param held slots that the session has already
 */
export async function takeSlot(
  session: Session,
  host: string,
  concurrency: number,
  held: ReadonlySet<number>,
): Promise<AdvisoryKey | undefined> {
  const keys = Array.from({ length: concurrency }, (_, slot) => slotKey(host, slot))
  const free = keys.map(({ key }) => key).filter((key) => !held.has(key))
  const [{ class: first }] = keys as [AdvisoryKey]
  // Also asked where none is free: a connection that has gone is noticed then, and with it its slots.
  const taken = await session.row<{ key: number }>(sql('politeness/take_slot'), [first, free])
  return taken && { class: first, key: taken.key }
}

export async function giveSlotBack(session: Session, { class: first, key }: AdvisoryKey): Promise<void> {
  await session.run(sql('postgres/advisory_unlock'), [first, key])
}
