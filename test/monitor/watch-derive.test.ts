import { describe, expect, test } from 'vitest'
import type { LockWait } from '../../src/events.ts'
import { derive } from '../../src/monitor/watch/derive.ts'
import type { Facts, NotedRow, SumRow, WorkerRow } from '../../src/monitor/watch/facts.ts'
import { Track } from '../../src/monitor/watch/track.ts'

const start = Date.parse('2026-11-22T14:00:00Z')
const moment = (seconds: number) => new Date(start + seconds * 1000)

const sum = (state: SumRow['state'], chunks: number): SumRow => ({
  backfill: 7,
  dataset: 'measure',
  source: 'piezo',
  schema_name: 'public',
  table_name: 'measure',
  zone: 'UTC',
  period: '2024',
  state,
  chunks,
  days: 30 * chunks,
  records: 0,
  rejected: 0,
  seconds: 0,
  ended_at: null,
})

const chunk = (more: Partial<NotedRow> = {}): NotedRow => ({
  chunk: 1,
  backfill: 7,
  place: 1,
  dataset: 'measure',
  source: 'piezo',
  window_from: '2024-01-01',
  window_to: '2024-02-01',
  period: '2024',
  days: 31,
  parameters: {},
  attempts: 1,
  worker: 8,
  claimed_at: moment(0),
  retry_at: null,
  progress: { step: 'fetch', rows: 100 },
  progressed_at: moment(0),
  ended_at: null,
  state: 'running',
  error_code: null,
  error: null,
  gates: null,
  ...more,
})

const worker = (more: Partial<WorkerRow> = {}): WorkerRow => ({
  run: 8,
  host: 'vm',
  os_pid: 4711,
  state: 'running',
  backfills: [7],
  chunks: 1,
  heartbeat: 1,
  expired: false,
  busy: [],
  ...more,
})

/** One chunk at work and one left, seen some seconds after the start. */
function facts(seconds: number, more: Partial<Facts> = {}, backfill: object = {}): Facts {
  return {
    at: moment(seconds),
    database: 'w',
    backfills: [
      {
        backfill: 7,
        warehouse: 'test',
        wanted: 'run',
        wanted_at: moment(0),
        parallel: 2,
        settings: { hours: null },
        created_at: moment(0),
        at: moment(seconds),
        database: 'w',
        first_day: '2023-01-01',
        last_day: '2024-12-31',
        ended_at: null,
        has_begun: true,
        ...backfill,
      },
    ],
    sums: [sum('running', 1), sum('planned', 1)],
    noted: [chunk()],
    workers: [worker()],
    blocked: [],
    hosts: [],
    leaves: [],
    paces: [],
    rejects: [],
    latest: null,
    others: [],
    diskLeft: null,
    ...more,
  }
}

/** As it is seen for the first time, and again half a minute later. */
const seen = (more: Partial<Facts> = {}, backfill: object = {}) => {
  const track = new Track()
  derive(facts(1, more, backfill), track)
  return derive(facts(31, more, backfill), track).backfills[0]
}

