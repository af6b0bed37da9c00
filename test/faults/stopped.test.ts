import { beforeAll, describe, expect, test } from 'vitest'
import type { DwhEvent } from '../../src/events.ts'
import { ensureLedger } from '../../src/migrate/apply.ts'
import { sql } from '../../src/postgres/sql-files.ts'
import { endState, plainSales, sales, salesWarehouse } from '../setup/fixture.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh, dwhDone, ended, startDwh } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { server } from '../support/servers.ts'
import { shortLeases } from '../support/short-leases.ts'
import { until, untilStopped } from '../support/until.ts'
import { quietWork } from '../support/work.ts'

const setup = ['setup', '--yes', '--no-backup']
const undo = ['setup', '--undo', '--yes']
const expired = 'SELECT FROM dwh.leases WHERE expires_at < clock_timestamp()'

const running = (name: string): Partial<DwhEvent> => ({ type: 'statement', sql: sql(name).text })
const beginning = (step: string): Partial<DwhEvent> => ({ type: 'step', step, state: 'started' })

describe('a setup that is stopped with SIGSTOP and taken over', () => {
  const template = databaseTemplate(server, async (session) => {
    await plainSales(session)
    await ensureLedger(session, quietWork())
    await session.run(shortLeases)
  })
  let uninterrupted: Awaited<ReturnType<typeof endState>>

  beforeAll(async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    await dwhDone(setup, warehouse.at(database.target))
    await using session = await database.open()
    uninterrupted = await endState(session)
  })

  test.each<[string, Partial<DwhEvent>]>([
    ['in the transaction of the swap, with its locks', running('ledger/record_swap')],
    ...(everyFault
      ? ([
          ['within a migration', { type: 'statement', sql: 'BEGIN' }],
          ['before the commit of its shadow tree', running('ledger/check_lease')],
          ['before the copy', beginning('public.sales: copy')],
          ['before the swap', beginning('public.sales: swap')],
        ] as [string, Partial<DwhEvent>][])
      : []),
  ])('%s: the next run ends it, and continued it changes nothing', async (_where, stopAt) => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    const stopped = startDwh(setup, { ...at, stopAt })
    const result = ended(stopped)
    await untilStopped(stopped.pid)
    await until(session, expired)
    expect(await session.rows('SELECT epoch, state FROM dwh.leases JOIN dwh.run_states USING (run)')).toEqual(
      [{ epoch: 1, state: 'running' }],
    )

    expect(await dwh(setup, at)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^run 1 of \S+ has given no sign of life/),
    })
    expect(await endState(session)).toEqual(uninterrupted)
    stopped.kill('SIGCONT')
    expect(await result).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        /error LEASE_LOST another run took over setup; what this one had not committed is undone\nhint +see: dwh runs list/,
      ),
    })
    expect(await endState(session)).toEqual(uninterrupted)
    expect(await session.rows('SELECT epoch, expires_at FROM dwh.leases')).toEqual([
      { epoch: 2, expires_at: null },
    ])
    expect(await session.rows('SELECT state, error_code FROM dwh.run_states ORDER BY run')).toEqual([
      { state: 'failed', error_code: 'LEASE_LOST' },
      { state: 'ok', error_code: null },
    ])
  })

  test('an undo that stands still right before its commit does not come through either', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    await using session = await database.open()
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    const before = await describeTable(session, sales)
    await dwhDone(setup, at)
    const stopped = startDwh(undo, { ...at, stopAt: running('ledger/check_lease') })
    const result = ended(stopped)
    await untilStopped(stopped.pid)
    await until(session, expired)
    expect(await dwh(undo, at)).toMatchObject({ code: 0 })
    expect(await describeTable(session, sales)).toEqual(before)
    stopped.kill('SIGCONT')
    expect(await result).toMatchObject({ code: 6, stderr: expect.stringMatching(/error LEASE_LOST/) })
    expect(await describeTable(session, sales)).toEqual(before)
  })
})
