import { describe, expect, test } from 'vitest'
import type { Session } from '../../../src/postgres/session.ts'
import { describeTable } from '../../support/catalogue.ts'
import {
  type CliOptions,
  type CliResult,
  dwh,
  dwhDone,
  ended,
  type Moment,
  startDwh,
} from '../../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { server } from '../../support/servers.ts'
import { until, untilStopped } from '../../support/until.ts'
import { command, csv, header, leftovers, loadWarehouse, row, tables, type Way } from './fixture.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)
const clean = { landings: [], open: [], idle: [] }
const beforePublish = { type: 'step', step: 'publish', state: 'started' } as const

/** Stops a load at a moment, lets something happen, and lets it go on to its end. */
async function meanwhile(
  words: string[],
  options: CliOptions,
  happens: () => Promise<unknown>,
  stopAt: Moment = beforePublish,
): Promise<CliResult> {
  const child = startDwh(words, { ...options, stopAt })
  const result = ended(child)
  await untilStopped(child.pid)
  try {
    await happens()
  } finally {
    child.kill('SIGCONT')
  }
  return result
}

const rows = (session: Session, way: Way) =>
  session.rows(`SELECT count(*) AS n, count(DISTINCT id) AS keys FROM public.${way}`)

describe('others work on the table of a load', () => {
  const template = databaseTemplate(server, tables)
  const setUp = async () => {
    await using stack = new AsyncDisposableStack()
    const database = stack.use(await freshDatabase(server, { template: template.name }))
    const session = stack.use(await database.open())
    const warehouse = stack.use(loadWarehouse())
    const kept = stack.move()
    const at = warehouse.at(database.target)
    return { database, session, warehouse, at, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() }
  }

  test('two loads of one file: the second is refused, and rows come once', async () => {
    await using place = await setUp()
    const { session, at } = place
    const first = await meanwhile(command('aside'), at, async () => {
      expect(await dwh(command('aside'), at)).toMatchObject({
        code: 6,
        stderr: says(/error LOCK_HELD load public\.aside dirty\.csv is at work already: run 1 of/),
      })
    })
    expect(first).toMatchObject({ code: 0 })
    expect(await rows(session, 'aside')).toEqual([{ n: 891, keys: 891 }])
    expect(await leftovers(session)).toEqual(clean)
  })

  test('two loads of one content under two names: the second to end changes nothing', async () => {
    await using place = await setUp()
    const { session, at, warehouse } = place
    warehouse.write('copy.csv', csv(900, { duplicates: 30 }))
    const first = await meanwhile(command('merged'), at, () => dwhDone(command('merged', 'copy.csv'), at))
    expect(first).toMatchObject({ code: 6, stderr: says(/error LOADED_MEANWHILE .*load 2/) })
    expect(await rows(session, 'merged')).toEqual([{ n: 895, keys: 895 }])
    expect(await session.rows('SELECT state FROM dwh.load_states ORDER BY load')).toEqual([
      { state: 'failed' },
      { state: 'done' },
    ])
    expect(await leftovers(session)).toEqual(clean)
  })

  test.each<Way>(everyFault ? ['aside', 'rebuilt', 'merged'] : ['aside'])(
    'two files with keys in common into the same leaves of %s: rows of both, each key once',
    async (way) => {
      await using place = await setUp()
      const { session, at, warehouse } = place
      const others = Array.from({ length: 900 }, (_, n) => row(n + 451, { client: 'other', hour: '12' }))
      warehouse.write('other.csv', header + others.join(''))
      const first = await meanwhile(command(way), at, () => dwhDone(command(way, 'other.csv'), at))
      expect(first).toMatchObject({ code: 0 })
      // Without a recency the load that ends last is the newest.
      const newer = way === 'rebuilt' ? 450 : 900
      expect(
        await session.rows(
          `SELECT count(*) AS n, count(DISTINCT id) AS keys, count(*) FILTER (WHERE client = 'other') AS newer FROM public.${way} WHERE client <> 'before'`,
        ),
      ).toEqual([{ n: 1341, keys: 1341, newer }])
      expect(await leftovers(session)).toEqual(clean)
    },
  )

  test('two appends that both want the same new leaf: the second does not wait for the whole of the first', async () => {
    await using place = await setUp()
    const { session, at, warehouse } = place
    const later = Array.from({ length: 90 }, (_, n) => row(n + 2001))
    warehouse.write('later.csv', header + later.join(''))
    const second = { ...at, env: { ...at.env, DWH_LOCK_ATTEMPTS: '2' } }
    const first = await meanwhile(
      command('appended'),
      at,
      async () => {
        expect(await dwh(command('appended', 'later.csv'), second)).toMatchObject({
          code: 6,
          stderr: says(
            /error LOCK_HELD no lock on public\.appended within the ladder; session \d+ \(.*dwh load 1/,
          ),
        })
      },
      { type: 'progress', step: 'send' },
    )
    expect(first).toMatchObject({ code: 0 })
    await dwhDone(command('appended', 'later.csv'), at)
    expect(await rows(session, 'appended')).toEqual([{ n: 981, keys: 981 }])
    expect(await leftovers(session)).toEqual(clean)
  })

  test('a leaf is detached: its rows are not half loaded', async () => {
    await using place = await setUp()
    const { session, at } = place
    const detach = () => session.run('ALTER TABLE public.merged DETACH PARTITION public.merged_2024_02')
    const before = await rows(session, 'merged')
    const result = await meanwhile(command('merged'), at, detach)
    expect(result).toMatchObject({
      code: 1,
      stderr: says(/error TARGET_UNFIT public\.merged_2024_02 exists, but is no leaf of the table/),
    })
    expect(await leftovers(session)).toEqual(clean)
    await session.run(
      "ALTER TABLE public.merged ATTACH PARTITION public.merged_2024_02 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')",
    )
    expect(await rows(session, 'merged')).toEqual(before)
    await dwhDone(command('merged'), at)
  })

  test.runIf(everyFault)('a leaf is dropped: the rows of the file are there in the end', async () => {
    await using place = await setUp()
    const { session, at } = place
    const drop = () => session.run('DROP TABLE public.merged_2024_02')
    expect(await meanwhile(command('merged'), at, drop)).toMatchObject({ code: 0 })
    expect(
      await session.rows(
        "SELECT count(*) AS n, count(DISTINCT id) AS keys FROM public.merged WHERE client <> 'before'",
      ),
    ).toEqual([{ n: 891, keys: 891 }])
    expect(await leftovers(session)).toEqual(clean)
  })

  test.each<Way>(everyFault ? ['aside', 'rebuilt', 'merged', 'scoped'] : ['aside'])(
    'a column is added to %s: rows get its default',
    async (way) => {
      await using place = await setUp()
      const { session, at } = place
      const add = () => session.run(`ALTER TABLE public.${way} ADD COLUMN level int NOT NULL DEFAULT 7`)
      expect(await meanwhile(command(way), at, add)).toMatchObject({ code: 0 })
      const found = await session.rows(`SELECT DISTINCT level FROM public.${way}`)
      expect(found).toEqual([{ level: 7 }])
      const indexes = await session.rows(
        `SELECT FROM pg_index WHERE indrelid = 'public.${way}_2024_03'::regclass`,
      )
      expect(indexes).toHaveLength(way === 'scoped' ? 1 : 2)
      expect(await leftovers(session)).toEqual(clean)
    },
  )

  test.each<[Way, string, string]>([
    ['merged', 'given another type', 'ALTER COLUMN amount TYPE float8'],
    ...(everyFault
      ? ([
          ['aside', 'dropped', 'DROP COLUMN region'],
          ['merged', 'dropped', 'DROP COLUMN region'],
          ['rebuilt', 'dropped', 'DROP COLUMN region'],
          ['scoped', 'renamed', 'RENAME COLUMN client TO customer'],
          ['aside', 'given another type', 'ALTER COLUMN amount TYPE float8'],
        ] as [Way, string, string][])
      : []),
  ])('a column of %s is %s: refused, and nothing is loaded', async (way, _what, change) => {
    await using place = await setUp()
    const { session, at } = place
    const table = { schema: 'public', name: way }
    let before: unknown
    const result = await meanwhile(command(way), at, async () => {
      await session.run(`ALTER TABLE public.${way} ${change}`)
      before = await describeTable(session, table)
    })
    expect(result).toMatchObject({
      code: 1,
      stderr: says(
        /error TARGET_UNFIT .*other columns.*; nothing was loaded\nhint +run the same command again/,
      ),
    })
    expect(await describeTable(session, table)).toEqual(before)
    expect(await leftovers(session)).toEqual(clean)
  })

  test('rows come into an empty leaf that is to be exchanged, straight into it and not committed yet', async () => {
    await using place = await setUp()
    const { session, at, database } = place
    await using writer = await database.open('a writer')
    await using other = await database.open('another writer')
    await writer.run(
      "BEGIN; INSERT INTO public.aside_2024_01 VALUES (5001, '2024-01-09', 'theirs', 1, 'south', now())",
    )
    const child = startDwh(command('aside'), at)
    const result = ended(child)
    await until(
      session,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'dwh load%' AND wait_event_type = 'Lock'",
    )
    await writer.run('COMMIT')
    expect(await result).toMatchObject({ code: 0 })
    expect(await rows(session, 'aside')).toEqual([{ n: 892, keys: 892 }])
    expect(await other.rows('SELECT client FROM public.aside WHERE id = 5001')).toEqual([
      { client: 'theirs' },
    ])
    expect(await leftovers(session)).toEqual(clean)
  })

  test('somebody reads for long while an empty leaf is to be exchanged: named, nothing is changed or left', async () => {
    await using place = await setUp()
    const { session, at, database } = place
    await using reader = await database.open('a long report')
    await reader.run('BEGIN; SELECT FROM public.aside')
    const before = await describeTable(session, { schema: 'public', name: 'aside' })
    const impatient = { ...at, env: { ...at.env, DWH_LOCK_ATTEMPTS: '3' } }
    expect(await dwh(command('aside'), impatient)).toMatchObject({
      code: 6,
      stderr: says(
        /error LOCK_HELD no lock on public\.aside within the ladder; session \d+ \(\w+, a long report/,
      ),
    })
    expect(await describeTable(session, { schema: 'public', name: 'aside' })).toEqual(before)
    expect(await leftovers(session)).toEqual(clean)
    await reader.run('ROLLBACK')
    await dwhDone(command('aside'), at)
  })

  test('a dump of the database reads what the load has made: it is named, and its end is all that is waited for', async () => {
    await using place = await setUp()
    const { session, at, database } = place
    const before = await describeTable(session, { schema: 'public', name: 'merged' })
    await using dump = await database.open('a dump')
    await dump.run('BEGIN')
    const impatient = { ...at, env: { ...at.env, DWH_LOCK_ATTEMPTS: '2' } }
    const result = await meanwhile(command('merged'), impatient, async () => {
      const made = await session.rows<{ name: string }>(
        "SELECT format('%I.%I', 'public', relname) AS name FROM pg_class WHERE relname LIKE 'dwh_load_%' AND relkind IN ('r', 'p')",
      )
      await dump.run(`LOCK TABLE ${made.map(({ name }) => name).join(', ')} IN ACCESS SHARE MODE`)
    })
    expect(result).toMatchObject({
      code: 6,
      stderr: says(/error LOCK_HELD no lock on .* within the ladder; session \d+ \(\w+, a dump/),
    })
    expect(await describeTable(session, { schema: 'public', name: 'merged' })).toEqual(before)
    // What it holds stays; the next load goes by it.
    expect(await dwh(command('merged'), at)).toMatchObject({
      code: 0,
      stderr: says(/what load 1 has left behind stays for now: .*a dump/),
    })
    await dump.run('ROLLBACK')
    await dwhDone([...command('merged'), '--again'], at)
    expect(await leftovers(session)).toEqual(clean)
  })

  test('somebody keeps readers out of the target: named before anything is planned', async () => {
    await using place = await setUp()
    const { at, database } = place
    await using stranger = await database.open('a stranger')
    await stranger.run('BEGIN; LOCK TABLE public.aside_2024_01 IN ACCESS EXCLUSIVE MODE')
    const impatient = { ...at, env: { ...at.env, DWH_LOCK_ATTEMPTS: '2' } }
    expect(await dwh(command('aside'), impatient)).toMatchObject({
      code: 6,
      stderr: says(
        /error LOCK_HELD no lock on public\.aside within the ladder; session \d+ \(\w+, a stranger/,
      ),
    })
    await stranger.run('ROLLBACK')
  })

  test('a leaf that is half detached takes no rows that nobody would see', async () => {
    await using place = await setUp()
    const { session, at, database } = place
    await using reader = await database.open('a reader')
    await using detaching = await database.open('a detach')
    await reader.run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM public.merged')
    const detached = detaching
      .run('ALTER TABLE public.merged DETACH PARTITION public.merged_2024_02 CONCURRENTLY')
      .catch(() => 'cancelled')
    await until(session, 'SELECT FROM pg_inherits WHERE inhdetachpending')
    await session.rows('SELECT pg_cancel_backend($1)', [detaching.pid])
    expect(await detached).toBe('cancelled')
    await reader.run('ROLLBACK')
    const before = await describeTable(session, { schema: 'public', name: 'merged' })
    expect(await dwh(command('merged'), at)).toMatchObject({
      code: 1,
      stderr: says(
        /error TARGET_UNFIT public\.merged_2024_02 is being detached .*\nhint .*DETACH PARTITION public\.merged_2024_02 FINALIZE/,
      ),
    })
    expect(await describeTable(session, { schema: 'public', name: 'merged' })).toEqual(before)
  })

  test('a key that is in another month by now: two loads into absent leaves leave it once', async () => {
    await using place = await setUp()
    const { session, at, warehouse } = place
    await session.run(`
      CREATE TABLE public.moving (id int NOT NULL, sold_on date NOT NULL, changed_at timestamptz) PARTITION BY RANGE (sold_on);
      CREATE INDEX moving_id ON public.moving (id)`)
    warehouse.write(
      'january.csv',
      'id,sold_on,changed_at\n1,2024-01-05,2024-01-05\n2,2024-01-06,2024-01-06\n',
    )
    warehouse.write(
      'february.csv',
      'id,sold_on,changed_at\n1,2024-02-05,2024-02-05\n3,2024-02-06,2024-02-06\n',
    )
    const load = (file: string) => ['load', 'moving', file, '--yes']
    const first = await meanwhile(load('february.csv'), at, () => dwhDone(load('january.csv'), at))
    expect(first).toMatchObject({ code: 0 })
    expect(await session.rows('SELECT id, sold_on::text FROM public.moving ORDER BY id')).toEqual([
      { id: 1, sold_on: '2024-02-05' },
      { id: 2, sold_on: '2024-01-06' },
      { id: 3, sold_on: '2024-02-06' },
    ])
    expect(await leftovers(session)).toEqual(clean)
  })
})
