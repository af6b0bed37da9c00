import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { startServer, stopServer } from '../../src/postgres/server/server.ts'
import { TemporaryServer, throwAway } from '../../src/postgres/server/temporary.ts'
import { Session } from '../../src/postgres/session.ts'
import { dwh } from '../support/cli.ts'
import { startDaemon } from '../support/daemons.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { until, untilStopped } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const yearly = { cron: '0 0 1 1 *', late_after: '10 min' }

/** Its migration waits until the gate is open, and has an effect then. */
const gated = () =>
  testWarehouse(
    {
      schedule: {
        jobs: {
          gated: { ...yearly, run: ['migrate up', 'migrate status'] },
          hasty: { ...yearly, run: ['migrate up'], timeout: '1 s' },
          wrong: { ...yearly, run: ['migrate up --sideways'] },
        },
      },
    },
    {
      'migrations/0001_gate.sql': `-- Up Migration
DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM public.gate) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$;
INSERT INTO public.effects VALUES ('gated');
-- Down Migration
DELETE FROM public.effects;
`,
    },
  )

const due = (session: Session, job: string) =>
  session.one<{ slot: number }>(
    `INSERT INTO dwh.slots (warehouse, job, due_at, planned_at) VALUES ('test', $1, clock_timestamp(), clock_timestamp())
     RETURNING slot`,
    [job],
  )

const slots = (session: Session) =>
  session.rows<{
    job: string
    state: string
    attempts: number
    exit_code: number | null
    reason: string | null
  }>('SELECT job, state, attempts, exit_code, reason FROM dwh.slot_states ORDER BY slot')

/** The process that works for the slot, once it waits at the gate. */
async function atTheGate(session: Session, after: number): Promise<{ run: number; pid: number }> {
  const query = `SELECT r.run, r.os_pid AS pid FROM dwh.runs AS r JOIN pg_stat_activity AS a ON a.application_name = 'dwh migrate up ' || r.run
    WHERE r.run > $1 AND a.query LIKE '%public.gate%' AND a.state = 'active' AND a.pid <> pg_backend_pid()`
  await until(session, query, [after])
  return session.one(query, [after])
}

async function gone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) await sleep(20)
}

