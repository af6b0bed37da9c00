import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Clock } from './jobs.ts'
import { checkLease, joinLease, leaseLost } from './lease.ts'

export type SlotState =
  | 'due'
  | 'queued'
  | 'running'
  | 'died'
  | 'ran'
  | 'late'
  | 'failed'
  | 'skipped'
  | 'missed'

/** One due time of one job that has not ended. */
export interface OpenSlot {
  slot: number
  job: string
  due_at: Date
  /** When somebody first saw that it was due. */
  planned_at: Date
  started_at: Date | null
  epoch: number | null
  holder: string | null
  attempts: number
  commands_done: number
  /** Of the command that works, or worked last; null where it records nothing. */
  run: number | null
  /** Of that run, once it has ended. */
  run_exit_code: number | null
  cancel_at: Date | null
  /** When the lease of its last holder is over, or was; null where it has none. */
  alive_until: Date | null
  state: Extract<SlotState, 'due' | 'queued' | 'running' | 'died'>
}

/** A slot as a list shows it. */
export interface SlotLine {
  job: string
  slot: number
  due_at: Date
  started_at: Date | null
  ended_at: Date | null
  state: SlotState
  outcome: string | null
  reason: string | null
  exit_code: number | null
  run: number | null
  holder: string | null
  seconds: number | null
  late_seconds: number | null
}

/** What is leased. */
export function slotLease(slot: number): string {
  return `slot ${slot}`
}

/** Under the lock of the job; the due times may have their slots already. */
export async function planSlots(
  session: Session,
  warehouse: string,
  job: string,
  due: Date[],
  to: Date,
  now: Date,
): Promise<number> {
  return session.run(sql('ledger/plan_slots'), [warehouse, job, due, to, now])
}

export async function openSlots(session: Session, warehouse: string, job: string | null = null) {
  return session.rows<OpenSlot>(sql('ledger/open_slots'), [warehouse, job])
}

/** Under its lease. What its commands have come to by now; undefined where it has ended meanwhile. */
export async function startSlot(session: Session, slot: number, epoch: number, holder: string, now: Date) {
  return session.row<Pick<OpenSlot, 'commands_done' | 'run' | 'run_exit_code'>>(sql('ledger/start_slot'), [
    ...[slot, epoch, holder, now],
  ])
}

/** Under the lock of the job: a slot ends that nobody will run. */
export async function leaveSlot(
  session: Session,
  slot: number,
  outcome: 'skipped' | 'missed' | 'late',
  reason: string,
  now: Date,
  exitCode: number | null = null,
): Promise<void> {
  await session.run(sql('ledger/leave_slot'), [slot, outcome, reason, now, exitCode])
}

export async function queueSlot(session: Session, slot: number, now: Date): Promise<void> {
  await session.run(sql('ledger/queue_slot'), [slot, now])
}

export async function cancelSlot(session: Session, slot: number, now: Date): Promise<void> {
  await session.run(sql('ledger/cancel_slot'), [slot, now])
}

/** Under its lease. */
export async function advanceSlot(session: Session, slot: number, epoch: number, commandsDone: number) {
  await session.run(sql('ledger/advance_slot'), [slot, epoch, commandsDone])
}

/**
 * Under its lease.
 *
 * @returns `ran` or `late`; undefined where the slot is no longer that of the epoch
 */
export async function finishSlot(
  session: Session,
  slot: number,
  epoch: number,
  exitCode: number,
  reason: string | null,
  clock: Clock = null,
): Promise<string | undefined> {
  const row = await session.row<{ outcome: string }>(sql('ledger/finish_slot'), [
    ...[slot, epoch, exitCode, reason, clock],
  ])
  return row?.outcome
}

/** Under its lease: another daemon may take it up at once. */
export async function handOverSlot(session: Session, slot: number, epoch: number): Promise<void> {
  await session.run(sql('ledger/hand_over_slot'), [slot, epoch])
}

/**
 * The run of a command works for a slot: a take-over of the slot ends its sessions.
 *
 * @throws DwhError LEASE_LOST where the slot has changed hands
 */
export async function enterSlot(session: Session, slot: number, epoch: number, run: number): Promise<void> {
  await joinLease(session, slotLease(slot), epoch)
  const entered = await session.rows(sql('ledger/enter_slot'), [slot, epoch, run])
  if (entered.length === 0) throw leaseLost(slotLease(slot))
}

/**
 * In the transaction that commits what a command has come to: refuses where the slot has changed hands.
 *
 * @throws DwhError LEASE_LOST
 */
export async function checkSlot(session: Session, slot: number, epoch: number): Promise<void> {
  await checkLease(session, slotLease(slot), epoch)
}

/** The newest slots of each job, newest first. */
export async function lastSlots(session: Session, warehouse: string, each: number): Promise<SlotLine[]> {
  return session.rows<SlotLine>(sql('ledger/last_slots'), [warehouse, each])
}

/** Forgets slots that ended longer ago than `seconds`, but for the last one of each job. */
export async function pruneSlots(session: Session, warehouse: string, seconds: number): Promise<void> {
  await session.run(sql('ledger/prune_slots'), [warehouse, seconds])
}

/** Jobs whose newest slot that has ended did so badly, or under whose slot daemons die again and again. */
export async function endedBadly(session: Session, warehouse: string) {
  type Bad = Pick<SlotLine, 'job' | 'slot' | 'due_at' | 'state' | 'reason' | 'exit_code' | 'run'>
  return session.rows<Bad & { attempts: number }>(sql('ledger/ended_badly'), [warehouse])
}
