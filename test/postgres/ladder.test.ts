import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { toDwhError } from '../../src/errors.ts'
import { climb, climbInTransaction } from '../../src/postgres/ladder.ts'
import { Session } from '../../src/postgres/session.ts'
import { freshDatabase } from '../support/database.ts'
import { server, servers } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'

/** The last one long enough for a look at who is in the way. */
const short = [20, 20, 500]
const name = { schema: 'public', name: 't' }

describe.each(servers)('the lock ladder on $name', (server) => {
  test('names who is in the way, and not who merely looks on, and leaves nothing behind', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using reader = await database.open('a reader of long standing')
    await using writer = await database.open('the one in the way')
    await session.run('CREATE TABLE public.t (a int)')
    await reader.run('BEGIN; LOCK TABLE public.t IN ACCESS SHARE MODE')
    await writer.run('BEGIN; LOCK TABLE public.t IN SHARE UPDATE EXCLUSIVE MODE')
    const work = quietWork()
    const attempt = () =>
      session.run('ALTER TABLE public.t SET (autovacuum_enabled = false); CREATE TABLE public.u ()')
    await expect(
      climbInTransaction(session, work, { relations: [name], rungs: [20, 400, 500] }, attempt),
    ).rejects.toMatchObject({
      code: 'LOCK_HELD',
      exit: 6,
      message: expect.stringMatching(
        new RegExp(
          `^no lock on public\\.t within the ladder; session ${writer.pid} \\(\\S+, the one in the way, idle in transaction\\) ` +
            'holds ShareUpdateExclusiveLock on public\\.t for \\d+ s: BEGIN; LOCK TABLE public\\.t',
        ),
      ),
      hint: expect.stringMatching(`pg_terminate_backend\\(${writer.pid}\\)`),
    })
    // A short attempt is over before anybody can be seen in the way.
    expect(work.events).toMatchObject([
      {
        type: 'note',
        message: 'waiting for a lock on public.t (attempt 1)',
        lock: { on: 'public.t', by: null },
      },
      {
        type: 'note',
        message: expect.stringMatching(
          `^waiting for a lock on public.t \\(attempt 2\\): session ${writer.pid} `,
        ),
        lock: {
          by: {
            pid: writer.pid,
            target: 'public.t',
            who: expect.stringMatching(/, the one in the way, idle/),
          },
        },
      },
    ])
    const { left } = await session.one<{ left: boolean }>(
      `SELECT to_regclass('public.u') IS NOT NULL AS left`,
    )
    expect(left).toBe(false)
  })

  test('names who waits in front where nobody who holds it is in the way', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using reader = await database.open('reader')
    await using first = await database.open('first in the queue')
    await session.run('CREATE TABLE public.t (a int)')
    await reader.run('BEGIN; LOCK TABLE public.t IN ACCESS SHARE MODE')
    const waiting = first.run('BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE').catch(() => {})
    const blocked = async () =>
      (await session.one<{ n: number }>('SELECT cardinality(pg_blocking_pids($1)) AS n', [first.pid])).n > 0
    while (!(await blocked()));
    const attempt = () => session.run('SELECT FROM public.t')
    await expect(
      climbInTransaction(session, quietWork(), { relations: [], rungs: short }, attempt),
    ).rejects.toMatchObject({
      message: expect.stringMatching(
        `^no lock on public.t within the ladder; session ${first.pid} .*first in the queue.* stands in front for public.t`,
      ),
    })
    await reader.run('ROLLBACK')
    await waiting
  })

  test('gets through when the lock is given back meanwhile', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using other = await database.open()
    await session.run('CREATE TABLE public.t (a int)')
    await other.run('BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE')
    const timeouts: number[] = []
    const result = await climb(
      session,
      quietWork(),
      { relations: [name], rungs: [20, 30, 10_000] },
      async (timeout) => {
        timeouts.push(timeout)
        if (timeouts.length === 2) await other.run('ROLLBACK')
        await session.run(`SET lock_timeout = ${timeout}`)
        await session.run('DROP TABLE public.t')
        return 'done'
      },
    )
    expect([result, timeouts]).toEqual(['done', [20, 30]])
  })

  test('tries again after a deadlock, and after a LOCK TABLE over its statement_timeout', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    for (const failure of [
      `DO $$ BEGIN RAISE deadlock_detected; END $$`,
      `SET LOCAL statement_timeout = 20; SELECT pg_sleep(60)`,
    ]) {
      let tries = 0
      await climbInTransaction(session, quietWork(), { relations: [], rungs: short }, async () => {
        if (++tries < 3) await session.run(failure)
      })
      expect(tries).toBe(3)
    }
  })

  test('does not try again what fails for another reason', async () => {
    await using session = await server.open()
    let tries = 0
    const failing = climbInTransaction(session, quietWork(), { relations: [], rungs: short }, async () => {
      tries++
      await session.run('SELECT 1 / 0')
    })
    await expect(failing).rejects.toMatchObject({ code: 'SQL_FAILED' })
    await using other = await server.open()
    const cancelled = climbInTransaction(session, quietWork(), { relations: [], rungs: short }, async () => {
      tries++
      const sleeping = session.run('SELECT pg_sleep(60)')
      const asleep = () =>
        other.one<{ yes: boolean }>(
          `SELECT wait_event = 'PgSleep' AS yes FROM pg_stat_activity WHERE pid = $1`,
          [session.pid],
        )
      while (!(await asleep()).yes);
      await Promise.all([sleeping, other.run('SELECT pg_cancel_backend($1)', [session.pid])])
    })
    await expect(cancelled).rejects.toMatchObject({ code: 'SQL_FAILED' })
    expect(tries).toBe(2)
  })
})

