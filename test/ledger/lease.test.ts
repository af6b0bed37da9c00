import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Lease } from '../../src/ledger/lease.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { Crew } from '../../src/postgres/crew.ts'
import type { Session } from '../../src/postgres/session.ts'
import { inTransaction } from '../../src/postgres/transaction.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { quietWork } from '../support/work.ts'

const key = 'the work'
const expire = `UPDATE dwh.leases SET expires_at = clock_timestamp() - interval '1 second'`
const gone = { code: 'SERVER_WENT_AWAY' }

const newRun = (session: Session) => startRun(session, 'test', [], null, [])

async function row(session: Session) {
  return session.one<{ epoch: number; run: number; backends: number; free: boolean; left: number }>(
    `SELECT epoch, run, cardinality(backend_pids) AS backends, expires_at IS NULL AS free,
            extract(epoch FROM expires_at - clock_timestamp())::float8 AS left
       FROM dwh.leases WHERE work = $1`,
    [key],
  )
}

describe.each(servers)('a lease on $name', (server) => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))

  test('is refused to a second while the first lives, and given back at the end', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const run = await newRun(session)
    {
      await using lease = await Lease.take(session, quietWork(), key, run)
      expect(lease.epoch).toBe(1)
      await using other = await database.open()
      await expect(Lease.take(other, quietWork(), key, await newRun(other))).rejects.toMatchObject({
        code: 'LOCK_HELD',
        exit: 6,
        message: expect.stringMatching(
          new RegExp(`^the work is at work already: run ${run} of \\S+:\\d+; nothing was changed`),
        ),
        hint: expect.stringMatching(new RegExp(`dwh runs show ${run}.* in (30|29|28) s `)),
      })
      // Other work is free.
      await using second = await Lease.take(other, quietWork(), 'other work', run)
      expect(second.epoch).toBe(1)
      expect(await row(session)).toMatchObject({ epoch: 1, run, backends: 2, free: false })
    }
    expect(await row(session)).toMatchObject({ epoch: 1, backends: 0, free: true })
    await using again = await Lease.take(session, quietWork(), key, run)
    expect(again.epoch).toBe(2)
  })

  test('is renewed for as long as it is held', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using _lease = await Lease.take(session, quietWork(), key, await newRun(session), 1.5)
    const { rows } = await session.client.query('SELECT expires_at::text AS expires_at FROM dwh.leases')
    await until(
      session,
      'SELECT FROM dwh.leases WHERE expires_at > $1::timestamptz + interval $$1 second$$',
      [rows[0].expires_at],
    )
    await expect(Lease.take(session, quietWork(), key, await newRun(session))).rejects.toMatchObject({
      code: 'LOCK_HELD',
    })
  })

  test('expired, it is taken over: the epoch grows, the backends of the former holder end, its commit is refused', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using former = await database.open()
    await using worker = await database.open()
    await using successor = await database.open()
    await successor.run('CREATE TABLE public.effects (what text)')
    const work = quietWork()
    await using lease = await Lease.take(former, work, key, await newRun(former))
    await lease.join(worker)
    // One that works under the lease without having joined it: only the epoch stops it.
    await using outsider = await database.open()
    await worker.run(`BEGIN; INSERT INTO public.effects VALUES ('of a worker')`)
    await successor.run(expire)

    await using taken = await Lease.take(successor, quietWork(), key, await newRun(successor))
    expect(taken.epoch).toBe(2)
    await expect(worker.run('COMMIT')).rejects.toMatchObject(gone)
    const commit = inTransaction(outsider, async () => {
      await outsider.run(`INSERT INTO public.effects VALUES ('of an outsider')`)
      await lease.check(outsider)
    })
    await expect(commit).rejects.toMatchObject({ code: 'LEASE_LOST', exit: 6, hint: 'see: dwh runs list' })
    await expect(lease.join(outsider)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(await successor.rows('SELECT FROM public.effects')).toEqual([])
    await expect(former.one('SELECT 1')).rejects.toMatchObject(gone)
    // The former holder lets go, and the lease stays with the successor.
    await lease[Symbol.asyncDispose]()
    await taken.check(successor)
    expect(await row(successor)).toMatchObject({ epoch: 2, free: false })
  })

  test('whose holder is gone is free at once', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using lease = await Lease.take(session, quietWork(), key, await newRun(session))
    await using other = await database.open()
    await other.run(`SELECT pg_terminate_backend(backend_pids[1], 10000) FROM dwh.leases`)
    await using taken = await Lease.take(other, quietWork(), key, await newRun(other))
    expect([lease.epoch, taken.epoch]).toEqual([1, 2])
    expect((await row(other)).left).toBeGreaterThan(0)
  })

  test('is taken over although the former holder stands still between its check and its commit', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using former = await database.open()
    await using successor = await database.open()
    await using lease = await Lease.take(former, quietWork(), key, await newRun(former))
    await successor.run('CREATE TABLE public.effects (what text)')
    await successor.run(expire)
    await former.run(`BEGIN; INSERT INTO public.effects VALUES ('half')`)
    await lease.check(former)
    await using taken = await Lease.take(successor, quietWork(), key, await newRun(successor))
    expect(taken.epoch).toBe(2)
    await expect(former.run('COMMIT')).rejects.toMatchObject(gone)
    expect(await successor.rows('SELECT FROM public.effects')).toEqual([])
  })

  test('of two that reach for an expired one, one gets it', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using former = await Lease.take(session, quietWork(), key, await newRun(session))
    await using crew = await Crew.hire(session, quietWork(), 4, 'dwh test')
    await session.run(expire)
    const results = await Promise.allSettled(
      crew.sessions.map(async (one) => Lease.take(one, quietWork(), key, await newRun(one))),
    )
    const got = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value)
    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason)
    expect(got.map(({ epoch }) => epoch)).toEqual([former.epoch + 1])
    expect(refused.map(({ code }) => code)).toEqual(['LOCK_HELD', 'LOCK_HELD', 'LOCK_HELD'])
    for (const lease of got) await lease[Symbol.asyncDispose]()
  })

  test('that was taken over tells its holder within the next renewal', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    const work = quietWork()
    await using _lease = await Lease.take(session, work, key, await newRun(session), 0.6)
    await session.run('SELECT pg_terminate_backend(backend_pids[1], 10000) FROM dwh.leases')
    while (work.events.every(({ type }) => type !== 'warning')) await sleep(50)
    expect(work.events).toContainEqual({
      type: 'warning',
      message: expect.stringMatching(/^lease the work: /),
    })
  })
})
