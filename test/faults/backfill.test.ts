import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { startServer, stopServer } from '../../src/postgres/server/server.ts'
import { throwAway } from '../../src/postgres/server/temporary.ts'
import { Session } from '../../src/postgres/session.ts'
import { sql } from '../../src/postgres/sql-files.ts'
import type { Target } from '../../src/postgres/target.ts'
import {
  backfillPlace,
  backfillTemplate,
  endState,
  leftovers,
  monthFile,
  tables,
} from '../backfill/fixture.ts'
import { dwh, dwhDone, ended, type Moment, says, startDwh } from '../support/cli.ts'
import { databaseTemplate } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { type OwnServer, ownServer } from '../support/own-server.ts'
import { fc } from '../support/random.ts'
import { server } from '../support/servers.ts'
import { shortLeases } from '../support/short-leases.ts'
import { until, untilStopped } from '../support/until.ts'
import { targetEnvironment } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const like = (pattern: RegExp) => expect.stringMatching(pattern)
const clean = { open: [], tables: [], loads: [], leases: [] }
const run = ['backfill', 'run', '--dataset', 'sales', '--from', '2024-01-01', '--to', '2024-05-01', '--yes']
const ran = (text: string): Partial<DwhEvent> => ({ type: 'statement', sql: text })
const statement = (name: string) => ran(sql(name).text)
const step = (name: string, state: 'started' | 'done'): Partial<DwhEvent> => ({
  type: 'step',
  step: name,
  state,
})

/** Every phase of a chunk, and of the plan before it. */
const phases: [string, Moment][] = [
  ['before the plan is committed', statement('ledger/plan_chunks')],
  ['once the plan is written', [statement('ledger/plan_chunks'), ran('COMMIT')]],
  ['in the transaction that claims', statement('ledger/claim_chunk')],
  ['once it is claimed', [statement('ledger/claim_chunk'), ran('COMMIT')]],
  ['before the fetch', step('fetch', 'started')],
  ['after the fetch', step('fetch', 'done')],
  ['before rows are sent', step('send', 'started')],
  ['while rows are sent', { type: 'progress', step: 'send' }],
  ['after rows were sent', step('send', 'done')],
  ['while leaves are made ready', step('leaves', 'started')],
  ['after leaves were made ready', step('leaves', 'done')],
  ['before it is published', step('publish', 'started')],
  ['in the last transaction', statement('ledger/finish_chunk')],
  ['before the last COMMIT', [statement('ledger/finish_chunk'), statement('ledger/check_lease')]],
  [
    'after the last COMMIT',
    [statement('ledger/finish_chunk'), statement('ledger/check_lease'), ran('COMMIT')],
  ],
  ['after it was published', step('publish', 'done')],
]

/** The same moment of a later chunk. */
const later = (at: Moment, chunk: number): Moment =>
  chunk === 1 ? at : [...Array.from({ length: chunk - 1 }, () => step('publish', 'done')), ...[at].flat()]

