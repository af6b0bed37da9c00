import { describe, expect, test } from 'vitest'
import type { DwhEvent } from '../../../src/events.ts'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { sql } from '../../../src/postgres/sql-files.ts'
import { describeTable } from '../../support/catalogue.ts'
import { dwh, dwhDone, ended, startDwh } from '../../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { server } from '../../support/servers.ts'
import { until, untilStopped } from '../../support/until.ts'
import { quietWork } from '../../support/work.ts'
import { command, csv, leftovers, loadWarehouse, stepsOf, tables, type Way, ways } from './fixture.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)
const clean = { landings: [], open: [], idle: [] }
const statement = (name: string): Partial<DwhEvent> => ({ type: 'statement', sql: sql(name).text })
const lastCheck = statement('ledger/check_lease')

/** The last transaction of the first load does not come to its end. */
const standstill = `
  CREATE FUNCTION public.stand_still() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_sleep(3600);
    RETURN NEW;
  END $$;
  CREATE TRIGGER stand_still BEFORE UPDATE ON dwh.loads FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND NEW.load = 1) EXECUTE FUNCTION public.stand_still()`

const everywhere: [Way, string, Partial<DwhEvent>][] = ways.flatMap((way) => [
  ...stepsOf(way).map((step): [Way, string, Partial<DwhEvent>] => [
    way,
    `within ${step}`,
    { type: 'step', step, state: 'started' },
  ]),
  [way, 'in the last transaction', statement('ledger/record_digest')],
])
const sample: typeof everywhere = [
  ['aside', 'within send', { type: 'progress', step: 'send' }],
  ['aside', 'in the last transaction', statement('ledger/record_digest')],
  ['appended', 'in the last transaction', statement('ledger/record_digest')],
]

describe('a load that is interrupted leaves nothing', () => {
  const template = databaseTemplate(server, async (session) => {
    await tables(session)
    await ensureLedger(session, quietWork())
    await session.run(standstill)
  })

  test.each(everyFault ? everywhere : sample)('%s, %s', async (way, _where, interruptAt) => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = loadWarehouse()
    const before = await describeTable(session, { schema: 'public', name: way })
    const result = await dwh(command(way), { ...warehouse.at(database.target), interruptAt })
    expect(result).toMatchObject({ code: 130, stderr: says(/error INTERRUPTED/) })
    expect(await describeTable(session, { schema: 'public', name: way })).toEqual(before)
    expect(await leftovers(session)).toEqual(clean)
    expect(await session.rows('SELECT state, error_code FROM dwh.load_states')).toEqual([
      { state: 'failed', error_code: 'INTERRUPTED' },
    ])
  })

  test('with the COMMIT: what is done is done, and said', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await session.run('DROP TRIGGER stand_still ON dwh.loads')
    using warehouse = loadWarehouse()
    const result = await dwh(command('merged'), {
      ...warehouse.at(database.target),
      interruptAt: [lastCheck, { type: 'statement', sql: 'COMMIT' }],
    })
    expect(result).toMatchObject({ code: 0, stderr: says(/445 inserted, 446 updated/) })
    expect(await leftovers(session)).toEqual(clean)
    expect(await session.rows('SELECT state FROM dwh.load_states')).toEqual([{ state: 'done' }])
  })

  test('while it waits for a lock', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = loadWarehouse()
    await using reader = await database.open('a long report')
    await reader.run('BEGIN; SELECT FROM public.aside')
    const child = startDwh(command('aside'), warehouse.at(database.target))
    const result = ended(child)
    await until(
      session,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'dwh load%' AND wait_event_type = 'Lock'",
    )
    child.kill('SIGINT')
    expect(await result).toMatchObject({ code: 130 })
    expect(await leftovers(session)).toEqual(clean)
  })

  test('the second Ctrl-C leaves at once, and the next run ends what the server still does', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = loadWarehouse()
    const at = warehouse.at(database.target)
    const child = startDwh(command('merged'), at)
    const result = ended(child)
    const sleeping =
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    await until(session, sleeping)
    child.kill('SIGINT')
    child.kill('SIGTERM')
    expect(await result).toMatchObject({ code: 130, signal: null })
    expect(await session.rows('SELECT state FROM dwh.load_states')).toEqual([{ state: 'died' }])
    await dwhDone(command('merged'), at)
    expect(await leftovers(session)).toEqual(clean)
    expect(await session.rows(sleeping)).toEqual([])
    expect(await session.rows('SELECT state FROM dwh.load_states ORDER BY load')).toEqual([
      { state: 'failed' },
      { state: 'done' },
    ])
  })

  test('a session that somebody ends while rows are sent: one error, nothing left, and the next run loads the file', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = loadWarehouse()
    warehouse.write('dirty.csv', csv(200_000))
    const at = warehouse.at(database.target)
    const child = startDwh(command('aside'), { ...at, stopAt: { type: 'progress', step: 'send' } })
    const result = ended(child)
    await untilStopped(child.pid)
    await session.run(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name ~ '^dwh load' AND query LIKE 'COPY%' LIMIT 1`,
    )
    child.kill('SIGCONT')
    expect(await result).toMatchObject({
      code: 1,
      stderr: says(/error SERVER_WENT_AWAY .*\nhint .*run the same command again/),
    })
    expect(await leftovers(session)).toEqual(clean)
    await dwhDone(command('aside'), at)
    expect(await session.rows('SELECT count(*) AS n FROM public.aside')).toEqual([{ n: 199_991 }])
  })
})
