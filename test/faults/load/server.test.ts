import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DwhEvent } from '../../../src/events.ts'
import { ensureLedger } from '../../../src/migrate/apply.ts'
import { startServer, stopServer } from '../../../src/postgres/server/server.ts'
import { throwAway } from '../../../src/postgres/server/temporary.ts'
import { Session } from '../../../src/postgres/session.ts'
import { sql } from '../../../src/postgres/sql-files.ts'
import { dwh, dwhDone, ended, startDwh } from '../../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../../support/database.ts'
import { everyFault } from '../../support/faults.ts'
import { type OwnServer, ownServer } from '../../support/own-server.ts'
import { server } from '../../support/servers.ts'
import { shortLeases } from '../../support/short-leases.ts'
import { smallDisk } from '../../support/small-disk.ts'
import { until, untilStopped } from '../../support/until.ts'
import { quietWork } from '../../support/work.ts'
import { command, csv, leftovers, loadWarehouse, tables, type Way } from './fixture.ts'

const says = (pattern: RegExp) => expect.stringMatching(pattern)
const clean = { landings: [], open: [], idle: [] }
const beginning = (step: string): Partial<DwhEvent> => ({ type: 'step', step, state: 'started' })
const running = (name: string): Partial<DwhEvent> => ({ type: 'statement', sql: sql(name).text })

describe('a server that is restarted without a checkpoint in the middle of a load', () => {
  const work = quietWork()
  let own: OwnServer
  beforeAll(async () => {
    own = await ownServer(server.binaries)
    await using session = await Session.open(own.target, 'dwh test', work)
    await tables(session)
  })
  afterAll(() => own[Symbol.asyncDispose]())

  test.each<[Way, string]>(
    everyFault
      ? [
          ['aside', 'send'],
          ['rebuilt', 'leaves'],
          ['merged', 'publish'],
          ['appended', 'send'],
        ]
      : [['merged', 'publish']],
  )('%s, before %s', async (way, step) => {
    using warehouse = loadWarehouse()
    const at = warehouse.at(own.target)
    const child = startDwh(command(way), { ...at, stopAt: beginning(step) })
    const result = ended(child)
    await untilStopped(child.pid)
    await stopServer(own.folder, work, 'immediate')
    await startServer(own.folder, work, { binaries: server.binaries, settings: throwAway })
    child.kill('SIGCONT')
    expect(await result).toMatchObject({
      code: 1,
      stderr: says(/error SERVER_WENT_AWAY .*\nhint .*run the same command again/),
    })
    await dwhDone(command(way), at)
    await using session = await Session.open(own.target, 'dwh test', work)
    expect(
      await session.rows(
        `SELECT count(*) AS n, count(DISTINCT id) AS keys FROM public.${way} WHERE client <> 'before'`,
      ),
    ).toEqual([{ n: 891, keys: 891 }])
    expect(await leftovers(session)).toEqual(clean)
  })
})

describe('a load that stands still past its lease', () => {
  const template = databaseTemplate(server, async (session) => {
    await tables(session)
    await ensureLedger(session, quietWork())
    await session.run(shortLeases)
  })

  test.each<[Way, string, Partial<DwhEvent>]>([
    ['merged', 'in its last transaction, with its locks', running('ledger/record_digest')],
    ...(everyFault
      ? ([
          ['aside', 'while it sends', { type: 'progress', step: 'send' }],
          ['rebuilt', 'before it publishes', beginning('publish')],
          ['appended', 'while it sends', { type: 'progress', step: 'send' }],
        ] as [Way, string, Partial<DwhEvent>][])
      : []),
  ])(
    '%s, %s: the next run takes over at once, and continued it changes nothing',
    async (way, _where, stopAt) => {
      await using database = await freshDatabase(server, { template: template.name })
      await using session = await database.open()
      using warehouse = loadWarehouse()
      const at = warehouse.at(database.target)
      const child = startDwh(command(way), { ...at, stopAt })
      const result = ended(child)
      await untilStopped(child.pid)
      await until(session, 'SELECT FROM dwh.leases WHERE expires_at < clock_timestamp()')
      await dwhDone(command(way), at)
      // While the first still stands: nothing waits for it to wake.
      expect(await leftovers(session)).toEqual(clean)
      child.kill('SIGCONT')
      expect(await result).toMatchObject({
        code: 6,
        stderr: says(/error LEASE_LOST another run took over load/),
      })
      expect(
        await session.rows(
          `SELECT count(*) AS n, count(DISTINCT id) AS keys FROM public.${way} WHERE client <> 'before'`,
        ),
      ).toEqual([{ n: 891, keys: 891 }])
      expect(await session.rows('SELECT state FROM dwh.load_states ORDER BY load')).toEqual([
        { state: 'failed' },
        { state: 'done' },
      ])
      expect(await leftovers(session)).toEqual(clean)
    },
  )
})

test.for<Way>(everyFault ? ['aside', 'merged', 'appended'] : ['aside'])(
  'a full disk under %s: nothing is changed or left; with room it goes on',
  async (way, context) => {
    await using disk = await smallDisk()
    if (!disk) return context.skip('a small disk can only be mounted by root')
    const { session, tablespace } = disk
    await tables(session)
    await session.run(`
      ALTER TABLE public.${way} SET TABLESPACE ${tablespace};
      ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE ${tablespace}`)
    using warehouse = loadWarehouse()
    for (const name of ['dirty.csv', 'clean.csv']) warehouse.write(name, csv(60_000))
    // What stands in the way and goes afterwards.
    const ballast = join(disk.folder, 'ballast')
    writeFileSync(ballast, Buffer.alloc(14 * 1024 * 1024))
    const at = warehouse.at(disk.target)
    const before = await session.rows(`SELECT count(*) AS n FROM public.${way}`)
    expect(await dwh(command(way), at)).toMatchObject({
      code: 1,
      stderr: says(/error DISK_FULL .*No space left on device/),
    })
    expect(await session.rows(`SELECT count(*) AS n FROM public.${way}`)).toEqual(before)
    expect(await leftovers(session)).toEqual(clean)
    rmSync(ballast)
    await dwhDone(command(way), at)
    expect(await session.rows(`SELECT count(*) AS n FROM public.${way} WHERE client <> 'before'`)).toEqual([
      { n: 59_991 },
    ])
  },
)
