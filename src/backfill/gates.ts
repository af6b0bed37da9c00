import { Temporal } from 'temporal-polyfill'
import type { GateResult } from '../ledger/chunk.ts'
import type { ArrivedFacts } from '../load/chunk.ts'
import { Territory } from '../load/publish/territory.ts'
import { periodsBetween } from '../partitions/periods.ts'
import { relation } from '../postgres/identifiers.ts'
import type { Session } from '../postgres/session.ts'
import { sql } from '../postgres/sql-files.ts'
import type { Window } from '../sources/window.ts'
import type { Dataset, Warehouse } from '../warehouse/load.ts'

/** What the gates of a chunk are told beside what has arrived. */
export interface Judged {
  warehouse: Warehouse
  dataset: Dataset
  source: string
  window: Window | undefined
  parameters: Record<string, string>
  /** Rows that the source said there are. */
  announced: number | undefined
  /** The rows are only those that are new since the last time: neither days nor numbers say what is missing. */
  isPart?: boolean
  /** By the clock of the window's zone; it is the present day unless given. */
  today?: Temporal.PlainDate
}

/** What the gates say of a chunk. */
export interface Verdict {
  gates: GateResult[]
  passed: boolean
  /** What becomes of the rows, by `on_failure` where some gate has failed. */
  verdict: 'publish' | 'withhold'
}

/**
 * Judges what a chunk has brought by the thresholds of its dataset, before anybody sees it. Reads the rows once where the
 * coverage is asked for, and those of a sibling dataset where there is one to align with; changes nothing.
 */
export async function judgeChunk(session: Session, judged: Judged, facts: ArrivedFacts): Promise<Verdict> {
  const gates = [invalid(judged, facts)]
  if (!judged.isPart) {
    gates.push(...(await coverage(judged, facts)), await volume(session, judged, facts))
    gates.push(...(await alignment(session, judged, facts)))
  }
  const passed = gates.every((gate) => gate.passed)
  const quarantines = judged.dataset.thresholds.on_failure === 'quarantine'
  return { gates, passed, verdict: passed || !quarantines ? 'publish' : 'withhold' }
}

/** `coverage: 24 of 31 days, 95 % wanted`: the gates that have failed, in a few words each. */
export function failures(gates: GateResult[]): string[] {
  return gates.flatMap(({ gate, passed, note }) => (passed ? [] : [`${gate}: ${note}`]))
}

function invalid({ dataset: { thresholds } }: Judged, { records, rejected }: ArrivedFacts): GateResult {
  const found = records === 0 ? 0 : rejected / records
  const note = `${count(rejected)} of ${count(records)} records were refused, ${percent(thresholds.invalid)} at the most`
  return { gate: 'invalid', passed: found <= thresholds.invalid, found, wanted: thresholds.invalid, note }
}

/** The part of the days, or quarters, that have rows; days that have not passed yet do not count. */
async function coverage(judged: Judged, facts: ArrivedFacts): Promise<GateResult[]> {
  const { dataset, window } = judged
  const { thresholds, partition: policy } = dataset
  if (!window || !policy) return []
  const grain = policy.kind === 'year_quarter' ? 'quarter' : 'day'
  const past = pastOf(judged, window)
  const expected = past ? [...periodsBetween(past.from, past.to, grain)] : []
  const passedBy = expected.filter(({ end }) => past && Temporal.PlainDate.compare(end, past.end) <= 0)
  const wanted = thresholds.coverage
  if (passedBy.length === 0)
    return [{ gate: 'coverage', passed: true, found: null, wanted, note: `no ${grain} of it has passed yet` }]
  const days = facts.rows === 0 ? new Set<string>() : await facts.days()
  const missing = passedBy.map(({ start }) => String(start)).filter((start) => !days.has(start))
  const there = passedBy.length - missing.length
  const found = there / passedBy.length
  const without = missing.length > 0 ? `, without ${some(missing)}` : ''
  const note = `${there} of ${passedBy.length} ${grain}s have rows, ${percent(wanted)} wanted${without}`
  return [{ gate: 'coverage', passed: found >= wanted, found, wanted, note }]
}

/** What the source has announced is what is expected; else the same period of the nearest years, in the ledger. */
async function volume(session: Session, judged: Judged, facts: ArrivedFacts): Promise<GateResult> {
  const { announced, dataset, window } = judged
  const { thresholds } = dataset
  const least = (expected: number) => Math.ceil(expected * thresholds.volume)
  if (announced !== undefined) {
    const wanted = least(announced)
    const note = `${count(facts.records)} records came, the source said ${count(announced)}`
    return { gate: 'volume', passed: facts.records >= wanted, found: facts.records, wanted, note }
  }
  const found = facts.rows
  const unknown = (note: string): GateResult => ({ gate: 'volume', passed: true, found, wanted: null, note })
  if (!window) return unknown('nothing says how many rows there should be')
  const past = pastOf(judged, window)
  if (!past) return unknown('no day of it has passed yet')
  const years = await session.rows<{ year: number; rows: number }>(sql('ledger/sibling_years'), [
    judged.warehouse.name,
    dataset.name,
    judged.source,
    judged.parameters,
    String(window.from),
    String(window.to),
  ])
  if (years.length === 0) return unknown('no other year to compare it with')
  const mean = years.reduce((sum, { rows }) => sum + rows, 0) / years.length
  const wanted = least(mean * (daysOf(past.from, past.to) / daysOf(window.from, window.to)))
  const note = `${count(found)} rows, ${count(wanted)} wanted by ${years.map(({ year }) => year).join(', ')}`
  return { gate: 'volume', passed: found >= wanted, found, wanted, note }
}

/** A sibling that has nothing there yet says nothing. */
async function alignment(session: Session, judged: Judged, facts: ArrivedFacts): Promise<GateResult[]> {
  const { align_with: name, align_rows: most } = judged.dataset.thresholds
  const sibling = judged.warehouse.datasets.find((dataset) => dataset.name === name)
  if (!sibling) return []
  const gate = { gate: 'alignment', found: facts.rows } as const
  const there = await session.one<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    relation(sibling.target),
  ])
  const { condition } = new Territory(
    sibling,
    judged.parameters,
    sibling.partition ? judged.window : undefined,
  )
  const { rows } = there.there
    ? await session.one<{ rows: number }>(
        `SELECT count(*) AS rows FROM ${relation(sibling.target)} WHERE ${condition}`,
      )
    : { rows: 0 }
  if (rows === 0) return [{ ...gate, passed: true, wanted: null, note: `${name} has no rows of it yet` }]
  const note = `${count(facts.rows)} rows, ${count(rows)} of ${name}, ${count(most)} apart at the most`
  return [{ ...gate, passed: Math.abs(facts.rows - rows) <= most, wanted: rows, note }]
}

/** The days of a window that have passed: today is not over. */
function pastOf({ today }: Judged, { from, to, zone }: Window) {
  const now = today ?? Temporal.Now.plainDateISO(zone)
  const { compare } = Temporal.PlainDate
  const end = compare(to, now) <= 0 ? to : now
  return compare(from, end) < 0 ? { from, to: end, end } : undefined
}

const daysOf = (from: Temporal.PlainDate, to: Temporal.PlainDate) =>
  from.until(to, { largestUnit: 'day' }).days

const count = (number: number) => number.toLocaleString('en')

const percent = (share: number) => `${Math.round(share * 1000) / 10} %`

/** The first few of a list. */
function some(names: string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
}