describe('a worker that is killed with -9', () => {
  const template = backfillTemplate(server)
  let uninterrupted: Awaited<ReturnType<typeof endState>>
  beforeAll(async () => {
    await using place = await backfillPlace(server, template)
    await dwhDone(run, place.at)
    uninterrupted = await endState(place.session)
    expect(uninterrupted).toMatchObject({ ...clean, rows: [{ count: 121 * 3, leaves: 4 }] })
    expect(uninterrupted.chunks).toHaveLength(4)
  })

  const seeded = fc
    .sample(
      fc.tuple(fc.shuffledSubarray(phases, { minLength: 3, maxLength: 3 }), fc.integer({ min: 1, max: 3 })),
      1,
    )
    .flatMap(([some, chunk]) => some.map(([where, at]) => ({ where, at, chunk })))
  const all = phases.flatMap(([where, at]) =>
    (where.includes('plan') ? [1] : [1, 3]).map((chunk) => ({ where, at, chunk })),
  )
  test.each(everyFault ? all : seeded)(
    '$where of window $chunk: the same command makes what an uninterrupted one makes',
    async ({ where, at, chunk }) => {
      await using place = await backfillPlace(server, template)
      const killAt = where.includes('plan') ? at : later(at, chunk)
      expect(await dwh(run, { ...place.at, killAt })).toMatchObject({ code: null, signal: 'SIGKILL' })
      const { code, stderr } = await dwh(run, place.at)
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(await endState(place.session)).toEqual(uninterrupted)
      // Nothing was loaded twice.
      expect(
        await place.rows(
          'SELECT sum(inserted)::int AS inserted, count(*) AS n FROM dwh.loads WHERE finished_at IS NOT NULL',
        ),
      ).toEqual([{ inserted: 121 * 3, n: 4 }])
    },
  )

  test('beside another one: that takes its window over within seconds', async () => {
    await using place = await backfillPlace(server, template)
    const { at, session } = place
    const first = startDwh([...run, '--parallel', '2'], {
      ...at,
      stopAt: later(step('publish', 'started'), 2),
    })
    const killed = ended(first)
    await untilStopped(first.pid)
    const joined = dwh(['backfill', 'work', '1', '--yes'], at)
    // It waits, for the windows that are left are claimed by one that is alive.
    await until(
      session,
      "SELECT FROM dwh.leases JOIN dwh.runs USING (run) WHERE command = 'backfill work' AND expires_at IS NOT NULL",
    )
    first.kill('SIGKILL')
    expect(await killed).toMatchObject({ signal: 'SIGKILL' })
    expect(await joined).toMatchObject({
      code: 0,
      stderr: like(/worker 1 is dead: \d of its chunks are free again[\s\S]*4 of 4 windows done/),
    })
    expect(await endState(session)).toEqual(uninterrupted)
  })

  test('and a retry of it needs no cleaning by hand', async () => {
    await using place = await backfillPlace(server, template)
    await dwh(run, { ...place.at, killAt: later(step('leaves', 'done'), 2) })
    expect(await dwh(['backfill', 'retry', '1', '--yes'], place.at)).toMatchObject({ code: 0 })
    expect(await endState(place.session)).toEqual(uninterrupted)
  })
})

describe('a worker that stands still past its lease', () => {
  const template = databaseTemplate(server, async (session) => {
    await ensureLedger(session, quietWork())
    await session.run(tables)
    await session.run(shortLeases)
  })

  test.each<[string, Moment]>([
    ['in its last transaction, with its locks', later(statement('ledger/finish_chunk'), 2)],
    ...(everyFault
      ? ([
          ['while it fetches', later(step('fetch', 'started'), 2)],
          ['before it publishes', later(step('publish', 'started'), 2)],
          ['as it claims', later(statement('ledger/claim_chunk'), 2)],
        ] as [string, Moment][])
      : []),
  ])('%s: another takes over, and continued it commits nothing', async (_where, stopAt) => {
    await using place = await backfillPlace(server, template)
    const { at, session } = place
    const stopped = startDwh([...run, '--parallel', '1'], { ...at, stopAt })
    const result = ended(stopped)
    await untilStopped(stopped.pid)
    await until(
      session,
      "SELECT FROM dwh.leases WHERE work = 'backfill worker 1' AND expires_at < clock_timestamp()",
    )
    expect(await dwh(['backfill', 'work', '1', '--yes'], at)).toMatchObject({
      code: 0,
      stderr: like(/4 of 4 windows done/),
    })
    const before = await endState(session)
    expect(before).toMatchObject({ ...clean, rows: [{ count: 121 * 3 }] })
    stopped.kill('SIGCONT')
    expect(await result).toMatchObject({
      code: 6,
      stderr: like(/error LEASE_LOST another (run|worker) took/),
    })
    expect(await endState(session)).toEqual(before)
    expect(await place.rows('SELECT state FROM dwh.run_states ORDER BY run')).toEqual([
      { state: 'failed' },
      { state: 'ok' },
    ])
  })
})