describe('why a backfill stands still', () => {
  test('is not asked while it moves, and after 29 seconds', () => {
    const track = new Track()
    expect(derive(facts(1), track).backfills[0]).toMatchObject({
      state: 'running',
      cause: null,
      stalled_since: null,
    })
    expect(derive(facts(29), track).backfills[0]).toMatchObject({ state: 'running' })
    const moved = { noted: [chunk({ progress: { step: 'fetch', rows: 101 } })] }
    expect(derive(facts(40, moved), track).backfills[0]).toMatchObject({ state: 'running' })
    expect(derive(facts(69, moved), track).backfills[0]).toMatchObject({ state: 'running' })
    expect(derive(facts(70, moved), track).backfills[0]).toMatchObject({
      state: 'stalled',
      stalled_since: moment(40),
      eta: null,
      datasets: [{ periods: [{ state: 'stalled', stalled_since: moment(40) }] }],
    })
  })

  test('a worker that gives signs of life without getting on has stalled all the same', () => {
    const track = new Track()
    derive(facts(1), track)
    const alive = { noted: [chunk({ progressed_at: moment(30) })] }
    expect(derive(facts(31, alive), track).backfills[0]).toMatchObject({
      state: 'stalled',
      stalled_since: moment(0),
    })
  })

  const host = { host: 'api.example', until: moment(90), reason: '429 Too Many Requests' }
  const waiting = { host: 'api.example', until: moment(90).toISOString(), reason: 'Retry-After' }
  const blocker = {
    pid: 99,
    target: 'measure_2024',
    mode: 'AccessExclusiveLock',
    application: 'psql',
    role: 'eve',
    state: 'idle in transaction',
    seconds: 300,
    query: 'LOCK TABLE measure_2024',
  }
  const blocked = { worker: 8, pid: 55, application: 'dwh backfill 8', seconds: 45, by: blocker }
  const lockWait = (by: LockWait['by']) => ({
    ...{ host: '', until: moment(40).toISOString(), reason: 'a lock on measure' },
    lock: { since: moment(10).toISOString(), by },
  })
  const busy = [
    { pid: 55, application: 'dwh', seconds: 200, wait: 'IO:DataFileRead', query: 'CREATE INDEX …' },
  ]

  test.each<[kind: string, state: string, text: RegExp, more: Partial<Facts>, backfill?: object]>([
    ['paused', 'pausing', /will pause when its windows at work have ended/, {}, { wanted: 'pause' }],
    [
      'paused',
      'paused',
      /paused, wanted since 14:00:00Z/,
      { noted: [], sums: [sum('planned', 2)] },
      { wanted: 'pause' },
    ],
    [
      'host',
      'stalled',
      /api\.example may not be asked until 14:01:30Z: 429/,
      { hosts: [host], noted: [chunk({ progress: { waiting } })] },
    ],
    [
      'host',
      'stalled',
      /waits for api\.example until 14:01:30Z: Retry-After/,
      { noted: [chunk({ progress: { waiting } })] },
    ],
    [
      'lock',
      'stalled',
      /waits 45 s for a lock on measure_2024 that session 99 \(eve, psql, idle in transaction\) holds/,
      { blocked: [blocked] },
    ],
    [
      'lock',
      'stalled',
      /a prepared transaction holds a lock on measure_2024/,
      { blocked: [{ ...blocked, by: { ...blocker, pid: 0 } }] },
    ],
    // Between two tries nobody waits in the server.
    [
      'lock',
      'stalled',
      /waits 21 s for a lock on measure_2024 that session 98 \(bob, psql, active\) holds/,
      {
        noted: [
          chunk({
            progress: { waiting: lockWait({ pid: 98, target: 'measure_2024', who: 'bob, psql, active' }) },
          }),
        ],
      },
    ],
    [
      'lock',
      'stalled',
      /waits 21 s for a lock on measure/,
      { noted: [chunk({ progress: { waiting: lockWait(null) } })] },
    ],
    [
      'source',
      'stalled',
      /does not answer/,
      {
        noted: [
          chunk({
            progress: {
              step: 'fetch',
              waiting: { ...lockWait(null), until: String(moment(30).toISOString()) },
            },
          }),
        ],
      },
    ],
    [
      'worker_silent',
      'stalled',
      /worker 8 \(process 4711 of vm\) has given no sign of life for 45 s/,
      { workers: [worker({ heartbeat: 45 })] },
    ],
    ['worker_silent', 'stalled', /no sign of life/, { workers: [worker({ expired: true })] }],
    [
      'no_worker',
      'stalled',
      /worker 8 has died and nobody else works on it/,
      { workers: [], noted: [chunk({ state: 'died' })], sums: [sum('died', 1)] },
    ],
    ['no_worker', 'stalled', /nobody works on it/, { workers: [], noted: [], sums: [sum('planned', 2)] }],
    [
      'not_begun',
      'planned',
      /nobody has begun/,
      { workers: [], noted: [], sums: [sum('planned', 2)] },
      { has_begun: false },
    ],
    [
      'retry',
      'stalled',
      /the next try is at 14:01:40Z, after it broke/,
      {
        noted: [chunk({ state: 'waiting', worker: null, retry_at: moment(100), error: 'it broke' })],
        sums: [sum('waiting', 1)],
      },
    ],
    [
      'hours',
      'paused',
      /pauses outside of Mon-Fri 20:00-06:00 UTC, until 2026-11-23 20:00:00Z/,
      { noted: [], sums: [sum('planned', 2)] },
      { settings: { hours: 'Mon-Fri 20:00-06:00 UTC' } },
    ],
    [
      'server',
      'stalled',
      /PostgreSQL works on one statement for 3 min \(IO:DataFileRead\): CREATE INDEX/,
      { workers: [worker({ busy })] },
    ],
    ['source', 'stalled', /the source piezo does not answer/, {}],
    [
      'unknown',
      'stalled',
      /nothing is known that holds it up/,
      { noted: [chunk({ progress: { step: 'load' } })] },
    ],
  ])('%s: %s', (kind, state, text, more, backfill) => {
    expect(seen(more, backfill)).toMatchObject({ state, cause: { kind, text: expect.stringMatching(text) } })
  })

  test('is told at once where nobody works on it', () => {
    const dead = { workers: [], noted: [], sums: [sum('planned', 2)] }
    expect(derive(facts(1, dead), new Track()).backfills[0]).toMatchObject({
      state: 'stalled',
      stalled_since: moment(0),
    })
  })

  test('is nothing of one that has ended', () => {
    const ended = (...sums: SumRow[]) =>
      derive(facts(500, { sums, noted: [] }, { ended_at: moment(9) }), new Track()).backfills[0]
    expect(ended(sum('done', 2))).toMatchObject({ state: 'done', cause: null, eta: null, rate: null })
    expect(ended(sum('done', 2), sum('flagged', 1))?.state).toBe('done')
    expect(ended(sum('done', 2), sum('failed', 1))?.state).toBe('partly')
    expect(ended(sum('quarantined', 2))?.state).toBe('partly')
    expect(ended(sum('failed', 2))?.state).toBe('failed')
    expect(ended(sum('done', 2), sum('cancelled', 1))?.state).toBe('cancelled')
  })
})

