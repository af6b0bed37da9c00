import { dirname } from 'node:path'
import type { SourcePlace } from '../backfill/open-source.ts'
import type { BackfillPlan } from '../backfill/plan.ts'
import { DwhError } from '../errors.ts'
import { type Backfill, type BackfillState, findBackfill, stateOf } from '../ledger/backfills.ts'
import { type Chunk, listChunks } from '../ledger/chunks.ts'
import { ledgerPresence } from '../ledger/migrations.ts'
import { makePrivate } from '../postgres/server/folder.ts'
import type { Session } from '../postgres/session.ts'
import type { Politeness } from '../sources/source.ts'
import type { Context } from './context.ts'
import { plural } from './format.ts'

/** What sources need of this machine and of the user. */
export function sourcePlace(context: Context, politeness: Politeness): SourcePlace {
  const { path, sqlFolder } = context.warehouse()
  return {
    own: context.connection().target,
    surroundings: {
      folder: dirname(path),
      sqlFolder,
      spoolFolder: makePrivate('spool'),
      cacheFolder: makePrivate('cache'),
      environment: process.env,
      politeness,
    },
  }
}

/** @throws DwhError USAGE where no backfill was ever planned in this database */
export async function requireBackfills(session: Session): Promise<void> {
  if ((await ledgerPresence(session)).has_backfills) return
  throw new DwhError('USAGE', 'there is no backfill in this database yet', {
    hint: 'plan one: dwh backfill run --help',
  })
}

/** A backfill with its chunks, as `--json` prints it. */
export interface BackfillDocument extends Omit<Backfill, 'wanted_at'> {
  state: BackfillState
  windows: Omit<Chunk, 'backfill' | 'progressed_at'>[]
}

export async function backfillDocument(session: Session, backfill: number): Promise<BackfillDocument> {
  const { wanted_at: _, ...found } = await findBackfill(session, backfill)
  const chunks = await listChunks(session, backfill)
  return {
    ...found,
    state: stateOf({ ...found, wanted_at: new Date(0) }),
    windows: chunks.map(({ backfill: _, progressed_at: __, ...chunk }) => chunk),
  }
}

/** `11 of 12 windows done, 1 failed` */
export function sumText(backfill: Backfill | BackfillDocument): string {
  const { chunks, done, flagged, quarantined, failed, cancelled, rows } = backfill
  const left = chunks - done - flagged - quarantined - failed - cancelled
  const others = Object.entries({ flagged, quarantined, failed, cancelled, left }).flatMap(([state, n]) =>
    n > 0 ? [`${n} ${state}`] : [],
  )
  return `${done} of ${plural(chunks, 'window')} done${others.map((text) => `, ${text}`).join('')}; ${plural(rows, 'row')}`
}

/** @throws DwhError PARTLY_DONE where some window was not done */
export function refuseShort({ backfill, ...counts }: BackfillDocument): void {
  const { failed, quarantined, wanted, ended_at } = counts
  if (failed + quarantined === 0 && ended_at !== null) return
  const text = sumText({ backfill, ...counts })
  if (ended_at === null)
    throw new DwhError('PARTLY_DONE', `backfill ${backfill}: ${text}`, {
      hint:
        wanted === 'pause'
          ? `it is paused: dwh backfill status ${backfill} says why, dwh backfill resume ${backfill} goes on`
          : `what is left: dwh backfill work ${backfill}`,
    })
  throw new DwhError('PARTLY_DONE', `backfill ${backfill}: ${text}`, {
    hint:
      `why: dwh backfill status ${backfill}` +
      `${failed > 0 ? `; once it is mended: dwh backfill retry ${backfill}` : ''}` +
      `${quarantined > 0 ? `; if the rows are right after all: dwh backfill accept ${backfill}` : ''}`,
  })
}

/** A line a reason, for windows that stay as they are: one is named, several are counted. */
export function stayingLines(others: { name: string; why: string }[]): string[] {
  return [...Map.groupBy(others, ({ why }) => why)].map(([why, group]) => {
    const [first] = group
    return first && group.length === 1
      ? `${first.name}: stays: it ${why}`
      : `${group.length} windows stay: each ${why}`
  })
}

/** How many windows a plan takes. */
export function takenOf({ chunks }: BackfillPlan): number {
  return chunks.filter(({ taken }) => taken).length
}
