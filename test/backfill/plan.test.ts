import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Temporal } from 'temporal-polyfill'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { leaflessWindows } from '../../src/backfill/leafless.ts'
import { type BackfillPlan, planBackfill } from '../../src/backfill/plan.ts'
import { choosePairs, type Taking } from '../../src/backfill/request.ts'
import { rowsTwice } from '../../src/backfill/twice.ts'
import { type ChunkSize, chunkSize } from '../../src/backfill/windows.ts'
import { atWork, writePlan } from '../../src/backfill/write-plan.ts'
import { DwhError } from '../../src/errors.ts'
import { want } from '../../src/ledger/backfills.ts'
import type { ChunkResult, Claim } from '../../src/ledger/chunk.ts'
import { cancelChunks, claimChunk, failChunk, finishChunk } from '../../src/ledger/chunks.ts'
import { Lease } from '../../src/ledger/lease.ts'
import { startRun } from '../../src/ledger/runs.ts'
import { workerLease } from '../../src/ledger/workers.ts'
import type { Session } from '../../src/postgres/session.ts'
import { loadWarehouse } from '../../src/warehouse/load.ts'
import { freshDatabase } from '../support/database.ts'
import { server } from '../support/servers.ts'
import { quietWork } from '../support/work.ts'
import { backfillTemplate, sales } from './fixture.ts'

const template = backfillTemplate(server)
const folder = mkdtempSync(join(tmpdir(), 'plan-'))
afterAll(() => rmSync(folder, { recursive: true }))

const settings = { force: false, delay: null, retries: 3, stop_on_error: false, hours: null }
const figures = {
  ...{ records: 90, inserted: 80, updated: 0, unchanged: 10, moved: 0, replaced: 0, duplicates: 0 },
  ...{ rejected: 0, outside: 0, announced: null, requests: 0, bytes: 0, seconds: 1 },
}