describe('a track', () => {
  test('tells how fast something grows over the last minute, without what it loses', () => {
    const track = new Track()
    expect(track.rate('a', moment(0), 100)).toBeUndefined()
    expect(track.rate('a', moment(20), 200)).toBe(5)
    expect(track.rate('a', moment(40), 0)).toBe(2.5)
    expect(track.rate('a', moment(60), 500)).toBe(10)
    // The first look is forgotten by now.
    expect(track.rate('a', moment(80), 500)).toBeCloseTo(500 / 60)
    expect(track.rate('b', moment(80), 1)).toBeUndefined()
  })
})

describe('what is slow', () => {
  const pace = { warehouse: 'test', dataset: 'measure', source: 'piezo', rate: 100, seconds_a_day: 1 }
  const slowness = (seconds: number, chunks: number) => {
    const row = chunk({ claimed_at: moment(0), progressed_at: moment(seconds) })
    return derive(facts(seconds, { paces: [{ ...pace, chunks }], noted: [row] }), new Track()).backfills[0]
  }

  test('takes twice the time that the same source usually takes for as many days, three chunks being the least that is usual', () => {
    expect(slowness(61, 3)).toMatchObject({ state: 'running', cause: null, eta: expect.any(Number) })
    expect(slowness(63, 3)).toMatchObject({
      state: 'slow',
      cause: { kind: 'slow', text: 'measure/piezo 2024-01 is at it for 63 s, usually 31 s' },
      datasets: [{ usual_rate: 100, periods: [{ state: 'slow' }] }],
    })
    expect(slowness(63, 2)).toMatchObject({ state: 'running', datasets: [{ usual_rate: null }] })
  })
})