describe('daemons of a schedule', () => {
  const template = databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run('CREATE TABLE public.gate (); CREATE TABLE public.effects (what text)')
  })

  test('one is killed, one stands still past its lease, one is told to stop: the slot is done once', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = gated()
    const at = warehouse.at(database.target)
    await using first = startDaemon(at)
    await first.says(/3 jobs/)
    await until(session, 'SELECT FROM dwh.jobs')
    const { slot } = await due(session, 'gated')
    const killed = await atTheGate(session, 0)
    await using second = startDaemon(at, '--grace', '1 s')
    await second.says(/3 jobs/)

    // Killed: its command is ended with it, and another daemon begins anew.
    first.child.kill('SIGKILL')
    const stopped = await atTheGate(session, killed.run)
    await gone(killed.pid)
    await second.says(new RegExp(`gated ${slot}, due .*, whose daemon died, is taken up again: migrate up`))

    // Stopped: its lease is over before it wakes.
    second.child.kill('SIGSTOP')
    await untilStopped(second.child.pid)
    await session.run(
      `UPDATE dwh.leases SET expires_at = clock_timestamp() - interval '1 s' WHERE work = 'slot ${slot}'`,
    )
    await using third = startDaemon(at, '--grace', '1 s')
    const handed = await atTheGate(session, stopped.run)
    second.child.kill('SIGCONT')
    await gone(stopped.pid)
    await second.says(/not ended, exit code \d+: its lease is lost/)

    // Told to stop: what does not end within its grace is the other's.
    third.child.kill('SIGTERM')
    const last = await atTheGate(session, handed.run)
    expect(await third.ended).toBe(0)
    await gone(handed.pid)
    expect(await slots(session)).toMatchObject([{ job: 'gated', state: 'running', exit_code: null }])
    await session.run('INSERT INTO public.gate DEFAULT VALUES')
    await until(session, 'SELECT FROM dwh.slots WHERE ended_at IS NOT NULL')
    expect(await slots(session)).toEqual([
      { job: 'gated', state: 'ran', attempts: 3, exit_code: 0, reason: null },
    ])
    expect(await session.rows('SELECT what FROM public.effects')).toEqual([{ what: 'gated' }])
    second.child.kill('SIGTERM')
    expect(await second.ended).toBe(0)
    await gone(last.pid)
    expect(
      await session.rows(
        `SELECT command, state FROM dwh.run_states WHERE command <> 'migrate status' ORDER BY run`,
      ),
    ).toMatchObject([
      { command: 'schedule run', state: 'died' },
      { command: 'migrate up' },
      { command: 'schedule run', state: 'ok' },
      { command: 'migrate up' },
      { command: 'schedule run', state: 'ok' },
      { command: 'migrate up' },
      { command: 'migrate up', state: 'ok' },
    ])
    expect(first.said()).not.toMatch(/ended|outcome/)
  })

  test('a job beyond its timeout is ended, one that fails says why, and --once is for cron', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = gated()
    const at = warehouse.at(database.target)
    expect(await dwh(['schedule', 'run', '--once'], at)).toMatchObject({ code: 0 })
    const before = await session.rows('SELECT FROM dwh.runs')
    expect(await dwh(['schedule', 'run', '--once'], at)).toMatchObject({
      code: 0,
      stderr: 'nothing is due\n',
    })
    expect(await session.rows('SELECT FROM dwh.runs')).toHaveLength(before.length)

    await due(session, 'hasty')
    await due(session, 'wrong')
    expect(await dwh(['schedule', 'run', '--once'], at)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/error PARTLY_DONE 2 of 2 slots ended with an error/),
    })
    const found = await slots(session)
    expect(found).toEqual([
      {
        job: 'hasty',
        state: 'failed',
        attempts: 1,
        exit_code: expect.any(Number),
        reason: 'ended after 1 s, its timeout',
      },
      {
        job: 'wrong',
        state: 'failed',
        attempts: 1,
        exit_code: 2,
        reason: expect.stringMatching(/^USAGE .*sideways/),
      },
    ])
    expect(await session.rows('SELECT FROM public.effects')).toEqual([])
    const { stdout } = await dwh(['schedule', 'list', '--json'], at)
    expect(JSON.parse(stdout)).toMatchObject([
      {
        job: 'gated',
        state: 'scheduled',
        next_due: expect.stringMatching(/^20\d\d-01-01T00:00:00.000Z$/),
        last: [],
      },
      { job: 'hasty', last: [{ state: 'failed', outcome: 'ran' }] },
      { job: 'wrong', last: [{ state: 'failed', run: null }] },
    ])
  })

  test('the server is restarted under a job, and its warehouse file changed: the daemon goes on', async () => {
    const work = quietWork()
    await using own = await TemporaryServer.start(work, { binaries: server.binaries })
    using warehouse = gated()
    {
      await using session = await Session.open(own.target, 'dwh test', work)
      await ensureLedger(session, work)
      await session.run('CREATE TABLE public.gate (); CREATE TABLE public.effects (what text)')
    }
    await using daemon = startDaemon(warehouse.at(own.target))
    await daemon.says(/3 jobs/)
    {
      await using session = await Session.open(own.target, 'dwh test', work)
      await until(session, 'SELECT FROM dwh.jobs')
      await due(session, 'gated')
      const { pid } = await atTheGate(session, 0)
      await stopServer(own.folder, work, 'immediate')
      await gone(pid)
      await startServer(own.folder, work, { binaries: server.binaries, settings: throwAway })
    }
    await using session = await Session.open(own.target, 'dwh test', work)
    await daemon.says(/whose daemon died, is taken up again/)
    await session.run('INSERT INTO public.gate DEFAULT VALUES')
    await until(session, 'SELECT FROM dwh.slots WHERE ended_at IS NOT NULL')
    expect(await slots(session)).toMatchObject([{ job: 'gated', state: 'ran', attempts: 2, exit_code: 0 }])
    expect(await session.rows('SELECT what FROM public.effects')).toEqual([{ what: 'gated' }])

    const file = join(warehouse.folder, 'dwh.yaml')
    writeFileSync(file, 'name: test\nschedule: { jobs: { gated: { cron: 0 0 31 2 * } } }\n')
    await daemon.says(/names? a day that exists[\s\S]*the jobs are still those of before/)
    expect(await session.rows('SELECT job FROM dwh.jobs WHERE gone_at IS NULL')).toHaveLength(3)
    writeFileSync(
      file,
      "name: test\nschedule: { jobs: { other: { cron: '0 0 1 1 *', run: [migrate status] } } }\n",
    )
    await daemon.says(/its jobs are those of now/)
    await until(session, "SELECT FROM dwh.jobs WHERE job = 'other'")
    expect(await session.rows('SELECT job FROM dwh.jobs WHERE gone_at IS NULL')).toEqual([{ job: 'other' }])
    daemon.child.kill('SIGTERM')
    expect(await daemon.ended).toBe(0)
  })
})
