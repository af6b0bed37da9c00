import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, stopServer } from '../../src/postgres/server/server.ts'
import { throwAway } from '../../src/postgres/server/temporary.ts'
import { Session } from '../../src/postgres/session.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh, ended, startDwh } from '../support/cli.ts'
import { everyFault } from '../support/faults.ts'
import { type OwnServer, ownServer } from '../support/own-server.ts'
import { server } from '../support/servers.ts'
import { untilStopped } from '../support/until.ts'
import { testWarehouse } from '../support/warehouse.ts'
import { quietWork } from '../support/work.ts'

const setup = ['setup', '--yes', '--no-backup']
const steps = ['copy', 'duplicates', 'hash', 'indexes', 'proof', 'swap']

/** Six hundred keys, every tenth of them twice. */
const table = `
  CREATE TABLE public.sales (id int, sold_on date NOT NULL, client text);
  INSERT INTO public.sales SELECT n, date '2024-01-01' + n % 60, 'first' FROM generate_series(1, 600) AS n;
  INSERT INTO public.sales SELECT n, date '2024-03-01', 'second' FROM generate_series(10, 600, 10) AS n;
  CREATE INDEX sales_client ON public.sales (client)`

describe('a server that is restarted without a checkpoint', () => {
  const work = quietWork()
  let own: OwnServer
  beforeAll(async () => {
    own = await ownServer(server.binaries)
  })
  afterAll(() => own[Symbol.asyncDispose]())

  test.each(everyFault ? steps : steps.slice(0, 1))('before the step %s of a setup', async (step) => {
    using warehouse = testWarehouse({
      datasets: {
        sales: {
          target: 'public.sales',
          key: 'id',
          recency: 'sold_on',
          partition: { key: 'sold_on', kind: 'date', grain: 'month', from: '2024-01', premake: 0 },
        },
      },
    })
    const at = warehouse.at(own.target)
    {
      await using session = await Session.open(own.target, 'dwh test', work)
      await session.run(table)
    }
    const stopAt = { type: 'step', step: `public.sales: ${step}`, state: 'started' } as const
    const child = startDwh(setup, { ...at, stopAt })
    const result = ended(child)
    await untilStopped(child.pid)
    await stopServer(own.folder, work, 'immediate')
    await startServer(own.folder, work, { binaries: server.binaries, settings: throwAway })
    child.kill('SIGCONT')
    expect(await result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/error SERVER_WENT_AWAY .*\nhint .*it resumes/),
    })
    await using session = await Session.open(own.target, 'dwh test', work)
    const sales = await describeTable(session, { schema: 'public', name: 'sales' })
    expect(sales.table).toMatchObject([{ relkind: 'r' }])

    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
    expect(
      await session.rows(
        `SELECT count(*) AS kept, count(*) FILTER (WHERE client = 'second') AS newer,
                (SELECT count(*) FROM public.sales_duplicates WHERE client = 'first') AS aside FROM public.sales`,
      ),
    ).toEqual([{ kept: 600, newer: 60, aside: 60 }])
    expect(await dwh(['setup', '--finish', '--yes'], at)).toMatchObject({ code: 0 })
    await session.run('DROP TABLE public.sales, public.sales_duplicates')
  })
})
