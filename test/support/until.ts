import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Parameter, Session } from '../../src/postgres/session.ts'

/** Waits until a query finds something. */
export async function until(session: Session, query: string, parameters: Parameter[] = []): Promise<void> {
  while ((await session.rows(query, parameters)).length === 0) await sleep(20)
}

/** Waits until a process stands still, as SIGSTOP leaves it. */
export async function untilStopped(pid: number | undefined): Promise<void> {
  while (!/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await sleep(20)
}
