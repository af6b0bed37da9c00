import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { SharedPoliteness } from '../../src/backfill/politeness.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import type { Session } from '../../src/postgres/session.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { quietWork } from '../support/work.ts'

const host = 'hubeau.example'
const slots = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = ${0x64776802}`

/** What two workers see who ask one host as fast as they may. */
async function askTogether(workers: SharedPoliteness[], delay: number, concurrency: number, turns: number) {
  const seen = { began: [] as number[], active: 0, most: 0 }
  await Promise.all(
    workers.flatMap((worker) =>
      // Two hands of each.
      [0, 1].map(async () => {
        for (let turn = 0; turn < turns; turn++) {
          await using _turn = await worker.turn(host, { delay, concurrency }, quietWork())
          seen.began.push(performance.now())
          seen.most = Math.max(seen.most, ++seen.active)
          await sleep(5)
          seen.active--
        }
      }),
    ),
  )
  return seen
}

describe.each(servers)('politeness on $name', (server) => {
  const template = databaseTemplate(server, (session) => ensureLedger(session, quietWork()))
  const withTwo = async (
    body: (workers: [SharedPoliteness, SharedPoliteness], session: Session) => Promise<void>,
  ) => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    await using one = await SharedPoliteness.open(session)
    await using other = await SharedPoliteness.open(session)
    await body([one, other], session)
  }

  test('two workers keep the rate of a host together', () =>
    withTwo(async (workers, session) => {
      const first = performance.now()
      const { began } = await askTogether(workers, 0.05, 4, 4)
      // A turn may come late, never early.
      for (const [index, time] of began.entries()) expect(time - first).toBeGreaterThan(index * 50 - 10)
      expect(await session.rows('SELECT host, requests FROM dwh.hosts')).toEqual([{ host, requests: 16 }])
      await until(session, `SELECT WHERE NOT EXISTS (${slots})`)
    }))

  test.each([1, 3])('no more than %i of them ask at the same time', (concurrency) =>
    withTwo(async (workers) => {
      const { most, began } = await askTogether(workers, 0, concurrency, 4)
      expect(began.length).toBe(16)
      expect(most).toBeLessThanOrEqual(concurrency)
    }),
  )

  test('a host that wants to be left alone is left alone by all, also by who waits already', () =>
    withTwo(async ([one, other], session) => {
      await using _first = await one.turn(host, { delay: 1, concurrency: 4 }, quietWork())
      const work = quietWork()
      const waiting = other.turn(host, { delay: 1, concurrency: 4 }, work)
      await until(session, 'SELECT FROM dwh.hosts WHERE requests = 2')
      const held = performance.now()
      await one.hold(host, 2, 'answered 429')
      // A shorter time does not end the longer one.
      await other.hold(host, 0.1, 'answered 503')
      await using _second = await waiting
      expect(performance.now() - held).toBeGreaterThan(1990)
      expect(work.events).toMatchObject([
        { type: 'wait', host, reason: 'its turn' },
        { type: 'wait', host, reason: 'answered 429' },
      ])
      // Others are asked meanwhile.
      await using _other = await one.turn('other.example', { delay: 0, concurrency: 1 }, quietWork())
    }))

  test('the slots of a worker that dies are free, and it goes on with a new connection', () =>
    withTwo(async ([one, other], session) => {
      await using _lost = await one.turn(host, { delay: 0, concurrency: 1 }, quietWork())
      const work = quietWork()
      const waiting = other.turn(host, { delay: 0, concurrency: 1 }, work)
      await session.run(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = ${0x64776802}`,
      )
      {
        await using _taken = await waiting
      }
      const gone = { code: 'SERVER_WENT_AWAY' }
      await expect(one.turn(host, { delay: 0, concurrency: 1 }, quietWork())).rejects.toMatchObject(gone)
      await using _again = await one.turn(host, { delay: 0, concurrency: 1 }, quietWork())
    }))

  test('an abort ends the waiting for a slot and for a time, and leaves no slot behind', () =>
    withTwo(async ([one, other], session) => {
      for (const manners of [
        { delay: 3600, concurrency: 2 },
        { delay: 0, concurrency: 1 },
      ]) {
        const first = await one.turn(`${manners.delay}.example`, manners, quietWork())
        const work = quietWork()
        const waiting = other.turn(`${manners.delay}.example`, manners, work)
        setTimeout(work.interrupt, 100)
        await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' })
        await first[Symbol.asyncDispose]()
      }
      await until(session, `SELECT WHERE NOT EXISTS (${slots})`)
    }))
})
