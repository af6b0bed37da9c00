import { describe, expect, test } from 'vitest'
import { DwhError } from '../../src/errors.ts'
import { hasState, sqlstate } from '../../src/postgres/sqlstate.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'

const leafHint = expect.stringMatching('dwh partitions create')

describe.each(servers)('on $name', (server) => {
  test('a row without a leaf names the command that makes one', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`CREATE TABLE public.t (d date, CHECK (d > '2000-01-01')) PARTITION BY RANGE (d);
      CREATE TABLE public.t_2024 PARTITION OF public.t FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')`)
    await expect(session.run(`INSERT INTO public.t VALUES ('2031-05-01')`)).rejects.toMatchObject({
      code: 'ROWS_UNFIT',
      message:
        'no partition of relation "t" found for row (Partition key of the failing row contains (d) = (2031-05-01).)',
      hint: leafHint,
      exit: 1,
    })
    await expect(session.run(`UPDATE public.t SET d = '2031-05-01'`)).resolves.toBe(0)
    await session.run(`INSERT INTO public.t VALUES ('2024-05-01')`)
    await expect(session.run(`UPDATE public.t SET d = '2031-05-01'`)).rejects.toMatchObject({
      code: 'ROWS_UNFIT',
      hint: leafHint,
    })
    // A CHECK of the user is the user's.
    await expect(
      session.run(`ALTER TABLE public.t ADD CONSTRAINT late CHECK (d > '2024-06-01')`),
    ).rejects.toMatchObject({
      code: 'SQL_FAILED',
      message: expect.stringMatching('check constraint "late"'),
    })
  })

  test('so does one that the unknown leaf refuses, and rows of the unknown leaf that are in the way say so', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await session.run(`CREATE TABLE public.t (d date) PARTITION BY RANGE (d);
      CREATE TABLE public.t_unknown (d date, CONSTRAINT t_unknown_bound CHECK (d IS NULL OR d < '2020-01-01' OR d >= '2100-01-01'));
      ALTER TABLE public.t ATTACH PARTITION public.t_unknown DEFAULT`)
    await expect(session.run(`INSERT INTO public.t VALUES ('2031-05-01')`)).rejects.toMatchObject({
      code: 'ROWS_UNFIT',
      hint: leafHint,
    })
    await session.run(`INSERT INTO public.t VALUES ('2010-05-01')`)
    const create = `CREATE TABLE public.t_2010 PARTITION OF public.t FOR VALUES FROM ('2010-01-01') TO ('2011-01-01')`
    const attach = `CREATE TABLE public.t_2010 (d date); ALTER TABLE public.t ATTACH PARTITION public.t_2010 FOR VALUES FROM ('2010-01-01') TO ('2011-01-01')`
    for (const statement of [create, attach]) {
      await expect(session.run(statement)).rejects.toMatchObject({
        code: 'ROWS_UNFIT',
        hint: expect.stringMatching('unknown leaf'),
      })
    }
  })

  test.each([
    ['42601', 'SELEC 1', 'SQL_FAILED'],
    ['22012', 'SELECT 1 / 0', 'SQL_FAILED'],
    ['55P03', `DO $$ BEGIN RAISE lock_not_available; END $$`, 'LOCK_HELD'],
    ['40P01', `DO $$ BEGIN RAISE deadlock_detected; END $$`, 'LOCK_HELD'],
    ['42501', `SET ROLE pg_monitor; CREATE TABLE public.t (); RESET ROLE`, 'PRIVILEGE_MISSING'],
    ['53100', `DO $$ BEGIN RAISE disk_full; END $$`, 'DISK_FULL'],
    ['23514', `DO $$ BEGIN RAISE check_violation; END $$`, 'SQL_FAILED'],
  ])('%s is %s', async (_, statement, code) => {
    await using session = await server.open()
    await expect(session.run(statement)).rejects.toMatchObject({ code })
  })

  test.each([
    ['', /^grant what is missing/],
    [`, HINT = 'use NO FORCE'`, /^use NO FORCE$/],
  ])('of privileges PostgreSQL knows the way out itself, where it says one: %s', async (more, hint) => {
    await using session = await server.open()
    const raise = `DO $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'no'${more}; END $$`
    await expect(session.run(raise)).rejects.toMatchObject({
      code: 'PRIVILEGE_MISSING',
      hint: expect.stringMatching(hint),
    })
  })

  test('a session that was ended says so, and every statement after it', async () => {
    await using session = await server.open()
    await using other = await server.open()
    const waiting = session.run('SELECT pg_sleep(60)')
    const ended = expect(waiting).rejects.toMatchObject({
      code: 'SERVER_WENT_AWAY',
      hint: expect.stringMatching('it resumes'),
    })
    await other.one('SELECT pg_terminate_backend($1)', [session.pid])
    await ended
    await expect(session.run('SELECT 1')).rejects.toMatchObject({ code: 'SERVER_WENT_AWAY' })
  })
})

test('an SQLSTATE is found behind our own errors too', async () => {
  await using session = await (servers[0] as (typeof servers)[0]).open()
  const error = await session.run(`DO $$ BEGIN RAISE lock_not_available; END $$`).catch((error) => error)
  expect(error).toBeInstanceOf(DwhError)
  expect(hasState(error, sqlstate.lockNotAvailable)).toBe(true)
  expect(hasState(new DwhError('FAILED', 'x', { cause: error }), sqlstate.lockNotAvailable)).toBe(true)
  expect(hasState(error, sqlstate.deadlockDetected)).toBe(false)
  expect(hasState(new Error('x'), sqlstate.deadlockDetected)).toBe(false)
})
