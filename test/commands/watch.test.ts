import { EventEmitter, once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { Screen } from '../../src/cli/screen.ts'
import { plainLine, render } from '../../src/commands/watch/render.ts'
import type {
  ChunkCounts,
  WatchDocument,
  WatchedBackfill,
  WatchedPeriod,
} from '../../src/monitor/watch/document.ts'
import { textWidth } from '../../src/text-width.ts'
import { seedBackfill, seedWorker } from '../support/backfills.ts'
import { dwh, ended, startDwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { targetEnvironment, testWarehouse } from '../support/warehouse.ts'

const at = new Date('2026-11-22T14:00:00Z')
const noChunks: ChunkCounts = {
  total: 0,
  done: 0,
  flagged: 0,
  quarantined: 0,
  failed: 0,
  cancelled: 0,
  running: 0,
  waiting: 0,
  left: 0,
}

const period = (year: number, more: Partial<WatchedPeriod> = {}): WatchedPeriod => ({
  period: String(year),
  table_rows: 12_345_678,
  records: 1_234_567,
  rejected: 12,
  success: 0.99999,
  rate: null,
  eta: null,
  state: 'done',
  stalled_since: null,
  chunks: { ...noChunks, total: 12, done: 12 },
  ...more,
})

const chunkOf = (name: string) => ({
  chunk: 1,
  place: 1,
  name,
  worker: 8,
  attempt: 2,
  seconds: 75,
  step: 'fetch' as const,
  rows: 4200,
  rejects: 0,
  requests: 42,
  bytes: 1_000_000,
  share: 0.42,
  rate: 45.34,
  waiting: { host: 'api.example', until: at, reason: '429 Too Many Requests' },
  stalled_since: at,
})

function backfillOf(more: Partial<WatchedBackfill> = {}): WatchedBackfill {
  return {
    backfill: 7,
    warehouse: 'hubeau',
    state: 'stalled',
    stalled_since: at,
    cause: {
      kind: 'lock',
      text: 'waits 45 s for a lock on public.measure',
      advice: 'end it with: SELECT pg_terminate_backend(99)',
    },
    created_at: at,
    ended_at: null,
    parallel: 4,
    chunks: {
      ...noChunks,
      total: 120,
      done: 60,
      failed: 2,
      quarantined: 1,
      running: 2,
      waiting: 1,
      left: 54,
    },
    records: 12_345_678,
    rejected: 1234,
    success: 0.9999,
    rate: 45.34,
    eta: null,
    grain: 'year',
    datasets: [
      {
        dataset: 'measure',
        source: 'piezo',
        table: 'public.measure',
        table_rows: 45_234_000,
        usual_rate: 1234,
        periods: Array.from({ length: 10 }, (_, n) => period(2015 + n)).concat(
          period(2025, {
            state: 'stalled',
            stalled_since: at,
            rate: 0,
            chunks: { ...noChunks, total: 12, done: 3, running: 1, left: 8 },
          }),
        ),
      },
    ],
    running: [chunkOf('measure/piezo 2025-03 réseau=測定ネットワーク\x1b[31m')],
    troubled: [
      {
        chunk: 2,
        name: 'measure/piezo 2024-05',
        state: 'quarantined',
        attempts: 1,
        at,
        error_code: null,
        why: 'coverage 0.71 of 0.95 wanted',
      },
      {
        chunk: 3,
        name: 'measure/piezo 2024-06',
        state: 'failed',
        attempts: 4,
        at,
        error_code: 'SOURCE_FAILED',
        why: 'the API answered 500 four times and nothing else came of it',
      },
    ],
    rejects: {
      rejected: 1234,
      examined: 100,
      causes: [
        { kind: 'reference', column: 'station', constraint: null, count: 100, example: 'no station "é"' },
      ],
    },
    ...more,
  }
}

const documentOf = (...backfills: WatchedBackfill[]): WatchDocument => ({
  at,
  database: 'w',
  backfills,
  workers: [{ run: 8, backfills: [7], host: 'vm', os_pid: 4711, state: 'silent', chunks: 1, heartbeat: 45 }],
  hosts: [],
  locks: [
    {
      pid: 55,
      application: 'dwh backfill 8',
      target: 'public.measure',
      seconds: 45,
      by: {
        pid: 99,
        application: 'psql',
        role: 'eve',
        state: 'idle in transaction',
        seconds: 300,
        query: 'LOCK TABLE public.measure',
      },
    },
  ],
  latest: {
    table: 'public.measure_2025',
    columns: ['station', 'at'],
    rows: [
      ['BSS1', '2025-03-01'],
      ['BSS2', null],
    ],
  },
  others: [{ run: 9, command: 'load', datasets: ['orders'], seconds: 12, step: 'plan' }],
  disk_left: 60 * 1024 ** 3,
})

const plain = new Chalk({ level: 0 })
const draw = (columns: number, rows?: number, document = documentOf(backfillOf())) =>
  render(document, { paint: plain, columns, ...(rows === undefined ? {} : { rows }) })

describe('the screen', () => {
  test.each([
    [80, 24],
    [160, 50],
    [40, 12],
    [20, 5],
  ])('of %i by %i holds what fits, whatever names say', (columns, rows) => {
    for (const level of [0, 1] as const) {
      const paint = new Chalk({ level })
      const lines = render(documentOf(backfillOf(), backfillOf()), { paint, columns, rows })
      expect(lines.length).toBeLessThanOrEqual(rows)
      for (const line of lines) expect(textWidth(stripVTControlCharacters(line))).toBeLessThanOrEqual(columns)
      expect(lines.join('\n')).not.toContain('\x1b[31m\x1b[31m')
    }
  })

  test('says first what somebody on call must know', () => {
    const lines = draw(80, 24)
    expect(lines.slice(0, 6)).toEqual([
      '14:00:00Z  database w  60.0 GB of disk left  q quits',
      'backfill 7 hubeau  stalled since 14:00:00Z  60 of 120 windows  45.3 rows/s',
      expect.stringMatching(/^█{36}▓{2}▒{2}░+ {2}50 %$/),
      '2 failed, 1 quarantined, 1 waits for another try  12,345,678 records, 1,234 rej…',
      '! waits 45 s for a lock on public.measure',
      '  end it with: SELECT pg_terminate_backend(99)',
    ])
    // Ten years are done: the one that stands still is shown.
    expect(lines.join('\n')).toMatch(/2025 .* stalled since 14:00:00Z/)
    expect(lines.join('\n')).toMatch(/… and \d+ more/)
  })

  test('shows everything where there is room', () => {
    const text = draw(160).join('\n')
    for (const part of [
      'measure/piezo  public.measure has about 45,234,000 rows; a window usually brings 1,234 a second',
      /2015 +12,345,678 +1,234,567 +99\.9 % +12\/12 +done/,
      /measure\/piezo 2025-03 réseau=測定ネットワーク\\x1b\[31m +fetch 42 % +4,200 +45\.3 +42 +977 kB +75 s +2 +stalled since 14:00:00Z, waits until/,
      /dwh backfill 8 \(55\) +public\.measure +45 s +eve \(99\) psql idle in transaction +LOCK TABLE/,
      /failed +measure\/piezo 2024-06 +4 +14:00:00Z +the API answered 500/,
      /rejects \(100 of 1,234 looked at\) +cause +column +such as/,
      /run 8 +vm:4711 +1 +45 s ago +silent/,
      'last rows of public.measure_2025',
      /BSS2 +-/,
      /run 9 load +orders +12 s +plan/,
    ])
      expect(text).toMatch(part)
    expect(text).not.toContain('more')
  })

  test('keeps the columns that matter where it is narrow', () => {
    const lines = draw(60)
    const head = lines.find((line) => line.startsWith('year'))
    expect(head).toMatch(/^year +(in table +)?records +per s +(accepted +)?windows +state$/)
  })

  test('a plain line says the same in a breath', () => {
    expect(plainLine(backfillOf())).toBe(
      'backfill 7 stalled since 14:00:00Z, 60 of 120 windows, 2 running, 2 failed, 1 quarantined, 1 waits for another try, ' +
        '12,345,678 records, 45.3 rows/s, 1,234 rejects, waits 45 s for a lock on public.measure',
    )
  })

  test('is drawn in one write each, over the one before, and gives the terminal back', () => {
    const writes: string[] = []
    const output = Object.assign(new EventEmitter(), {
      columns: 10,
      rows: 3,
      write: (text: string) => writes.push(text),
    })
    const modes: boolean[] = []
    const input = Object.assign(new EventEmitter(), {
      isTTY: true,
      setRawMode: (raw: boolean) => modes.push(raw),
      resume() {},
      pause() {},
    })
    let quits = 0
    const listeners = process.listenerCount('exit')
    {
      using screen = new Screen(() => quits++, output as never, input as never)
      screen.draw(() => ['a'.repeat(screen.size.columns), 'b', 'c', 'too much'])
      output.columns = 5
      output.emit('resize')
      input.emit('data', Buffer.from('x'))
      input.emit('data', Buffer.from('q'))
      expect(quits).toBe(1)
      expect(modes).toEqual([true])
    }
    expect(modes).toEqual([true, false])
    const [enter, first, second, leave] = writes
    expect(writes).toHaveLength(4)
    expect(enter).toContain('\x1b[?1049h')
    // The line that fills the screen is not cleared behind: that would take its last character.
    expect(first).toContain('aaaaaaaaaa\x1b[0m\r\nb\x1b[0m\x1b[K\r\nc\x1b[0m\x1b[K')
    expect(first).not.toContain('too much')
    expect(second).toContain('\x1b[Haaaaa\x1b[0m\r\n')
    expect(leave).toContain('\x1b[?1049l')
    expect(leave).toContain('\x1b[?25h')
    expect(process.listenerCount('exit')).toBe(listeners)
    expect(output.listenerCount('resize') + input.listenerCount('data')).toBe(0)
  })
})

describe('dwh watch', () => {
  const months = (n: number) => ({ from: `2024-0${n}-01`, to: `2024-0${n + 1}-01` })
  const figures = { records: 100, inserted: 90, rejected: 10, seconds: 1 }

  test('says what is wrong with what was typed, and that there is nothing to watch', async () => {
    await using database = await freshDatabase(server)
    const env = targetEnvironment(database.target)
    const [nothing, document, number, wrong] = await Promise.all([
      dwh(['watch'], { env }),
      dwh(['watch', '--json'], { env }),
      dwh(['watch', '5'], { env }),
      dwh(['watch', '--years', '24', '--interval', '0'], { env }),
    ])
    expect(nothing).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/no backfill was planned here yet/),
    })
    expect(document).toMatchObject({ code: 0, stdout: 'null\n' })
    expect(number).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/USAGE run 5 is no backfill\nhint +see: dwh backfill list/),
    })
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--interval <seconds>: .*--years <year\.\.\.>: /),
    })
  })

  test('prints one document, one screen, or lines until all has ended: 5 where not all is done', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    const backfill = await seedBackfill(session, {}, [
      { ...months(1), outcome: 'done', figures },
      { ...months(2), outcome: 'failed', error: ['SOURCE_FAILED', 'no answer'] },
    ])
    using warehouse = testWarehouse({})
    const at = warehouse.at(database.target)
    const [json, once, lines] = await Promise.all([
      dwh(['watch', '--once', '--json'], at),
      dwh(['watch', String(backfill), '--once'], at),
      dwh(['watch', '--interval', '1'], at),
    ])
    expect(json.code).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({
      database: database.name,
      backfills: [
        {
          backfill,
          state: 'partly',
          chunks: { total: 2, done: 1, failed: 1 },
          datasets: [{ table_rows: null }],
        },
      ],
      workers: [],
      disk_left: expect.any(Number),
    })
    expect(once).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^failed +measure\/piezo 2024-02 .*no answer$/m),
    })
    expect(once.stdout).not.toContain('\x1b')
    expect(lines).toMatchObject({
      code: 5,
      stdout: expect.stringMatching(
        /^\d\d:\d\d:\d\dZ backfill \d+ partly, 1 of 2 windows, 1 failed, 100 records, 10 rejects\n$/,
      ),
      stderr: expect.stringMatching(
        new RegExp(`PARTLY_DONE backfill ${backfill} ended partly\nhint .*dwh backfill retry ${backfill}`),
      ),
    })
  })

  test('follows a backfill to its end, says what changed and nothing twice; Ctrl-C leaves the work alone', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using working = await database.open()
    await using worker = await seedWorker(working)
    const backfill = await seedBackfill(session, {}, [
      { ...months(1), worker: worker.run, claimed: 1, progress: { step: 'fetch', rows: 40 } },
      { ...months(2), worker: worker.run, claimed: 1, progress: { step: 'fetch', rows: 2 } },
    ])
    const env = targetEnvironment(database.target)
    const watching = startDwh(['watch', '--interval', '0.5'], { env })
    const left = startDwh(['watch', '--interval', '0.5'], { env })
    const [ending, leaving] = [ended(watching), ended(left)]
    await Promise.all(
      [watching, left].map(
        (child) => child.stdout && Promise.race([once(child.stdout, 'data'), once(child, 'close')]),
      ),
    )
    left.kill('SIGINT')
    expect(await leaving).toMatchObject({
      code: 130,
      stderr: expect.stringMatching(/INTERRUPTED no longer watched; what was watched goes on/),
    })
    await session.run(
      `UPDATE dwh.chunks SET outcome = 'done', ended_at = clock_timestamp(), worker = NULL, claimed_at = NULL,
              figures = '{"records": 50, "rejected": 0, "seconds": 1}' WHERE backfill = $1`,
      [backfill],
    )
    const { code, stdout } = await ending
    expect(code).toBe(0)
    expect(stdout.split('\n').map((line) => line.slice(10))).toEqual([
      expect.stringMatching(/^backfill \d+ running, 0 of 2 windows, 2 running, 42 records, .* rows\/s$/),
      `backfill ${backfill} done, 2 of 2 windows, 100 records`,
      '',
    ])
  })
})
