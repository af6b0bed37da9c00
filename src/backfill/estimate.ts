import type { PastChunk } from '../ledger/chunks.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Source } from '../sources/source.ts'
import { windowOf } from './chunk-work.ts'
import type { BackfillPlan, PlannedChunk } from './plan.ts'
import type { Probe } from './reach.ts'

/** What a backfill will take, as far as anybody can tell. */
export interface Estimate {
  rows: number | undefined
  /** Of disk. */
  bytes: number | undefined
  seconds: number | undefined
  /** What it was told by. */
  by: 'history' | 'the sources' | 'nothing'
}

/** Opens the source of a window. */
export type Open = (chunk: PlannedChunk) => Promise<Source>

/** Windows of a source that it is asked about. */
const probes = 3
/** Bytes of a row with its indexes, where the table has none yet. */
const usualRow = 150
/** Rows a second of one hand, where nothing was loaded yet. */
const usualRate = 20_000
/** Seconds that a window takes beside its rows, where nothing was loaded yet. */
const perWindow = 0.3

/** By what the same source has brought before, else by asking it about a few windows. Every source is asked whether it is there. */
export async function estimate(
  session: Session,
  { chunks, history }: BackfillPlan,
  parallel: number,
  probe: Probe,
  open: Open,
): Promise<Estimate> {
  const taken = chunks.filter((chunk) => chunk.taken)
  const sizes = await rowSizes(session, taken)
  const sum = { rows: 0, bytes: 0, seconds: 0 }
  let by: Estimate['by'] = 'history'
  for (const group of Map.groupBy(taken, ({ pair }) => pair).values()) {
    const first = group[0] as PlannedChunk
    const known = history.filter((past) => isOf(past, first) && past.rows > 0)
    const fromHistory = known.length > 0 ? rowsByHistory(group, known) : undefined
    // One that has brought rows before may be out of reach by now.
    if (fromHistory !== undefined && isOutside(first.pair)) await rowsOf(first, probe, open)
    const rows = fromHistory ?? (await rowsByProbe(group, probe, open))
    if (rows === undefined) by = 'nothing'
    if (rows === undefined || by === 'nothing') continue
    if (fromHistory === undefined) by = 'the sources'
    sum.rows += rows
    sum.bytes += rows * (sizes.get(tableOf(first)) ?? usualRow)
    sum.seconds += rows * secondsPerRow(known) + (known.length > 0 ? 0 : group.length * perWindow)
  }
  if (by === 'nothing') return { rows: undefined, bytes: undefined, seconds: undefined, by }
  return {
    rows: Math.round(sum.rows),
    bytes: Math.round(sum.bytes),
    seconds: sum.seconds / Math.max(1, Math.min(parallel, taken.length)),
    by,
  }
}

function isOf(past: PastChunk, { chunk }: PlannedChunk): boolean {
  return past.dataset === chunk.dataset && past.source === chunk.source
}

function rowsByHistory(group: PlannedChunk[], known: PastChunk[]): number {
  const rows = known.reduce((all, past) => all + past.rows, 0)
  const days = known.reduce((all, past) => all + daysOf(past), 0)
  return group.reduce((all, { chunk, past }) => all + (past?.rows || (rows / days) * daysOf(chunk)), 0)
}

/** 1 for what has no window. */
function daysOf(chunk: Pick<PastChunk, 'window_from' | 'window_to'>): number {
  const window = windowOf({ ...chunk, zone: 'UTC' })
  return window ? window.from.until(window.to).days : 1
}

function secondsPerRow(known: PastChunk[]): number {
  const timed = known.filter(({ seconds }) => seconds > 0)
  const rows = timed.reduce((all, past) => all + past.rows, 0)
  return rows > 0 ? timed.reduce((all, { seconds }) => all + seconds, 0) / rows : 1 / usualRate
}

const nameOf = ({ chunk }: PlannedChunk) => `${chunk.dataset}/${chunk.source}`

/** Beyond this machine and the database of the warehouse, which are known to be there. */
function isOutside({ settings }: PlannedChunk['pair']): boolean {
  return settings.kind === 'postgres' ? settings.connection !== undefined : settings.kind !== 'file'
}

/** Asks the source of a window how many rows that has. */
function rowsOf(one: PlannedChunk, probe: Probe, open: Open): Promise<number | undefined> {
  return probe.ask(
    { name: nameOf(one), isOutside: isOutside(one.pair) },
    () => open(one),
    (source, work) => source.estimate(wishFor(one), work),
  )
}

const wishFor = ({ window, chunk: { parameters } }: PlannedChunk) => ({ window, parameters })

/** What a source does not know, or does not say in time, is not worth a plan that fails. */
async function rowsByProbe(group: PlannedChunk[], probe: Probe, open: Open): Promise<number | undefined> {
  const step = Math.max(1, (group.length - 1) / (probes - 1))
  const asked = group.filter((_, n) => n === 0 || Math.floor(n / step) !== Math.floor((n - 1) / step))
  let rows = 0
  let days = 0
  for (const one of asked.slice(0, probes)) {
    const found = await rowsOf(one, probe, open)
    if (probe.isTroubled(nameOf(one))) return undefined
    if (found === undefined) continue
    rows += found
    days += daysOf(one.chunk)
  }
  return days === 0 ? undefined : group.reduce((all, { chunk }) => all + (rows / days) * daysOf(chunk), 0)
}

const tableOf = ({ chunk }: PlannedChunk) => JSON.stringify([chunk.schema_name, chunk.table_name])

async function rowSizes(session: Session, chunks: PlannedChunk[]): Promise<Map<string, number>> {
  const tables = [...new Map(chunks.map((one) => [tableOf(one), one.chunk])).values()]
  const rows = await session.rows<{ schema_name: string; table_name: string; bytes: number }>(
    sql('backfill/row_sizes'),
    [tables.map(({ schema_name }) => schema_name), tables.map(({ table_name }) => table_name)],
  )
  return new Map(
    rows.map(({ schema_name, table_name, bytes }) => [JSON.stringify([schema_name, table_name]), bytes]),
  )
}
