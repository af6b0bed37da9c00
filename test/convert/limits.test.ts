import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/postgres/session.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh } from '../support/cli.ts'
import { freshDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testWarehouse } from '../support/warehouse.ts'

const sales = { schema: 'public', name: 'sales' }
const setup = ['setup', '--yes', '--no-backup']
const warehouse = () =>
  testWarehouse({
    datasets: {
      sales: {
        target: 'public.sales',
        key: 'id',
        recency: 'sold_on',
        partition: { key: 'sold_on', kind: 'date', grain: 'month', from: '2024-01', premake: 0 },
      },
    },
  })

async function plainSales(session: Session): Promise<void> {
  await session.run(`CREATE TABLE public.sales (id int, sold_on date NOT NULL, note text);
    CREATE INDEX sales_note ON public.sales (note);
    INSERT INTO public.sales SELECT n % 900, date '2024-01-01' + n % 60, 'n' FROM generate_series(1, 1000) AS n`)
}

describe.each(servers)('limits on $name', (server) => {
  test('--timeout ends the run in words, everything is as it was, and the same command goes on', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    await using writer = await database.open()
    using folder = warehouse()
    const at = folder.at(database.target)
    await plainSales(session)
    const before = await describeTable(session, sales)
    await writer.run('BEGIN; UPDATE public.sales SET note = note WHERE id = 1')
    expect(await dwh([...setup, '--timeout', '2s'], at)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/error TIMED_OUT 2 seconds are over; .*rolled back\nhint .*resumes/),
    })
    await writer.run('ROLLBACK')
    expect(await describeTable(session, sales)).toEqual(before)
    expect(await session.rows('SELECT state, error_code FROM dwh.run_states')).toEqual([
      { state: 'failed', error_code: 'TIMED_OUT' },
    ])
    expect(await dwh([...setup, '--timeout', '1h'], at)).toMatchObject({ code: 0 })
    expect(await dwh([...setup, '--timeout', 'soon'], at)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--timeout <span>: expected a length of time'),
    })
  })

  test('--tablespace takes leaves, indexes and what is set aside; one that is not there is refused', async () => {
    await using database = await freshDatabase(server)
    await using session = await database.open()
    using folder = warehouse()
    const at = folder.at(database.target)
    await plainSales(session)
    expect(await dwh([...setup, '--tablespace', 'nowhere'], at)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/USAGE there is no tablespace "nowhere"; nothing was changed/),
    })
    const name = `fast ${database.name}`
    await session.run('SET allow_in_place_tablespaces = on')
    await session.run(`CREATE TABLESPACE "${name}" LOCATION ''`)
    try {
      expect(await dwh([...setup, '--tablespace', name], at)).toMatchObject({ code: 0 })
      const elsewhere = await session.rows(
        `SELECT c.relname FROM pg_class AS c LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i') AND t.spcname IS DISTINCT FROM $1 ORDER BY 1`,
        [name],
      )
      expect(elsewhere).toEqual([{ relname: 'sales_before_setup' }, { relname: 'sales_note_before_setup' }])
    } finally {
      await session.run('DROP TABLE public.sales, public.sales_duplicates')
      await session.run(`DROP TABLESPACE "${name}"`)
    }
  })
})
