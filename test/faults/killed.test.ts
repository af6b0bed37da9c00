import { beforeAll, describe, expect, test } from 'vitest'
import { endState, plainSales, sales, salesWarehouse } from '../setup/fixture.ts'
import { describeTable } from '../support/catalogue.ts'
import { dwh, dwhDone } from '../support/cli.ts'
import { databaseTemplate, freshDatabase } from '../support/database.ts'
import { everyFault } from '../support/faults.ts'
import { server } from '../support/servers.ts'

const setup = ['setup', '--yes', '--no-backup']

/** Every boundary between two steps of this setup, by the step that is about to begin. */
const steps = [
  'measure',
  'apply test/0001_returns',
  'apply test/0002_regions',
  'leaves',
  'public.sales: writers wait from here',
  'public.sales: shadow tree',
  'public.sales: rehearsal',
  'public.sales: hash',
  'public.sales: copy',
  'public.sales: indexes',
  'public.sales: proof',
  'public.sales: analyze',
  'public.sales: swap',
  'public.sales: vacuum',
  'analyze',
  'verify',
  'gains',
]

/** What is killed without being asked for every fault: between migrations, with a copy, in the swap, and behind it. */
const sample = ['apply test/0002_regions', 'public.sales: indexes', 'public.sales: swap', 'gains']

describe('a setup that is killed goes on', () => {
  const template = databaseTemplate(server, plainSales)
  let uninterrupted: Awaited<ReturnType<typeof endState>>

  beforeAll(async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    await dwhDone(setup, warehouse.at(database.target))
    await using session = await database.open()
    uninterrupted = await endState(session)
    const done = await session.rows<{ step: string }>(
      "SELECT data ->> 'step' AS step FROM dwh.events WHERE kind = 'step' ORDER BY event",
    )
    expect(done.map(({ step }) => step)).toEqual(steps.toSpliced(3, 0, 'migrations'))
  })

  test.each(everyFault ? steps : sample)('killed with -9 before: %s', async (step) => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    await using session = await database.open()
    const before = await describeTable(session, sales)

    const first = await dwh(setup, { ...at, killAt: { type: 'step', step, state: 'started' } })
    expect(first).toMatchObject({ code: null, signal: 'SIGKILL' })
    const rows = await session.rows('SELECT count(*) AS n FROM public.sales')
    expect(rows).toEqual([{ n: 5000 }])
    const swapped = steps.indexOf(step) > steps.indexOf('public.sales: swap')
    if (!swapped) expect(await describeTable(session, sales)).toEqual(before)
    const died = await session.rows('SELECT state FROM dwh.run_states WHERE command = $1', ['setup'])
    expect(died).toEqual([{ state: 'died' }])

    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
    expect(await endState(session)).toEqual(uninterrupted)
  })

  test.each(['public.sales: copy', ...(everyFault ? ['public.sales: indexes'] : [])])(
    'killed with -9 within: %s',
    async (step) => {
      await using database = await freshDatabase(server, { template: template.name })
      using warehouse = salesWarehouse()
      const at = warehouse.at(database.target)
      const first = await dwh(setup, { ...at, killAt: { type: 'progress', step } })
      expect(first).toMatchObject({ code: null, signal: 'SIGKILL' })
      expect(await dwh(setup, at)).toMatchObject({ code: 0 })
      await using session = await database.open()
      expect(await endState(session)).toEqual(uninterrupted)
    },
  )

  test('rows that were written between the kill and the next run are there in the end', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    await dwh(setup, { ...at, killAt: { type: 'step', step: 'public.sales: proof', state: 'started' } })
    await using session = await database.open()
    await session.run(`
      UPDATE public.sales SET client = 'changed' WHERE sold_on BETWEEN '2024-02-01' AND '2024-02-03';
      DELETE FROM public.sales WHERE sold_on = '2024-03-15';
      INSERT INTO public.sales (sold_on, client) VALUES ('2024-05-01', 'new'), ('2024-01-01', 'new')`)
    const rows = await session.rows('SELECT * FROM public.sales ORDER BY id')
    const result = await dwh(setup, at)
    expect(result).toMatchObject({ code: 0 })
    expect(await session.rows('SELECT * FROM public.sales ORDER BY id')).toEqual(rows)
  })

  test('a column that was added between the kill and the next run is there in the end', async () => {
    await using database = await freshDatabase(server, { template: template.name })
    using warehouse = salesWarehouse()
    const at = warehouse.at(database.target)
    await dwh(setup, { ...at, killAt: { type: 'step', step: 'public.sales: proof', state: 'started' } })
    await using session = await database.open()
    await session.run("ALTER TABLE public.sales ADD COLUMN region text DEFAULT 'north'")
    expect(await dwh(setup, at)).toMatchObject({ code: 0 })
    expect(await session.rows('SELECT DISTINCT region FROM public.sales')).toEqual([{ region: 'north' }])
    const left = await session.rows("SELECT relname FROM pg_class WHERE relname LIKE '%dwh_shadow%'")
    expect(left).toEqual([])
  })
})