/** Plans of January to June of 2024 unless said otherwise, in a database of its own. */
async function planning() {
  const database = await freshDatabase(server, { template: template.name })
  const session = await database.open()
  const describe = (changed: object = {}) => {
    writeFileSync(
      join(folder, 'dwh.yaml'),
      stringify({ name: 'test', datasets: { sales: { ...sales, ...changed } } }),
    )
    return loadWarehouse(join(folder, 'dwh.yaml'))
  }
  let warehouse = describe()
  const plan = async (
    taking: Taking = 'usual',
    {
      from = '2024-01-01',
      to = '2024-07-01',
      chunk = 'month',
      now = '2025-01-01T00:00Z',
      order = 'oldest',
    } = {},
  ) =>
    planBackfill(
      session,
      warehouse,
      {
        pairs: choosePairs(warehouse, {
          ...{ datasets: ['sales'], all: false, source: undefined, parameters: {} },
          chunk: chunkSize(chunk) as ChunkSize,
        }),
        spans: [{ from: Temporal.PlainDate.from(from), to: Temporal.PlainDate.from(to) }],
        order: order as 'oldest' | 'newest',
        taking,
      },
      Temporal.Instant.from(now),
    )
  return {
    session,
    plan,
    changed: (settings: object) => {
      warehouse = describe(settings)
    },
    write: async (planned: BackfillPlan) => {
      const run = await startRun(session, 'backfill run', [], 'test', ['sales'])
      await writePlan(session, warehouse, planned, run, { parallel: 9, settings })
      return run
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

const told = ({ chunks }: BackfillPlan) =>
  chunks.map(({ chunk, standing, taken }) => `${chunk.window_from?.slice(5)} ${standing}${taken ? ' +' : ''}`)

async function claims(session: Session, backfill: number, count: number): Promise<Claim[]> {
  const found: Claim[] = []
  while (found.length < count) {
    const claim = await claimChunk(session, backfill, backfill)
    if (claim === undefined) throw new Error('there is none left')
    if (claim !== 'busy') found.push(claim)
  }
  return found
}

const end = (outcome: ChunkResult['outcome']): ChunkResult => ({
  ...{
    outcome,
    load: undefined,
    fingerprint: 'x',
    watermark: undefined,
    figures,
    gates: [],
    proof: undefined,
  },
})

test('each end of a window is another reason to take it, or to leave it', async () => {
  await using place = await planning()
  const { session, plan } = place
  const run = await place.write(await plan())
  const [done, failed, apart] = (await claims(session, run, 3)) as [Claim, Claim, Claim]
  await finishChunk(session, done, end('done'))
  expect(
    await failChunk(session, failed, new DwhError('INPUT_BROKEN', 'cut in the middle\nof a line'), undefined),
  ).toBe(true)
  // Whoever comes too late, with an attempt that is not the present one, ends nothing.
  expect(await failChunk(session, failed, new DwhError('FAILED', 'again'), undefined)).toBe(false)
  await expect(finishChunk(session, { ...apart, attempts: 2 }, end('done'))).rejects.toMatchObject({
    code: 'LEASE_LOST',
  })
  await finishChunk(session, apart, end('quarantined'))

  const left = ['04-01 left', '05-01 left', '06-01 left']
  expect(told(await plan())).toEqual([
    '01-01 done',
    '02-01 failed +',
    '03-01 quarantined',
    ...left.map((text) => `${text} +`),
  ])
  expect(told(await plan('missing'))).toEqual([
    '01-01 done',
    '02-01 failed',
    '03-01 quarantined',
    ...left.map((text) => `${text} +`),
  ])
  expect(told(await plan('failed'))).toEqual(['01-01 done', '02-01 failed +', '03-01 quarantined +', ...left])
  expect(told(await plan('stale'))).toEqual(['01-01 done', '02-01 failed', '03-01 quarantined', ...left])
  expect(told(await plan('all')).filter((text) => !text.endsWith('+'))).toEqual([])
  expect((await plan()).chunks[1]?.why).toBe(`run ${run}: cut in the middle`)

  // Days that are done by months are done; a week that reaches into another month is not.
  expect(told(await plan('usual', { from: '2024-01-30', to: '2024-02-02', chunk: 'day' }))).toEqual([
    '01-30 done',
    '01-31 done',
    '02-01 missing +',
  ])
  expect(told(await plan('usual', { from: '2024-01-22', to: '2024-02-05', chunk: 'week' }))).toEqual([
    '01-22 done',
    '01-29 missing +',
  ])
  expect(
    told(
      await plan('usual', {
        from: '2024-07-01',
        to: '2024-09-01',
        now: '2024-07-15T00:00Z',
        order: 'newest',
      }),
    ),
  ).toEqual(['08-01 to come', '07-01 missing +'])
  // What was loaded before its days were over is not all of it.
  await session.run("UPDATE dwh.chunks SET ended_at = '2024-01-31 12:00Z' WHERE outcome = 'done'")
  expect(told(await plan())[0]).toBe('01-01 stale +')
  await session.run("UPDATE dwh.chunks SET ended_at = '2024-02-01 00:00Z' WHERE outcome = 'done'")
  expect(told(await plan())[0]).toBe('01-01 done')
  place.changed({ map: { client: 'lower(client)' } })
  expect(told(await plan())[0]).toBe('01-01 stale +')
})

test('open windows belong to whoever works on them; nobody’s go over to the next plan', async () => {
  await using place = await planning()
  const { session, plan } = place
  const first = await plan('usual', { to: '2024-03-01' })
  const run = await place.write(first)
  {
    await using lease = await Lease.take(session, quietWork(), workerLease(run), run)
    expect(told(await plan('usual', { to: '2024-04-01' }))).toEqual([
      '01-01 at work',
      '02-01 at work',
      '03-01 missing +',
    ])
    // A day of a window that somebody works on is in good hands.
    expect(told(await plan('all', { to: '2024-01-02', chunk: 'day' }))).toEqual(['01-01 at work'])
    expect(lease.isRenewed).toBe(true)
    // The plan that was made before is refused as a whole, with the run that was faster.
    await expect(place.write(first)).rejects.toMatchObject({
      code: 'LOCK_HELD',
      message: `run ${run} has these windows already; nothing was changed`,
      hint: expect.stringMatching(`dwh backfill work ${run}`),
    })
  }
  await want(session, run, 'pause')
  const paused = await plan('usual', { to: '2024-03-01' })
  expect(told(paused)).toEqual(['01-01 at work', '02-01 at work'])
  expect(atWork(paused.chunks[0]?.past)).toMatchObject({
    hint: expect.stringMatching(`dwh backfill resume ${run}`),
  })
  await want(session, run, 'run')
  const next = await place.write(await plan('usual', { to: '2024-04-01' }))
  expect(
    await session.rows(
      'SELECT backfill, count(*) AS n, min(error) AS error FROM dwh.chunks GROUP BY 1, outcome ORDER BY 1',
    ),
  ).toEqual([
    { backfill: run, n: 2, error: `taken over by run ${next}` },
    { backfill: next, n: 3, error: null },
  ])
  expect(await cancelChunks(session, next)).toBe(3)
  expect(told(await plan('missing', { to: '2024-02-01' }))).toEqual(['01-01 missing +'])
})

test('of many claims at once no more are given than may be, and no window twice', async () => {
  await using place = await planning()
  const { session, plan } = place
  const run = await place.write(await plan())
  await want(session, run, undefined, 4)
  await using stack = new AsyncDisposableStack()
  const sessions = await Promise.all(
    Array.from({ length: 6 }, async () => stack.use(await session.sibling('dwh test'))),
  )
  const claimed = await Promise.all(
    sessions.map(async (own) => {
      for (;;) {
        const claim = await claimChunk(own, run, run)
        if (claim !== 'busy') return claim?.place
      }
    }),
  )
  expect(claimed.toSorted()).toEqual([1, 2, 3, 4, undefined, undefined])
})

test('windows of days that get no leaf are told before anything is loaded', async () => {
  await using place = await planning()
  expect(leaflessWindows((await place.plan()).chunks)).toEqual([])
  const early = await place.plan('usual', { from: '2023-11-01', to: '2024-03-01' })
  expect(leaflessWindows(early.chunks)).toEqual([
    {
      what: 'leaves',
      state: 'warning',
      finding:
        'sales gets no leaves before 2024-01-01, and 2 windows have those days: their rows are refused where no leaf is there',
      hint: expect.stringMatching(/`from` in the policy of sales/),
    },
  ])
  place.changed({ partition: { ...sales.partition, ceiling: '2024-06-01', unknown: {} } })
  expect(leaflessWindows((await place.plan()).chunks)).toMatchObject([
    {
      finding: expect.stringMatching(
        /from 2024-06-01 on, and 1 window has .* may go to the leaf of the unknown/,
      ),
    },
  ])
})

test('rows without a key that several questions may bring are told beforehand', async () => {
  await using place = await planning()
  const shop = (for_each: object, more: object = {}) => ({
    sources: {
      shop: {
        kind: 'http',
        url: 'http://localhost/{id}',
        for_each: { parameter: 'id', ...for_each },
        ...more,
      },
    },
  })
  place.changed(shop({ list: ['a', 'b'] }))
  expect(rowsTwice((await place.plan()).chunks)).toEqual([])
  const twice = [
    {
      what: 'rows',
      state: 'warning',
      finding: 'rows of sales/shop have no key: one that is given for two values of id is there twice',
      hint: expect.stringMatching(/^name the `key` of sales; or leave values out of `for_each`/),
    },
  ]
  place.changed(shop({ list: ['a', 'b'] }, { key: false }))
  expect(rowsTwice((await place.plan()).chunks)).toEqual(twice)
  place.changed({ ...shop({ list: ['a', 'b'] }), key: undefined })
  expect(rowsTwice((await place.plan()).chunks)).toEqual(twice)
  place.changed({ ...shop({ list: ['a', 'b'], when: 'too_deep' }), key: undefined })
  expect(rowsTwice((await place.plan()).chunks)).toEqual([])
})