test('names a prepared transaction, which has no session', async () => {
  await using database = await freshDatabase(server)
  await using session = await database.open()
  await session.run('CREATE TABLE public.t (a int)')
  await session.run(
    `BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'forgotten ${database.name}'`,
  )
  const attempt = () => session.run('DROP TABLE public.t')
  await expect(
    climbInTransaction(session, quietWork(), { relations: [name], rungs: short }, attempt),
  ).rejects.toMatchObject({
    code: 'LOCK_HELD',
    message: 'no lock on public.t within the ladder; a prepared transaction holds a lock on public.t',
    hint: expect.stringMatching('pg_prepared_xacts'),
  })
  await session.run(`ROLLBACK PREPARED 'forgotten ${database.name}'`)
})

test('Ctrl-C ends the wait for a lock, and the pause between two tries, as an interruption', async () => {
  await using database = await freshDatabase(server)
  await using holder = await database.open()
  await holder.run('CREATE TABLE public.t (a int); BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE')
  const interrupted = { code: 'INTERRUPTED', exit: 130 }

  const waiting = quietWork()
  await using session = await Session.open(database.target, 'dwh test', waiting)
  const wait = climbInTransaction(session, waiting, { relations: [name], rungs: [60_000] }, () => {
    setImmediate(() => waiting.interrupt())
    return session.run('DROP TABLE public.t')
  })
  expect(await wait.catch(toDwhError)).toMatchObject(interrupted)
  expect(
    await holder.one(`SELECT count(*) AS n FROM pg_locks WHERE relation = 'public.t'::regclass`),
  ).toEqual({ n: 1 })

  const pausing = quietWork()
  const note = new EventTarget()
  const noted = once(note, 'note')
  const work = { ...pausing, emit: () => void note.dispatchEvent(new Event('note')) }
  await using other = await database.open()
  const pause = climbInTransaction(other, work, { relations: [name], rungs: [5000, 5000] }, async () => {
    await other.run(`DO $$ BEGIN RAISE lock_not_available; END $$`)
  })
  await noted
  pausing.interrupt()
  expect(await pause.catch(toDwhError)).toMatchObject(interrupted)
})
