import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { byParameters, daysOf, type PastWindow, worst } from '../../src/backfill/covered-days.ts'

const day = (text: string) => Temporal.PlainDate.from(text)
const week = { from: day('2024-01-01'), to: day('2024-01-08') }
let chunks = 0
const window = (from: string | null, to: string | null, more: Partial<PastWindow> = {}): PastWindow => ({
  chunk: ++chunks,
  backfill: 3,
  source: 'piezo',
  parameters: {},
  code: 'now',
  attempts: 1,
  error_code: null,
  error: null,
  window_from: from,
  window_to: to,
  outcome: 'done',
  ended_at: new Date(0),
  rows: 10,
  rejected: 0,
  failed_gates: [],
  ...more,
})

const signs = (windows: PastWindow[]) =>
  daysOf(windows, week, 'now')
    .states.map((state) => state.slice(0, 2))
    .join(' ')

describe('the days of a source', () => {
  test('are missing where nothing was ever asked for', () => {
    expect(signs([])).toBe('mi mi mi mi mi mi mi')
    expect(signs([window('2023-12-25', '2024-01-03'), window('2024-01-07', '2024-02-01')])).toBe(
      'ok ok mi mi mi mi ok',
    )
  })

  test('each outcome has a state of its own', () => {
    const windows = [
      window('2024-01-01', '2024-01-02', { outcome: 'flagged', failed_gates: ['invalid'] }),
      window('2024-01-02', '2024-01-03', { outcome: 'flagged', failed_gates: ['coverage'] }),
      window('2024-01-03', '2024-01-04', { rows: 0 }),
      window('2024-01-04', '2024-01-05', { code: 'then' }),
      window('2024-01-05', '2024-01-06', { outcome: 'failed', error: 'no answer' }),
      window('2024-01-06', '2024-01-07', { outcome: 'quarantined', failed_gates: ['volume'] }),
      window('2024-01-07', '2024-01-08', { outcome: null }),
    ]
    const map = daysOf(windows, week, 'now')
    expect(map.states).toEqual(['flagged', 'thin', 'thin', 'stale', 'failed', 'quarantined', 'open'])
    expect(map.why).toEqual([
      'falls short of invalid',
      'falls short of coverage',
      undefined,
      undefined,
      'no answer',
      'falls short of volume',
      undefined,
    ])
    expect(map.withheld).toEqual([3])
    expect(daysOf(windows, week, undefined).states[3]).toBe('ok')
  })

  test('rows that are there stay there when a later attempt fails, and a later success mends a failure', () => {
    const failed = { outcome: 'failed' as const }
    expect(signs([window('2024-01-01', '2024-01-08'), window('2024-01-02', '2024-01-03', failed)])).toBe(
      'ok ok ok ok ok ok ok',
    )
    expect(signs([window('2024-01-01', '2024-01-08', failed), window('2024-01-02', '2024-01-03')])).toBe(
      'fa ok fa fa fa fa fa',
    )
    expect(
      signs([
        window('2024-01-01', '2024-01-08', failed),
        window('2024-01-01', '2024-01-03', { outcome: null }),
      ]),
    ).toBe('op op fa fa fa fa fa')
  })

  test('each set of parameters has days of its own', () => {
    const north = { parameters: { region: 'north' } }
    const south = { parameters: { region: 'south' } }
    const sets = byParameters([
      window('2024-01-01', '2024-01-06', north),
      window('2024-01-01', '2024-01-03', south),
      window('2024-01-03', '2024-01-04', { ...south, outcome: 'failed' }),
    ])
    const maps = sets.map((set) => daysOf(set, week, 'now'))
    expect(maps.map(({ parameters }) => parameters)).toEqual([[{ region: 'north' }], [{ region: 'south' }]])
    expect(maps.map(({ states }) => states.slice(0, 5).join(' '))).toEqual([
      'ok ok ok ok ok',
      'ok ok failed missing missing',
    ])
    expect(byParameters([])).toEqual([[]])
    expect(worst(['ok', 'failed', 'thin'])).toBe('failed')
  })

  test('a dataset without windows has one', () => {
    expect(
      daysOf([window(null, null, { outcome: 'failed' }), window(null, null)], week, 'now'),
    ).toMatchObject({
      isWindowless: true,
      states: ['ok'],
    })
  })
})
