import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { AlertCondition } from '../warehouse/schema.ts'

/** Something that people are told of, found to be so right now. */
export interface Finding {
  condition: AlertCondition
  /** A job, a dataset, a disk; empty where it is the warehouse. */
  subject: string
  message: string
  hint: string | null
}

/** What a channel knows of an alert: which of its two messages got through, and how the next try stands. */
export interface Told {
  opened_at?: string
  resolved_at?: string
  tries?: number
  next_try_at?: string
  error?: string
}

export interface Alert extends Finding {
  alert: number
  warehouse: string
  opened_at: Date
  seen_at: Date
  resolved_at: Date | null
  /** By channel. */
  told: Record<string, Told>
}

/** Opens what is new, and notes of what is open already that it was seen again. */
export async function openAlerts(session: Session, warehouse: string, findings: Finding[]): Promise<void> {
  for (const { condition, subject, message, hint } of findings)
    await session.run(sql('ledger/open_alert'), [warehouse, condition, subject, message, hint])
}

/** Of conditions that were looked at: what was not found any more is over. */
export async function resolveAlerts(
  session: Session,
  warehouse: string,
  looked: string[],
  found: Finding[],
): Promise<void> {
  const still = found.map(({ condition, subject }) => `${condition} ${subject}`)
  await session.run(sql('ledger/resolve_alerts'), [warehouse, looked, still])
}

/** Those that some channel has not been told of, of the last days, and with `open` those that are open, whoever was told. */
export async function listAlerts(
  session: Session,
  warehouse: string,
  channels: string[],
  open = false,
): Promise<Alert[]> {
  return session.rows<Alert>(sql('ledger/list_alerts'), [warehouse, channels, open])
}

export async function noteTold(session: Session, alert: number, channel: string, told: Told): Promise<void> {
  await session.run(sql('ledger/note_told'), [alert, channel, JSON.stringify(told)])
}
