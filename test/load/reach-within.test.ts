import { Temporal } from 'temporal-polyfill'
import { expect, test } from 'vitest'
import { Landing } from '../../src/load/landing.ts'
import { readTarget } from '../../src/load/target.ts'
import { inTransaction } from '../../src/postgres/transaction.ts'
import { server } from '../support/servers.ts'
import { loadingPlace, loadTemplate } from './loading.ts'

const measure = {
  target: 'public.measure',
  key: ['id', 'jour'],
  partition: { key: 'jour', kind: 'date', grain: 'month', from: '2024-01-01', premake: 0, most: 2 },
}
const template = loadTemplate(
  server,
  'CREATE TABLE public.measure (id int, jour date, PRIMARY KEY (id, jour)) PARTITION BY RANGE (jour)',
)

test('leaves of a transaction that failed while it made them are not taken for made', async () => {
  await using place = await loadingPlace(server, template, { measure })
  const { session } = place
  const dataset = place.describeAlone('measure')
  const landing = await Landing.onTarget(session, dataset, await readTarget(session, dataset, ['id', 'jour']))
  const months = [1, 2, 3].map((month) => Temporal.PlainDate.from({ year: 2024, month, day: 5 }))
  const reach = (dates: Temporal.PlainDate[]) =>
    inTransaction(session, () => landing.reachWithin(session, dates))
  await expect(reach(months)).rejects.toMatchObject({ code: 'ROWS_UNFIT' })
  expect(landing.leaves).toEqual([])
  expect(await reach(months.slice(0, 2))).toHaveLength(2)
  expect(
    await place.rows("SELECT count(*)::int AS n FROM pg_inherits WHERE inhparent = 'measure'::regclass"),
  ).toEqual([{ n: 2 }])
})