describe('a server that is restarted without a checkpoint', () => {
  const work = quietWork()
  let own: OwnServer
  beforeAll(async () => {
    own = await ownServer(server.binaries)
    await using session = await Session.open(own.target, 'dwh test', work)
    await ensureLedger(session, work)
    await session.run(tables)
  })
  afterAll(() => own[Symbol.asyncDispose]())

  test('the worker waits for it and goes on', async () => {
    await using place = await backfillPlace(server, { name: '' }, { target: own.target })
    const child = startDwh(run, { ...place.at, stopAt: later(step('publish', 'started'), 2) })
    const noticed = says(child, /waiting for the server/)
    const result = ended(child)
    await untilStopped(child.pid)
    await stopServer(own.folder, work, 'immediate')
    child.kill('SIGCONT')
    await noticed
    await startServer(own.folder, work, { binaries: server.binaries, settings: throwAway })
    expect(await result).toMatchObject({
      code: 0,
      stderr: like(/waiting for the server[\s\S]*4 of 4 windows done/),
    })
    await using session = await Session.open(own.target, 'dwh test', work)
    expect(await endState(session)).toMatchObject({ ...clean, rows: [{ count: 121 * 3 }] })
    expect(await session.rows('SELECT state FROM dwh.run_states')).toEqual([{ state: 'ok' }])
  })
})

describe('what may mend itself', () => {
  const template = backfillTemplate(server)

  test('a source that does not answer is asked again, and fails when it never does', async () => {
    await using place = await backfillPlace(server, template, { months: 0 })
    const { at, session } = place
    const away = join(at.cwd, 'away')
    renameSync(join(at.cwd, 'data'), away)
    const words = [...run.slice(0, -3), '--to', '2024-03-01', '--yes', '--retries', '1']
    const trying = dwh(words, at)
    const waiting = (month: number) =>
      until(session, 'SELECT FROM dwh.chunks WHERE retry_at IS NOT NULL AND window_from = $1', [
        `2024-0${month}-01`,
      ])
    await Promise.all([waiting(1), waiting(2)])
    expect(await place.states(1)).toEqual(['01-01 waiting', '02-01 waiting'])
    await session.run("UPDATE dwh.chunks SET retry_at = clock_timestamp() WHERE window_from = '2024-01-01'")
    await until(session, "SELECT FROM dwh.chunks WHERE outcome = 'failed'")
    renameSync(away, join(at.cwd, 'data'))
    place.put('data/2024-02.csv', monthFile('2024-02'))
    await session.run('UPDATE dwh.chunks SET retry_at = clock_timestamp()')
    expect(await trying).toMatchObject({
      code: 5,
      stderr: like(
        /attempt 1 of 2, again in \d+ s: SOURCE_FAILED[\s\S]*attempt 2 of 2, failed: SOURCE_FAILED[\s\S]*87 inserted, attempt 2/,
      ),
    })
    expect(await place.states(1)).toEqual(['01-01 failed 2', '02-01 done 2'])
  })

  test('a COMMIT whose answer is lost is looked up, and not done again', async () => {
    await using place = await backfillPlace(server, template)
    await using proxy = await losingProxy(place.database.target)
    const result = await dwh(run, { ...place.at, env: { ...place.at.env, ...proxy.env } })
    expect(result).toMatchObject({ code: 0, stderr: like(/4 of 4 windows done/) })
    expect(proxy.lost()).toBe(1)
    expect(await place.states(1)).toEqual([1, 2, 3, 4].map((n) => `0${n}-01 done`))
    expect(await place.rows('SELECT count(*) AS n FROM dwh.loads WHERE finished_at IS NOT NULL')).toEqual([
      { n: 4 },
    ])
    expect(await leftovers(place.session)).toEqual(clean)
  })
})

/** Hands everything on, but for the answer to the first COMMIT that ends a chunk: there it cuts the connection. */
async function losingProxy({ host, port, user, database }: Target) {
  let lost = 0
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const backend = connect(`${host}/.s.PGSQL.${port}`)
    let ends = false
    let cuts = false
    for (const socket of [client, backend]) {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          client.destroy()
          backend.destroy()
        })
    }
    client.on('data', (data) => {
      if (data.includes('outcome = $4::text')) ends = true
      if (ends && lost === 0 && data.includes('COMMIT')) {
        lost += 1
        cuts = true
      }
      backend.write(data)
    })
    backend.on('data', (data) => {
      if (cuts) client.destroy()
      else client.write(data)
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address() as { port: number }
  return {
    env: targetEnvironment({ host: '127.0.0.1', port: address.port, user, database } as Target),
    lost: () => lost,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((closed) => listener.close(closed))
    },
  }
}
